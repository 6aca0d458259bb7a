// Synthetic loads on a drive, closed loop, as the reference simulator's results describe them.
#pragma once

#include <functional>
#include <vector>

#include "model/disk/drive.h"
#include "sim/event_queue.h"

// Keeps `depth` commands with the drive: each completion brings the next at once. Response times of all but the first.
class ClosedLoop final : private model::DriveHost {
 public:
  using Next = std::function<model::DriveCommand()>;

  ClosedLoop(const model::DriveFile& file, Next next) : next_{std::move(next)}, drive_{file, {}, queue_, *this} {}

  void run(std::uint32_t depth, std::uint32_t commands, std::uint32_t dropped) {
    starts_.resize(file().queue.depth);
    for (std::uint32_t id = 0; id < depth; ++id) submit(id);
    while (done_ < dropped) queue_.run_next();
    const sim::Time from = queue_.now();
    measuring_ = true;
    while (done_ < commands) queue_.run_next();
    elapsed = queue_.now() - from;
  }

  const model::DriveFile& file() const { return drive_.file(); }
  double mean_ms() const {
    double sum = 0;
    for (const sim::Duration response : responses) sum += response.to_seconds() * 1e3;
    return sum / static_cast<double>(responses.size());
  }
  double per_second() const { return static_cast<double>(responses.size()) / elapsed.to_seconds(); }

  std::vector<sim::Duration> responses;
  sim::Duration elapsed;

 private:
  void submit(std::uint32_t id) {
    model::DriveCommand command = next_();
    command.id = id;
    starts_[id] = queue_.now();
    drive_.submit(command);
  }
  void drive_completed(std::uint32_t id, bool) override {
    ++done_;
    if (measuring_) responses.push_back(queue_.now() - starts_[id]);
    submit(id);
  }

  Next next_;
  sim::EventQueue queue_;
  model::Drive drive_;
  std::vector<sim::Time> starts_;
  std::uint32_t done_ = 0;
  bool measuring_ = false;
};

// A disk that ends what it is asked for in any order and at any time, a block at a time, and what a driver of it may
// promise: a test that survives it does not live from how real drives happen to sort.
#pragma once

#include <functional>
#include <vector>

#include "sim/random.h"
#include "workloads/kernel/block/request_queue.h"
#include "workloads/kernel/kernel.h"
#include "workloads/kernel/system_calls.h"

namespace test {

class ReorderingDisk final : public guest::BlockDriver {
 public:
  enum class Barriers {
    none,     // whoever needs order waits
    kept,     // a barrier passes nobody, and nobody passes it
    ignored,  // it says so
  };
  ReorderingDisk(std::uint64_t bytes, Barriers barriers, std::uint64_t seed)
      : sectors_{bytes / 512}, barriers_{barriers}, random_{sim::Random{seed}.stream("disk")} {}

  // A write is on the medium, block by block.
  std::function<void(sim::Time, std::uint64_t sector)> written;

  guest::u64 sectors() const override { return sectors_; }
  guest::u32 most_request_sectors() const override { return 8; }  // so that nothing is merged
  bool barriers() const override { return barriers_ != Barriers::none; }
  model::Task<> start(guest::RequestQueue& queue) override {
    queue_ = &queue;
    while (guest::BlockRequest* request = queue.take()) waiting_.push_back(request);
    co_return;
  }

  // A process that does the disk's work, every tick some of it, until `stop`.
  model::Task<> work(guest::SystemCalls& calls, const bool& stop) {
    while (!stop) {
      co_await calls.sleep(1);
      calls.kernel().enter_system_call();
      for (std::uint64_t n = random_.below(30); n > 0 && !waiting_.empty(); --n) end_one(calls);
      co_await calls.kernel().leave_system_call();
    }
  }

 private:
  void end_one(guest::SystemCalls& calls) {
    std::size_t choices = waiting_.size();  // of those in front
    if (barriers_ == Barriers::kept) {
      for (std::size_t i = waiting_.size(); i-- > 0;) {
        if (waiting_[i]->barrier) choices = std::max<std::size_t>(i, 1);
      }
    }
    const auto chosen = waiting_.begin() + static_cast<std::ptrdiff_t>(random_.below(choices));
    guest::BlockRequest& request = **chosen;
    waiting_.erase(chosen);
    if (request.direction == guest::BlockDirection::write) written(calls.machine().running().now(), request.sector);
    queue_->complete(request, false);
  }

  std::uint64_t sectors_;
  Barriers barriers_;
  sim::RandomStream random_;
  guest::RequestQueue* queue_ = nullptr;
  std::vector<guest::BlockRequest*> waiting_;  // the oldest first
};

}  // namespace test

#include "experiments/runner/disk_loads.h"

#include <algorithm>
#include <array>
#include <fstream>
#include <functional>
#include <numeric>

#include "experiments/runner/csv.h"
#include "experiments/runner/disk_replay.h"
#include "experiments/runner/input_error.h"
#include "experiments/runner/names.h"
#include "model/disk/drive.h"
#include "sim/event_queue.h"
#include "sim/random.h"

namespace runner {

namespace {

using model::DriveCommand, model::DriveFile;
using Next = std::function<DriveCommand()>;

constexpr std::array<const char*, 4> kPolicies = {"FCFS", "CLOOK", "SSTF", "SPTF"};  // in the order of SeekPolicy

DriveFile drive_of(DriveFile file, const DiskLoad& load) {
  if (load.config == "clean") {
    file.set("buffer.read_cache", 0);
    file.set("buffer.write_cache", 0);
    file.set("bus.rate", 160e6);
  } else {
    file = behind_host_path(std::move(file));
  }
  const auto policy = std::ranges::find(kPolicies, load.policy) - kPolicies.begin();
  file.set("queue.policy", load.locus == "host" ? 0 : static_cast<double>(policy));
  file.set("queue.depth", 256);  // the reference's has no end; what it does not take waits in front of it
  return file;
}

Next requests_of(const DriveFile& file, const DiskLoad& load) {
  const bool write = load.input.ends_with("_W");
  DriveCommand command{.operation = write ? hw::BlockOperation::write : hw::BlockOperation::read};
  const std::uint64_t all = file.geometry.sectors;
  if (load.input.starts_with("seq64k")) {
    command.sectors = 128;
    // The reference's inner run ends before the drive does.
    const std::uint64_t first = load.input.find("outer") != std::string::npos    ? 0
                                : load.input.find("middle") != std::string::npos ? all / 2
                                                                                 : all - 4'000 * 128;
    return [=, sector = first / 128 * 128]() mutable {
      command.sector = sector;
      sector += 128;
      return command;
    };
  }
  command.sectors = load.input.starts_with("rand4k") ? 8 : 16;
  return [=, stream = sim::Random{1}.stream("disk")]() mutable {
    command.sector = stream.below(all / command.sectors) * command.sectors;
    return command;
  };
}

// The requests that are not with the drive yet, and who is next.
class Loop final : private model::DriveHost, private sim::EventHandler {
 public:
  Loop(const DriveFile& file, const DiskLoad& load, Next next)
      : load_{load},
        at_drive_{load.locus == "host" ? 1 : file.queue.depth},
        next_{std::move(next)},
        drive_{file, {}, queue_, *this} {}

  DiskLoadResult run(std::uint32_t counted, std::uint32_t before) {
    responses_.reserve(counted);
    if (load_.mode == "open") {
      arrive_later();
    } else {
      for (std::uint32_t i = 0; i < static_cast<std::uint32_t>(load_.amount); ++i) arrive();
    }
    before_ = before;
    while (responses_.size() < counted) queue_.run_next();
    const double seconds = (queue_.now() - from_).to_seconds();
    std::ranges::sort(responses_);
    const auto quantile = [&](std::size_t percent) { return responses_[(responses_.size() - 1) * percent / 100]; };
    return {
        .mean_ms = std::accumulate(responses_.begin(), responses_.end(), 0.0) / counted,
        .median_ms = quantile(50),
        .p90_ms = quantile(90),
        .p99_ms = quantile(99),
        .per_second = counted / seconds,
        .mean_square_ms2 = std::inner_product(responses_.begin(), responses_.end(), responses_.begin(), 0.0) / counted};
  }

 private:
  struct Waiting {
    DriveCommand command;
    sim::Time since;
  };

  void on_event(std::uint64_t) override {
    arrive();
    arrive_later();
  }
  void arrive_later() {
    const double seconds = arrivals_.exponential(1 / load_.amount);
    queue_.schedule(queue_.now() + sim::Duration::picoseconds(static_cast<std::int64_t>(seconds * 1e12)), *this, 0);
  }
  void arrive() {
    waiting_.push_back({next_(), queue_.now()});
    give();
  }
  void give() {
    while (!waiting_.empty() && started_.size() - free_.size() < at_drive_) {
      auto chosen = waiting_.begin();
      if (load_.locus == "host" && load_.policy == "CLOOK") {
        // Ascending from where the last one was, then the lowest.
        const auto distance = [&](const Waiting& w) { return w.command.sector - last_sector_; };  // wraps
        chosen = std::ranges::min_element(waiting_, {}, distance);
      }
      if (free_.empty()) {
        free_.push_back(static_cast<std::uint32_t>(started_.size()));
        started_.emplace_back();
      }
      const std::uint32_t id = free_.back();
      free_.pop_back();
      started_[id] = chosen->since;
      DriveCommand command = chosen->command;
      command.id = id;
      last_sector_ = command.sector;
      waiting_.erase(chosen);
      drive_.submit(command);
    }
  }
  void drive_completed(std::uint32_t id, bool) override {
    const double ms = (queue_.now() - started_[id]).to_seconds() * 1e3;
    free_.push_back(id);
    if (before_ > 0) {
      if (--before_ == 0) from_ = queue_.now();
    } else {
      responses_.push_back(ms);
    }
    give();  // a host has the next one ready before anybody hears of this one
    if (load_.mode != "open") arrive();
  }

  const DiskLoad& load_;
  std::size_t at_drive_;
  Next next_;
  sim::RandomStream arrivals_ = sim::Random{1}.stream("arrivals");
  sim::EventQueue queue_;
  model::Drive drive_;
  std::vector<Waiting> waiting_;
  std::uint64_t last_sector_ = 0;
  std::vector<sim::Time> started_;  // by the drive's id
  std::vector<std::uint32_t> free_;
  std::uint32_t before_ = 0;
  sim::Time from_;
  std::vector<double> responses_;  // ms
};

}  // namespace

std::vector<DiskLoadRow> load_disk_loads(const std::string& file) {
  std::ifstream stream{file};
  std::string line;
  if (!stream || !std::getline(stream, line)) {
    throw InputError{{file, ""}, Mismatch{"a CSV file of loads on a disk", "none that can be read", ""}};
  }
  const std::vector<std::string> names = csv_cells(line);
  const auto column = [&](const char* name) {
    const auto found = std::ranges::find(names, name);
    if (found == names.end()) throw InputError{{file + ":1", ""}, Mismatch{std::string{"a column "} + name, line, ""}};
    return static_cast<std::size_t>(found - names.begin());
  };
  const std::array text = {column("config"), column("queue_locus"), column("policy"), column("input"), column("mode")};
  const std::array numbers = {column("qd_or_rate"), column("n"),      column("mean_ms"), column("p50_ms"),
                              column("p90_ms"),     column("p99_ms"), column("iops")};
  std::vector<DiskLoadRow> rows;
  for (std::size_t number = 2; std::getline(stream, line); ++number) {
    const std::vector<std::string> cells = csv_cells(line);
    const auto fail = [&](const char* expected) {
      throw InputError{{file + ":" + std::to_string(number), ""}, Mismatch{expected, in_quotes(line), ""}};
    };
    if (cells.size() != names.size()) fail("as many values as columns");
    std::array<double, numbers.size()> values{};
    for (std::size_t i = 0; i < numbers.size(); ++i) {
      const auto value = csv_number<double>(cells[numbers[i]]);
      if (!value) fail("numbers");
      values[i] = *value;
    }
    const DiskLoad load{cells[text[0]], cells[text[1]], cells[text[2]], cells[text[3]], cells[text[4]], values[0]};
    if (std::ranges::find(kPolicies, load.policy) == kPolicies.end()) fail("FCFS, CLOOK, SSTF or SPTF");
    rows.push_back(
        {load, static_cast<std::uint32_t>(values[1]), {values[2], values[3], values[4], values[5], values[6], 0}});
  }
  return rows;
}

DiskLoadResult run_disk_load(const DriveFile& drive, const DiskLoadRow& row) {
  const DriveFile file = drive_of(drive, row.load);
  const std::uint32_t before = row.counted / (row.load.input.starts_with("seq") ? 9 : 19);
  DiskLoad load = row.load;
  // The reference's arrivals came half a per cent faster than asked for: near saturation that matters.
  if (load.mode == "open" && row.reference.per_second > 0) load.amount = row.reference.per_second;
  return Loop{file, load, requests_of(file, load)}.run(row.counted, before);
}

}  // namespace runner

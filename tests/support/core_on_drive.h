// The whole core over the modelled host adapter and drive: tests play the guests, the drive has the time. What the
// medium holds when is told by the drive's observer and by the words that the guests' pages held when the core gave the
// write away; nothing of it comes from the core's tables.
#pragma once

#include <vector>

#include "model/disk/host_adapter.h"
#include "sim/event_queue.h"
#include "support/block_guest.h"
#include "support/guest_host.h"

namespace test {

// What a drive does that is asked to flush its cache, or to write past it.
enum class Promises { kept, ignored };

// One sector's way below the head, as it is written.
struct Passage {
  sim::Time begin, end;
  u64 sector;
  u32 contents;  // the first word of the sector's memory
};

class CoreOnDrive final : private model::DriverCpu, private model::MediumObserver {
 public:
  explicit CoreOnDrive(const model::DriveFile& drive, Promises promises = Promises::kept)
      : promises_{promises}, adapter_{dell2650(), drive, {}, kLine, queue_, router_, *this} {
    router_.unmask(kLine);
    adapter_.drive().set_observer(this);
  }

  CoreHost& host() { return host_; }
  sim::Time now() const { return queue_.now(); }
  // The next thing that happens at the disk, and what the core makes of it. False: nothing is under way.
  bool step() {
    if (device_.forgotten.empty() && !queue_.run_next()) return false;
    while (pending_ || !device_.forgotten.empty()) {
      pending_ = false;
      host_.interrupt(kLine);
      router_.end_of_interrupt(kLine);
    }
    return true;
  }
  const std::vector<Passage>& written() const { return written_; }
  const model::DriveCounts& drive_counts() const { return adapter_.drive().counts(); }

 private:
  static constexpr u32 kLine = hw::kFirstDeviceLine + 1;

  struct Submitted {
    u64 sector;
    std::vector<u32> contents;  // of a write, by sector
  };

  // What the core has for its disk: passes everything on, unless the drive's promises are not kept.
  struct Device final : hw::BlockDevice {
    explicit Device(CoreOnDrive& owner) : all{owner} {}
    u32 interrupt_line() const override { return kLine; }
    u64 sectors() const override { return all.adapter_.sectors(); }
    u32 queue_depth() const override { return all.adapter_.queue_depth(); }
    bool caches_writes() const override { return all.adapter_.caches_writes(); }
    bool submit(const hw::BlockCommand& command) override {
      hw::BlockCommand passed = command;
      if (all.promises_ == Promises::ignored) {
        passed.force_unit_access = false;
        if (command.operation == hw::BlockOperation::flush) {
          forgotten.push_back({command.id});
          return true;
        }
      }
      all.submitted_.push_back({command.sector, all.contents_of(command)});
      return all.adapter_.submit(passed);
    }
    bool next_completed(hw::BlockCompletion& completion) override {
      if (forgotten.empty()) return all.adapter_.next_completed(completion);
      completion = forgotten.back();
      forgotten.pop_back();
      return true;
    }
    void interrupt_done() override { all.adapter_.interrupt_done(); }

    CoreOnDrive& all;
    std::vector<hw::BlockCompletion> forgotten;  // flushes that complete without being done
  };

  std::vector<u32> contents_of(const hw::BlockCommand& command) {
    std::vector<u32> contents;
    if (command.operation != hw::BlockOperation::write) return contents;
    for (u32 i = 0; i < command.segment_count; ++i) {
      const hw::BlockSegment& segment = command.segments[i];
      for (u32 k = 0; k < segment.sectors; ++k) {
        contents.push_back(
            host_.machine.ram.word(segment.frame.address() + (segment.first_sector + k) * hw::kSectorBytes));
      }
    }
    return contents;
  }
  void medium_run(const model::MediumRun& run, std::uint32_t command, bool write) override {
    if (!write) return;
    const Submitted& source = submitted_.at(model::HostAdapter::submission_of(command));
    for (u32 i = 0; i < run.sectors; ++i) {
      const u64 sector = run.sector + i;
      written_.push_back({run.passed(i), run.passed(i + 1), sector, source.contents.at(sector - source.sector)});
    }
  }
  sim::Time local_time() const override { return queue_.now(); }
  void charge(sim::Cycles) override {}

  Promises promises_;
  sim::EventQueue queue_;
  bool pending_ = false;
  model::InterruptRouter router_{[this](CpuId, u32, bool pending) { pending_ = pending; }};
  model::HostAdapter adapter_;
  Device device_{*this};
  std::vector<Submitted> submitted_;  // in this order
  std::vector<Passage> written_;      // in the order in which the arm set out
  CoreHost host_{{.frames = 2560, .block_device = &device_}};
};

// The machine's drive with other settings.
inline model::DriveFile drive_with(bool write_cache, model::SeekPolicy policy) {
  model::DriveFile file = ultrastar();
  file.set("buffer.write_cache", write_cache);
  file.set("queue.policy", static_cast<double>(policy));
  return file;
}

}  // namespace test

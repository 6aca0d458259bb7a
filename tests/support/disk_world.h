// A guest kernel on bare hardware with a file system on a modelled drive, and what a test wants to see of it: the
// writes as the file system submits them, with what is in them, and the sectors as they come onto the medium.
#pragma once

#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "model/disk/drive.h"
#include "support/native_kernel.h"

namespace test {

inline constexpr std::uint32_t kBlockSectors = 8, kBlockWords = 1024;

struct SubmittedWrite {
  std::uint64_t sector;
  bool barrier;
  std::vector<std::uint32_t> words;  // what is at the beginning of it, as the disk has it: big-endian
};

struct MediumWrite {
  sim::Time at;       // the whole block has passed
  std::size_t write;  // which submitted one
};

// The writes of one request queue and drive, in the order of their submission and in that of the medium.
class DiskRecord final : public model::BlockTrace, public model::MediumObserver {
 public:
  explicit DiskRecord(model::Machine& machine) : machine_{machine} {}

  void watch(guest::RequestQueue& queue) {
    queue_ = &queue;
    queue.trace(*this, 0);
  }
  const std::vector<SubmittedWrite>& submitted() const { return submitted_; }
  // In the order of their times.
  std::vector<MediumWrite> on_medium() const {
    std::vector<MediumWrite> sorted = on_medium_;
    std::stable_sort(sorted.begin(), sorted.end(), [](const auto& a, const auto& b) { return a.at < b.at; });
    return sorted;
  }

  DeviceId add_device(const std::string&) override { return 0; }
  void event(DeviceId, const model::BlockTraceEvent& event, sim::Time) override {
    using Action = model::BlockTraceEvent::Action;
    if (!event.write || (event.action != Action::inserted && event.action != Action::merged)) return;
    for (const guest::BlockRequest* request : queue_->elevator().waiting()) {
      for (const guest::Buffer* buffer : request->buffers) {
        if (buffer->sector == event.sector) submit(*buffer, event.barrier);
      }
    }
  }
  void passed(sim::Time) override {}
  void medium_run(const model::MediumRun& run, std::uint32_t, bool write) override {
    if (!write) return;
    for (std::uint32_t i = 0; i < run.sectors; ++i) {
      const std::uint64_t sector = run.sector + i;
      if (sector % kBlockSectors == kBlockSectors - 1) {
        on_medium_.push_back({run.passed(i + 1), latest_.at(sector / kBlockSectors)});
      }
    }
  }

 private:
  void submit(const guest::Buffer& buffer, bool barrier) {
    SubmittedWrite write{buffer.sector, barrier, std::vector<std::uint32_t>(kBlockWords)};
    const hw::Words words = machine_.memory().window(hv::MachineFrame{buffer.frame.number()});
    for (std::uint32_t i = 0; i < kBlockWords; ++i) write.words[i] = words.load(i);
    latest_[buffer.sector / kBlockSectors] = submitted_.size();
    submitted_.push_back(std::move(write));
  }

  model::Machine& machine_;
  guest::RequestQueue* queue_ = nullptr;
  std::vector<SubmittedWrite> submitted_;
  std::map<std::uint64_t, std::size_t> latest_;  // write by block; a block has one write under way at a time
  std::vector<MediumWrite> on_medium_;
};

// Bare hardware with a drive; the file system is on its first disk.
class DiskKernel : public NativeKernel {
 public:
  explicit DiskKernel(std::vector<guest::UserCode> programs, const DiskOfKernel& disk = {})
      : NativeKernel{std::move(programs), 1, dell2650(), &disk} {}

  // Before it runs: everything that is written from now on.
  void watch(DiskRecord& record) {
    record.watch(kernel().disks().front().queue);
    machine().disk()->drive().set_observer(&record);
  }
};

// What the kernel knows of a file, which it looks up as in a system call.
inline model::Task<std::shared_ptr<guest::RegularFile>> file_of(guest::SystemCalls& calls, std::string path) {
  calls.kernel().enter_system_call();
  const std::shared_ptr<guest::Inode> inode = co_await calls.kernel().file_system().find(path);
  co_await calls.kernel().leave_system_call();
  co_return std::dynamic_pointer_cast<guest::RegularFile>(inode);
}

}  // namespace test

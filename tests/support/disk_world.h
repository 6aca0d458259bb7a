// A guest kernel with a file system on a modelled drive, on bare hardware or in a domain, and what a test wants to see
// of it: the writes as the file system submits them, with what is in them, and the blocks as they come onto the medium.
#pragma once

#include <algorithm>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "model/disk/host_adapter.h"
#include "support/native_kernel.h"
#include "support/xen_kernel.h"

namespace test {

inline constexpr std::uint32_t kBlockSectors = 8, kBlockWords = 1024;

struct SubmittedWrite {
  std::uint64_t sector;
  bool barrier;
  std::vector<std::uint32_t> words;  // what is at the beginning of it, as the disk has it: big-endian
  sim::Time submitted, completed;    // completed: as the kernel is told
};

struct MediumWrite {
  sim::Time at;       // the whole block has passed
  std::size_t write;  // which submitted one
};

// The writes of one request queue and of the drive below it, in the order of their submission and in that of the
// medium. The kernel's disk begins where the drive does.
class DiskRecord final : public model::BlockTrace, public model::MediumObserver {
 public:
  using MachineFrames = std::function<hv::MachineFrame(guest::GuestFrame)>;

  // Before the machine's drive is used, and before the file system writes. Without a drive, whoever takes its place
  // calls written().
  void attach(model::Machine& machine, MachineFrames machine_frames) {
    machine_ = &machine;
    machine_frames_ = std::move(machine_frames);
    if (machine.disk() == nullptr) return;
    machine.disk()->set_trace(*this, "drive");
    machine.disk()->drive().set_observer(this);
  }
  void watch(guest::RequestQueue& queue) {
    queue_ = &queue;
    queue.trace(*this, kQueue);
  }
  // The write that was submitted last for a block is on the medium.
  void written(std::uint64_t sector, sim::Time at) { on_medium_.push_back({at, latest_.at(sector / kBlockSectors)}); }
  const std::vector<SubmittedWrite>& submitted() const { return submitted_; }
  // In the order of their times.
  std::vector<MediumWrite> on_medium() const {
    std::vector<MediumWrite> sorted = on_medium_;
    std::stable_sort(sorted.begin(), sorted.end(), [](const auto& a, const auto& b) { return a.at < b.at; });
    return sorted;
  }

  DeviceId add_device(const std::string&) override { return kDrive; }
  void event(DeviceId device, const model::BlockTraceEvent& event, sim::Time at) override {
    using Action = model::BlockTraceEvent::Action;
    if (device == kDrive) {
      if (event.action == Action::queued) give_to_drive(event);
    } else if (event.write && (event.action == Action::inserted || event.action == Action::merged)) {
      for (const guest::BlockRequest* request : queue_->elevator().waiting()) {
        for (const guest::Buffer* buffer : request->buffers) {
          if (buffer->sector == event.sector) submit(*buffer, event.barrier, at);
        }
      }
    } else if (event.write && event.action == Action::completed) {
      for (std::uint32_t done = 0; done < event.sectors; done += kBlockSectors) {
        submitted_[latest_.at((event.sector + done) / kBlockSectors)].completed = at;
      }
    }
  }
  void passed(sim::Time) override {}
  void medium_run(const model::MediumRun& run, std::uint32_t command, bool write) override {
    if (!write) return;
    const Given& given = given_.at(model::HostAdapter::submission_of(command));
    for (std::uint32_t i = 0; i < run.sectors; ++i) {
      const std::uint64_t sector = run.sector + i;
      if (sector % kBlockSectors == kBlockSectors - 1) {
        on_medium_.push_back({run.passed(i + 1), given.writes.at((sector - given.sector) / kBlockSectors)});
      }
    }
  }

 private:
  static constexpr DeviceId kQueue = 0, kDrive = 1;
  struct Given {  // a command
    std::uint64_t sector;
    std::vector<std::size_t> writes;  // by block
  };

  void submit(const guest::Buffer& buffer, bool barrier, sim::Time at) {
    SubmittedWrite write{buffer.sector, barrier, std::vector<std::uint32_t>(kBlockWords), at, {}};
    const hw::Words words = machine_->memory().window(machine_frames_(buffer.frame));
    for (std::uint32_t i = 0; i < kBlockWords; ++i) write.words[i] = words.load(i);
    latest_[buffer.sector / kBlockSectors] = submitted_.size();
    submitted_.push_back(std::move(write));
  }
  void give_to_drive(const model::BlockTraceEvent& event) {
    Given& given = given_.emplace_back(Given{event.sector, {}});
    for (std::uint32_t done = 0; event.write && done < event.sectors; done += kBlockSectors) {
      given.writes.push_back(latest_.at((event.sector + done) / kBlockSectors));
    }
  }

  model::Machine* machine_ = nullptr;
  MachineFrames machine_frames_;
  guest::RequestQueue* queue_ = nullptr;
  std::vector<SubmittedWrite> submitted_;
  std::map<std::uint64_t, std::size_t> latest_;  // write by block; a block has one write under way at a time
  std::vector<Given> given_;                     // to the drive, in this order
  std::vector<MediumWrite> on_medium_;
};

// What the kernel knows of a file, which it looks up as in a system call.
inline model::Task<std::shared_ptr<guest::RegularFile>> file_of(guest::SystemCalls& calls, std::string path) {
  calls.kernel().enter_system_call();
  const std::shared_ptr<guest::Inode> inode = co_await calls.kernel().file_system().find(path);
  co_await calls.kernel().leave_system_call();
  co_return std::dynamic_pointer_cast<guest::RegularFile>(inode);
}

// Bare hardware with a drive; the file system is on its first disk.
class DiskKernel : public NativeKernel {
 public:
  explicit DiskKernel(std::vector<guest::UserCode> programs, const DiskOfKernel& disk = {})
      : NativeKernel{std::move(programs), 1, dell2650(), &disk} {}
  DiskKernel(std::vector<guest::UserCode> programs, const DiskOfKernel& disk, DiskRecord& record)
      : DiskKernel{std::move(programs), disk} {
    watch(record);
  }

  // Before it runs: everything that is written from now on.
  void watch(DiskRecord& record) {
    record.attach(machine(), [](guest::GuestFrame frame) { return hv::MachineFrame{frame.number()}; });
    record.watch(kernel().disks().front().queue);
  }
};

// A domain with a VBD on the same drive. `record`: everything that is written from when its first program calls
// DiskRecord::watch() with the disk's queue.
class XenDiskKernel : public XenKernel {
 public:
  XenDiskKernel(std::vector<guest::UserCode> programs, const DiskOfKernel& disk, DiskRecord& record)
      : XenKernel{std::move(programs), dell2650(), 64, &disk, [&record](model::Machine& machine, guest::XenPort& port) {
                    record.attach(machine, [&port](guest::GuestFrame frame) { return port.machine_frame(frame); });
                  }} {}
};

}  // namespace test

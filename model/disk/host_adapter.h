// The SCSI host adapter of the machine (an Adaptec AIC-7899 as the aic7xxx driver sets it up) with one drive behind it.
//
// The driver puts a command block into memory and tells the adapter with one register write; the adapter's sequencer
// fetches it, selects the drive, moves the data by DMA and puts the block onto the queue of done ones. Data have no
// contents in this machine, so nothing is written into the frames.
#pragma once

#include <string>
#include <vector>

#include "hardware/block_device.h"
#include "model/disk/block_trace.h"
#include "model/disk/drive.h"
#include "model/interrupts.h"
#include "model/machine_file.h"
#include "model/nic.h"
#include "sim/event_queue.h"

namespace model {

class HostAdapter final : public hw::BlockDevice, private DriveHost, private sim::EventHandler {
 public:
  // All references outlive the adapter.
  HostAdapter(const MachineFile& machine, const DriveFile& drive, std::vector<std::uint64_t> bad_sectors, hv::u32 line,
              sim::EventQueue& queue, InterruptRouter& router, DriverCpu& driver);

  Drive& drive() { return drive_; }
  const Drive& drive() const { return drive_; }
  // Which of all submitted commands, counted from 0 (modulo 2^24), has this id at the drive: for whoever watches the
  // medium, where a write may come to pass long after its slot was given to another.
  static std::uint32_t submission_of(std::uint32_t drive_id) { return drive_id >> kSlotBits; }
  // From now on; the trace outlives the adapter.
  void set_trace(BlockTrace& trace, const std::string& device_name);

  hv::u32 interrupt_line() const override { return line_; }
  hv::u64 sectors() const override { return drive_.sectors(); }
  hv::u32 queue_depth() const override { return static_cast<hv::u32>(commands_.size()); }
  bool caches_writes() const override { return drive_.caches_writes(); }
  bool submit(const hw::BlockCommand& command) override;
  bool next_completed(hw::BlockCompletion& completion) override;
  void interrupt_done() override;

 private:
  using Slot = hv::u32;
  static constexpr hv::u32 kSlotBits = 8;  // of a command's id at the drive
  struct Command {
    DriveCommand asked;
    hv::u32 id = 0;  // the caller's
  };

  void on_event(std::uint64_t word) override;
  void drive_completed(std::uint32_t drive_id, bool failed) override;
  void interrupt();
  void record(BlockTraceEvent::Action action, const DriveCommand& command, bool failed = false);

  const MachineFile& machine_;
  sim::Clock clock_;
  hv::u32 line_;
  sim::EventQueue& queue_;
  InterruptRouter& router_;
  DriverCpu& driver_;
  Drive drive_;
  BlockTrace* trace_ = nullptr;
  BlockTrace::DeviceId traced_as_ = 0;

  std::vector<Command> commands_;  // by slot
  std::vector<Slot> free_;
  std::uint32_t submitted_ = 0;
  std::vector<hw::BlockCompletion> completed_;  // oldest first, with the slot as id
  bool interrupting_ = false;                   // from the interrupt to interrupt_done()
};

}  // namespace model

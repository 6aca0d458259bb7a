// An ATA disk by programmed I/O: the second drive of the primary channel. The first is what the PC was started from,
// and never a virtual block device.
//
// It has no queue: one command is with it at a time, and tags ask for nothing. A write may end in the drive's cache;
// what must be on the medium is followed by FLUSH CACHE, for that is in every drive, and a write through the cache is
// not. Each sector that is moved raises an interrupt (ATA/ATAPI-6, 9.5 and 9.6).
#pragma once

#include "hardware/block_device.h"
#include "metal/metal_memory.h"

namespace metal {

class AtaDisk final : public hw::BlockDevice {
 public:
  constexpr explicit AtaDisk(MetalMemory& memory) : memory_{memory} {}

  // Asks the drive what it is. False: there is none, or it knows no LBA.
  bool start();

  u32 interrupt_line() const override;
  u64 sectors() const override { return sectors_; }
  u32 queue_depth() const override { return 1; }
  bool caches_writes() const override { return true; }  // who asks cannot trust the answer of all drives

  bool submit(const hw::BlockCommand& command) override;
  bool next_completed(hw::BlockCompletion& completion) override;
  void interrupt_done() override {}  // reading the status was that

 private:
  // What the drive is doing, and the next interrupt says more of.
  enum class Phase : u8 { idle, reading, writing, flushing };

  void begin_part();
  void begin_flush();
  void move_sector();
  bool end(hw::BlockCompletion& completion, bool failed);

  MetalMemory& memory_;
  u32 sectors_ = 0;

  Phase phase_ = Phase::idle;
  hw::BlockCommand command_;  // its segments are those below
  hw::BlockSegment segments_[hw::kMaxBlockSegments];
  u32 segment_ = 0, within_ = 0;  // where the next sector goes to or comes from
  u32 moved_ = 0;                 // sectors of the command
  u32 left_ = 0;                  // to be moved in this part of it: one command of the drive
};

}  // namespace metal

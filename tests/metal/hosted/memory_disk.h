// A disk in memory, with contents, which the model's has not: one command at a time, over when somebody waits for it.
#pragma once

#include <vector>

#include "hardware/block_device.h"
#include "hardware/cpu.h"
#include "hardware/memory.h"

namespace hosted {

using namespace hv;  // NOLINT

inline constexpr u32 kDiskSectors = 2016;  // as the PC's (wire.py)

class MemoryDisk final : public hw::BlockDevice {
 public:
  explicit MemoryDisk(hw::Memory& memory) : memory_{memory}, words_(kDiskSectors * kSectorWords) {}

  u32 interrupt_line() const override { return hw::kFirstDeviceLine + 14; }
  u64 sectors() const override { return kDiskSectors; }
  u32 queue_depth() const override { return 1; }
  bool caches_writes() const override { return true; }
  bool submit(const hw::BlockCommand& command) override;
  bool next_completed(hw::BlockCompletion& completion) override;
  void interrupt_done() override {}

  bool busy() const { return busy_; }

 private:
  static constexpr u32 kSectorWords = hw::kSectorBytes / 4;

  hw::Memory& memory_;
  std::vector<u32> words_;
  bool busy_ = false;
  hw::BlockCommand command_;
  std::vector<hw::BlockSegment> segments_;
};

}  // namespace hosted

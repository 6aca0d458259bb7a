// The whole machine as the core sees it at boot.
#pragma once

#include "base/types.h"
#include "hardware/block_device.h"
#include "hardware/cpu.h"
#include "hardware/memory.h"
#include "hardware/network_device.h"

namespace hw {

class Console {
 public:
  virtual void write(const char* text, u32 bytes) = 0;

 protected:
  ~Console() = default;
};

class InterruptController {
 public:
  virtual void route(u32 line, CpuId cpu) = 0;  // device lines only
  virtual void mask(u32 line) = 0;
  virtual void unmask(u32 line) = 0;

 protected:
  ~InterruptController() = default;
};

class Machine {
 public:
  virtual u32 cpu_count() const = 0;
  virtual Cpu& cpu(CpuId id) = 0;
  virtual u64 cycles_per_second() const = 0;
  virtual Memory& memory() = 0;
  virtual InterruptController& interrupts() = 0;
  virtual Console& console() = 0;
  virtual NetworkDevice* network() = 0;  // null: no card
  virtual BlockDevice* block() = 0;      // null: no disk
  virtual u64 wall_clock_seconds() = 0;  // battery clock, read at boot
  // A broken invariant of the core: report and do not return to the guest.
  [[noreturn]] virtual void stop(const char* reason) = 0;

 protected:
  ~Machine() = default;
};

}  // namespace hw

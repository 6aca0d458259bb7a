// What the core may ask of the physical CPU it was entered on.
//
// No call says how long it takes: the model charges it, metal spends it. No call blocks, and none re-enters the core.
#pragma once

#include "base/types.h"
#include "hardware/registers.h"
#include "hardware/work.h"

namespace hw {

// Room for one FXSAVE image. Opaque to the core.
struct alignas(16) FpuImage {
  u8 bytes[512] = {};
};

// A trap gate that ring 3 may call without entering the hypervisor. vector 0: none.
struct DirectGate {
  u32 vector = 0;
  u32 cs = 0;
  u32 eip = 0;
};

class Cpu {
 public:
  virtual CpuId id() const = 0;
  virtual u64 cycle_counter() = 0;

  // Address translation. The CPU walks the tables in machine memory itself.
  virtual void load_page_table_base(MachineFrame directory) = 0;  // drops every TLB entry that is not global
  virtual void invalidate_page(u32 virtual_address) = 0;
  virtual void flush_global() = 0;  // drops the global entries too

  // Guest memory through the current page tables with the rights of ring 1. False on a fault, and when the range
  // touches the hypervisor's 64 MB; then `destination` may be partly written.
  virtual bool copy_from_guest(void* destination, u32 source, u32 bytes) = 0;
  virtual bool copy_to_guest(u32 destination, const void* source, u32 bytes) = 0;

  // Zeroes so much of the frame that the window shows.
  virtual void clear(MachineFrame frame, u32 offset, u32 bytes) = 0;

  // What the next entry from an outer ring uses.
  virtual void set_ring1_stack(u32 ss, u32 esp) = 0;
  virtual void set_direct_gate(const DirectGate& gate) = 0;
  virtual void load_gdt(const MachineFrame* frames, u32 entries) = 0;  // frames: ceil(entries / 512) of them
  virtual void load_ldt(u32 base, u32 entries) = 0;                    // entries 0: null LDT

  virtual void set_task_switched(bool raised) = 0;  // CR0.TS: the next FPU instruction traps
  virtual void save_fpu(FpuImage& image) = 0;
  virtual void restore_fpu(const FpuImage& image) = 0;
  virtual void set_debug_register(u32 number, u32 value) = 0;

  // One-shot local timer in cycle-counter units. Absolute; a deadline already past is due at once. Replaces the one
  // before; kTimerOff disarms. Fires as interrupt line kTimerLine.
  virtual void arm_timer(u64 deadline) = 0;
  // Interrupt line kIpiLine on `target`; several before it is taken are one.
  virtual void send_ipi(CpuId target) = 0;
  // After a send_ipi() to each of `targets` (a mask), which has them flush their TLBs: back when no entry that is not
  // global is left there from before. The one call that waits for others; a machine with one CPU is never asked.
  virtual void wait_for_flush(u32 /*targets*/) {}

  // Path-length marks, see hardware/work.h.
  virtual void work(Step step, u32 times) = 0;
  void work(Step step) { work(step, 1); }

 protected:
  ~Cpu() = default;
};

inline constexpr u64 kTimerOff = ~u64{0};

// Interrupt lines below 16 belong to the CPU itself, device lines follow.
inline constexpr u32 kTimerLine = 0;
inline constexpr u32 kIpiLine = 1;
inline constexpr u32 kFirstDeviceLine = 16;

}  // namespace hw

// When each CPU last flushed its TLB, so that a flush which has happened already is not done again.
//
// A frame that loses its last writable mapping is stamped with the clock. When it becomes a page table, or leaves its
// domain, only CPUs that run the owner (or domain 0, which may map anything) and have not flushed since the stamp can
// still hold the old translation. Page-table bases are loaded here and nowhere else, so no flush goes uncounted. A
// domain leaves nothing behind on a CPU that it no longer runs on, because every switch loads the base.
#pragma once

#include "hardware/cpu.h"
#include "memory/frame_table.h"

namespace hv {

class TlbClock {
 public:
  explicit TlbClock(u32 cpu_count) : cpu_count_{cpu_count} {}

  u32 now() const { return clock_; }
  u32 last_flush(CpuId cpu) const { return cpus_[cpu].last_flush; }
  bool flushed_since(CpuId cpu, u32 stamp) const { return static_cast<s32>(cpus_[cpu].last_flush - stamp) > 0; }

  // Loads a page-table base of `owner` (kOwnerHypervisor: the idle vCPU's): a flush.
  void load(hw::Cpu& cpu, MachineFrame directory, OwnerId owner);

  // Asks for a flush wherever a translation into a frame of `owner`, stale since `stamp`, may be left.
  void request(OwnerId owner, u32 stamp);
  // The same where it is known that domain 0 did not map the frame.
  void request_owner(OwnerId owner, u32 stamp);
  void request_local(CpuId cpu) { due_ |= 1u << cpu; }
  bool due(CpuId cpu) const { return (due_ >> cpu & 1) != 0; }
  u32 due() const { return due_; }  // CPUs, as a mask
  void settle(hw::Cpu& cpu) {       // flushes `cpu` if that is due
    if (due_ != 0) settle_due(cpu);
  }
  // CPUs other than `cpu` whose flush is due: they must be interrupted and settle before `cpu` returns to its guest.
  u32 due_elsewhere(CpuId cpu) const { return due_ & ~(1u << cpu); }

 private:
  void settle_due(hw::Cpu& cpu);

  struct PerCpu {
    u32 last_flush = 1;
    MachineFrame directory;
    OwnerId owner = kOwnerHypervisor;
  };
  PerCpu cpus_[kMaxCpus];
  u32 cpu_count_;
  u32 clock_ = 1;  // flushes so far on any CPU; compared modulo 2^32
  u32 due_ = 0;    // bit per CPU
};

}  // namespace hv

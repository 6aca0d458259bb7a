// The one CPU of a PC as the core asks for it. Costs nothing but the time it takes: path-length marks are ignored.
#pragma once

#include "hardware/cpu.h"
#include "hardware/memory.h"
#include "metal/descriptors.h"
#include "metal/local_apic.h"

namespace metal {

class MetalCpu final : public hw::Cpu {
 public:
  constexpr MetalCpu(hw::Memory& memory, DescriptorTables& tables, LocalApic& apic)
      : memory_{memory}, tables_{tables}, apic_{apic} {}

  CpuId id() const override { return 0; }
  u64 cycle_counter() override;
  void load_page_table_base(MachineFrame directory) override;
  void invalidate_page(u32 virtual_address) override;
  void flush_global() override;
  bool copy_from_guest(void* destination, u32 source, u32 bytes) override;
  bool copy_to_guest(u32 destination, const void* source, u32 bytes) override;
  void clear(MachineFrame frame, u32 offset, u32 bytes) override;
  void set_ring1_stack(u32 ss, u32 esp) override { tables_.set_ring1_stack(ss, esp); }
  void set_direct_gate(const hw::DirectGate& gate) override { tables_.set_direct_gate(gate); }
  void load_gdt(const MachineFrame* frames, u32 entries) override { tables_.load_gdt(frames, entries); }
  void load_ldt(u32 base, u32 entries) override { tables_.load_ldt(base, entries); }
  void set_task_switched(bool raised) override;
  void save_fpu(hw::FpuImage& image) override;
  void restore_fpu(const hw::FpuImage& image) override;
  void set_debug_register(u32 number, u32 value) override;
  void arm_timer(u64 deadline) override { apic_.arm_timer(deadline); }
  void send_ipi(CpuId target) override { apic_.send_ipi(target); }
  void work(hw::Step, u32) override {}
  using hw::Cpu::work;

 private:
  hw::Memory& memory_;
  DescriptorTables& tables_;
  LocalApic& apic_;
};

}  // namespace metal

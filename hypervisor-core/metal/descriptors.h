// The CPU's own tables: IDT, task states, and the descriptors of them and of the LDT in whatever GDT is loaded.
#pragma once

#include "hardware/cpu.h"
#include "metal/layout.h"

namespace metal {

// Vectors that are not exceptions. 0x20..0x2f and 0x80 may become gates of guests, 0x82 is the hypercall.
inline constexpr u32 kDeviceVector = 0x30;  // + input of the interrupt controllers
inline constexpr u32 kTimerVector = 0x40, kIpiVector = 0x41, kSpuriousVector = 0x4f;

class DescriptorTables {
 public:
  // Loads the boot GDT, the IDT and the task register; the frame of every entry then ends at `stack_top`.
  void start(u32 stack_top);

  // The GDT of a guest, or of nobody, at the place where GDTs are loaded. The CPU's own descriptors are put into it.
  void load_gdt(const MachineFrame* frames, u32 entries);
  void load_ldt(u32 base, u32 entries);
  void set_ring1_stack(u32 ss, u32 esp);
  void set_direct_gate(const hw::DirectGate& gate);

  // Where the CPU was when it gave up and switched to the task of double faults.
  u32 given_up_at() const { return task_.eip; }
  u32 given_up_stack() const { return task_.esp; }

  // A gate that `ring` and inner ones may call; it enters the hypervisor as every vector does.
  void open_gate(u32 vector, u32 ring);

 private:
  struct Gate {
    u32 low, high;
  };
  struct TaskState {  // the CPU's structure
    u32 link, esp0, ss0, esp1, ss1, esp2, ss2, cr3, eip, eflags, eax, ecx, edx, ebx, esp, ebp, esi, edi, es, cs, ss, ds,
        fs, gs, ldt;
    u16 trap, io_map;
  };
  static_assert(sizeof(TaskState) == 104);

  void close_gate(u32 vector);
  void install_own(u32* gdt);

  alignas(8) Gate idt_[256];
  TaskState task_, double_fault_task_;
  u32 direct_vector_ = 0;
  u32* gdt_ = nullptr;  // the loaded one
};

}  // namespace metal

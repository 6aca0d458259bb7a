#include "metal/descriptors.h"

#include "memory/descriptor.h"
#include "metal/ports.h"

extern "C" {
extern const hv::u32 entry_stubs[256];
extern hv::u32 machine_table[1024];
extern char double_fault_entry[], double_fault_stack_top[];
}

namespace metal {

namespace {

// Reserved entries of every GDT: the task of double faults, and of the one CPU its task state and LDT.
constexpr u32 kDoubleFaultEntry = kFirstReservedDescriptor, kTaskEntry = kFirstReservedDescriptor + 8,
              kLdtEntry = kTaskEntry + 1;
constexpr u32 kTypeLdt = 2, kTypeTask = 9, kTypeTaskBusy = 11, kTypeTaskGate = 5, kTypeInterruptGate = 14,
              kTypeTrapGate = 15;
constexpr u32 kPresent = 1u << 15;

struct [[gnu::packed]] TablePointer {
  u16 limit;
  u32 base;
};

// Until the core loads one: only the reserved entries, like the core's own.
alignas(8) u32 boot_gdt[2 * kEndReservedDescriptors];

void set_system_descriptor(u32* gdt, u32 entry, u32 base, u32 bytes, u32 type) {
  const u32 limit = bytes - 1;
  gdt[2 * entry] = base << 16 | (limit & 0xffff);
  gdt[2 * entry + 1] = (base & 0xff000000) | (limit & 0xf0000) | kPresent | type << 8 | (base >> 16 & 0xff);
}

void load_table(const u32* gdt, u32 bytes) {
  const TablePointer pointer{static_cast<u16>(bytes - 1), linear_of(gdt)};
  asm volatile("lgdt %0" ::"m"(pointer));
}

constexpr u32 gate_high(u32 address, u32 ring, u32 type) {
  return (address & 0xffff0000) | kPresent | ring << 13 | type << 8;
}

}  // namespace

void DescriptorTables::close_gate(u32 vector) { open_gate(vector, 0); }

void DescriptorTables::open_gate(u32 vector, u32 ring) {
  const u32 address = entry_stubs[vector];
  idt_[vector] = {hw::kHypervisorCs << 16 | (address & 0xffff), gate_high(address, ring, kTypeInterruptGate)};
}

void DescriptorTables::start(u32 stack_top) {
  for (u32 vector = 0; vector < 256; ++vector) close_gate(vector);
  open_gate(3, 3);  // INT3 and INTO are one byte long: they come as exceptions of any ring
  open_gate(4, 3);
  open_gate(hw::kVectorHypercall, 1);
  idt_[8] = {kDoubleFaultEntry << 19, kPresent | kTypeTaskGate << 8};

  task_ = {};
  task_.esp0 = stack_top;
  task_.ss0 = hw::kHypervisorDs;
  task_.io_map = sizeof task_;  // beyond the limit: no port is anybody's but ring 0's
  double_fault_task_ = task_;
  TaskState& emergency = double_fault_task_;
  emergency.esp = emergency.esp0 = linear_of(double_fault_stack_top);
  emergency.eip = linear_of(double_fault_entry);
  emergency.cs = hw::kHypervisorCs;
  emergency.ss = emergency.ds = emergency.es = emergency.fs = emergency.gs = hw::kHypervisorDs;
  emergency.eflags = 2;
  asm volatile("movl %%cr3, %0" : "=r"(emergency.cr3));  // the first directory: it stays

  u32 word = 2 * (kFirstReservedDescriptor + 1);
  for (const Descriptor& descriptor : kFlatDescriptors) {
    boot_gdt[word++] = descriptor.low;
    boot_gdt[word++] = descriptor.high;
  }
  gdt_ = boot_gdt;
  install_own(gdt_);
  load_table(gdt_, sizeof boot_gdt);
  set_system_descriptor(gdt_, kTaskEntry, linear_of(&task_), sizeof task_, kTypeTask);
  asm volatile(
      "ljmp %[cs], $1f\n"
      "1: movl %[ds], %%ds; movl %[ds], %%es; movl %[ds], %%ss; movl %[none], %%fs; movl %[none], %%gs\n"
      "ltr %[task]" ::[cs] "i"(hw::kHypervisorCs),
      [ds] "r"(hw::kHypervisorDs), [none] "r"(0), [task] "r"(static_cast<u16>(kTaskEntry << 3)));
  const TablePointer idt{sizeof idt_ - 1, linear_of(idt_)};
  asm volatile("lidt %0" ::"m"(idt));
}

// The task register keeps what it was loaded with; what is here serves the switch to the task of double faults.
void DescriptorTables::install_own(u32* gdt) {
  set_system_descriptor(gdt, kDoubleFaultEntry, linear_of(&double_fault_task_), sizeof double_fault_task_, kTypeTask);
  set_system_descriptor(gdt, kTaskEntry, linear_of(&task_), sizeof task_, kTypeTaskBusy);
}

void DescriptorTables::load_gdt(const MachineFrame* frames, u32 entries) {
  const u32 pages = (entries + kDescriptorsPerPage - 1) / kDescriptorsPerPage;
  for (u32 page = 0; page < kDescriptorTablePages; ++page) {
    machine_table[kGdtPage + page] =
        page < pages ? frames[page].address() | kEntryPresent | kEntryWritable | kEntryAccessed | kEntryDirty : 0;
    invalidate(machine_page_address(kGdtPage + page));
  }
  gdt_ = at_linear<u32>(machine_page_address(kGdtPage));
  install_own(gdt_);
  load_table(gdt_, entries * 8);
}

void DescriptorTables::load_ldt(u32 base, u32 entries) {
  if (entries == 0) {
    asm volatile("lldt %0" ::"r"(u16{0}));
    return;
  }
  set_system_descriptor(gdt_, kLdtEntry, base, entries * 8, kTypeLdt);
  asm volatile("lldt %0" ::"r"(static_cast<u16>(kLdtEntry << 3)));
}

void DescriptorTables::set_ring1_stack(u32 ss, u32 esp) {
  task_.ss1 = ss;
  task_.esp1 = esp;
}

void DescriptorTables::set_direct_gate(const hw::DirectGate& gate) {
  if (direct_vector_ != 0) close_gate(direct_vector_);
  direct_vector_ = gate.vector;
  if (gate.vector == 0) return;
  idt_[gate.vector] = {gate.cs << 16 | (gate.eip & 0xffff), gate_high(gate.eip, 3, kTypeTrapGate)};
}

}  // namespace metal

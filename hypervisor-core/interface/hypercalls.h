// Hypercall numbers: INT 0x82 from ring 1, number in EAX, arguments in EBX ECX EDX ESI EDI, result in EAX.
//
// The numbers and argument structures are those of Xen 2.0 (hypervisor source of November 2004); net_io and block_io
// are the 1.2 operations for devices kept inside the hypervisor, under numbers that 2.0 leaves free. An unknown number
// gives -ENOSYS.
#pragma once

#include "base/types.h"

namespace hv {

enum class Hypercall : u32 {
  set_trap_table = 0,         // (TrapEntry list, ended by address 0)
  mmu_update = 1,             // (MmuUpdate list, count, u32* done or 0)
  set_gdt = 2,                // (u32 frame numbers, entries)
  stack_switch = 3,           // (ss, esp)
  set_callbacks = 4,          // (event cs, event eip, failsafe cs, failsafe eip)
  fpu_taskswitch = 5,         // ()
  sched_op = 6,               // (SchedOp | reason << 8)
  dom0_op = 7,                // (ControlOp*), see interface/control.h
  set_debugreg = 8,           // (register, value)
  get_debugreg = 9,           // (register)
  update_descriptor = 10,     // (machine address, low word, high word)
  set_fast_trap = 11,         // (vector; 0 turns it off)
  dom_mem_op = 12,            // (DomMemOp, u32 frame numbers, count)
  multicall = 13,             // (MulticallEntry list, count)
  update_va_mapping = 14,     // (page number, entry, UpdateVaFlags)
  set_timer_op = 15,          // (high word, low word of the system time; 0 cancels)
  event_channel_op = 16,      // (EventChannelOp*), see interface/events.h
  xen_version = 17,           // ()
  console_io = 18,            // (0 write, bytes, address)
  net_io_op = 20,             // (NetIoOp command, vif), see interface/network.h
  set_virtual_timer_op = 21,  // (high word, low word of the domain's virtual time; 0 cancels)
  // (page number, entry, UpdateVaFlags, domain whose frame the entry may name): privileged
  update_va_mapping_otherdomain = 22,
  vcpu_op = 24,      // (VcpuOp, vCPU, its argument), see interface/vcpu.h
  block_io_op = 23,  // (BlockIoOp command, its arguments), see interface/block.h
  count = 32,
};

enum class SchedOp : u32 { yield = 0, block = 1, shutdown = 2 };

struct MulticallEntry {
  u32 op;
  u32 arguments[5];
  u32 result;  // written back
  u32 unused;
};
static_assert(sizeof(MulticallEntry) == 32);

// One gate of a guest's trap table. address 0 ends a list.
struct TrapEntry {
  u8 vector;
  u8 flags;  // bits 0-1: least privileged ring that may raise it by INT n; bit 2: mask events on entry
  u16 cs;
  u32 address;
};
static_assert(sizeof(TrapEntry) == 8);
inline constexpr u32 kTrapMaskEvents = 1u << 2;

}  // namespace hv

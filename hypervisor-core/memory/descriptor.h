// Which segment descriptors a guest may have, and the ones that every GDT contains.
//
// Guests' kernels run in ring 1 and reach the hypervisor's part of the address space only by a segment that covers it,
// so no descriptor of theirs may, and none may name ring 0.
#pragma once

#include "base/planted.h"
#include "hardware/registers.h"
#include "interface/layout.h"
#include "traps/trap_table.h"

namespace hv {

inline constexpr u32 kDescriptorsPerPage = kPageSize / 8;
inline constexpr u32 kMaxDescriptors = 8192;
// Entries of the first GDT page that are the hypervisor's: flat segments, and each CPU's TSS and LDT.
inline constexpr u32 kFirstReservedDescriptor = 256, kEndReservedDescriptors = 296;

constexpr bool descriptor_is_safe(u32 low, u32 high) {
  constexpr u32 kPresent = 1u << 15, kCodeOrData = 1u << 12, kCode = 1u << 11, kExpandDown = 1u << 10,
                kPages = 1u << 23;
  constexpr u32 kCallGate = 12, kGateReserved = 0xe0;
  if ((high & kPresent) == 0) return true;
  if ((high >> 13 & 3) == 0) return false;  // privilege level 0
  if ((high & kCodeOrData) == 0) {
    return (high >> 8 & 15) == kCallGate && (high & kGateReserved) == 0 && valid_code_selector(low >> 16);
  }
  // An expand-down data segment reaches from its limit to 4 GB.
  if ((high & (kCode | kExpandDown)) == kExpandDown && !HV_PLANTED(expand_down_segment)) return false;
  const u32 base = (high & 0xff000000) | (high & 0xff) << 16 | low >> 16;
  const u32 limit = (high & 0x000f0000) | (low & 0xffff);
  const u64 bytes = (high & kPages) != 0 ? (u64{limit} + 1) << kPageShift : u64{limit} + 1;
  return base + bytes <= kHypervisorPrivate;
}

struct Descriptor {
  u32 low, high;
};

// The flat segments at kFirstReservedDescriptor + 1: base 0, the hypervisor's to 4 GB, the guests' to
// kHypervisorPrivate. The entries for TSS and LDT of a CPU are the hardware's own business.
inline constexpr Descriptor kFlatDescriptors[] = {
    {0x0000ffff, 0x00cf9a00},  // kHypervisorCs
    {0x0000ffff, 0x00cf9200},  // kHypervisorDs
    {0x0000c3ff, 0x00cfba00},  // kRing1Cs
    {0x0000c3ff, 0x00cfb200},  // kRing1Ds
    {0x0000c3ff, 0x00cffa00},  // kRing3Cs
    {0x0000c3ff, 0x00cff200},  // kRing3Ds
};
static_assert(hw::kHypervisorCs >> 3 == kFirstReservedDescriptor + 1 &&
              hw::kRing3Ds >> 3 == kFirstReservedDescriptor + 6);

// Where a vCPU's tables are in the part of the address space behind kPerDomainSlot: 16 pages of GDT, 16 of LDT.
constexpr u32 gdt_first_page(VcpuId vcpu) { return vcpu * 32; }
constexpr u32 ldt_first_page(VcpuId vcpu) { return vcpu * 32 + 16; }
inline constexpr u32 kDescriptorTablePages = 16;
constexpr u32 ldt_address(VcpuId vcpu) { return kPerDomainStart + ldt_first_page(vcpu) * kPageSize; }

}  // namespace hv

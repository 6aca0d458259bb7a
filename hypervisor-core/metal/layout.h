// Where the metal backend has its things: in machine memory, and in the part of every address space that layout.h of
// the interface leaves to the machine.
//
// Machine memory from 0 is mapped at kHypervisorPrivate, so the image, loaded at 1 MB, runs at 0xfc500000, and its
// first instructions are the idle loop (hw::kIdleLoop). Assembly files include this one too.
#pragma once

#define METAL_PRIVATE 0xfc400000  // where machine memory begins
#define METAL_LOAD_ADDRESS 0x00100000
#define METAL_MACHINE_SLOT 1022  // of every directory: the backend's own page table
#define METAL_STACK_PAGE 8  // of that table; the page below it is never mapped, so a stack that overflows faults twice
#define METAL_STACK_BYTES 16384
#define METAL_HYPERVISOR_CS 0x0808
#define METAL_HYPERVISOR_DS 0x0810
#define METAL_FRAME_BYTES 72  // sizeof(hw::Registers)

#ifndef __ASSEMBLER__

#include "base/types.h"
#include "hardware/registers.h"
#include "interface/layout.h"

namespace metal {

using namespace hv;  // NOLINT: metal speaks the core's words

static_assert(METAL_PRIVATE == kHypervisorPrivate && METAL_HYPERVISOR_CS == hw::kHypervisorCs &&
              METAL_HYPERVISOR_DS == hw::kHypervisorDs && METAL_FRAME_BYTES == sizeof(hw::Registers) &&
              hw::kIdleLoop == METAL_PRIVATE + METAL_LOAD_ADDRESS && METAL_MACHINE_SLOT == kMachineSlot);

// Machine memory that the direct map reaches: the slots from kHypervisorPrivate up to the linear page table.
inline constexpr u32 kDirectMapBytes = kLinearTableStart - kHypervisorPrivate;
inline constexpr u32 kDirectMapFrames = kDirectMapBytes >> kPageShift;

// Pages behind METAL_MACHINE_SLOT.
inline constexpr u32 kMachineArea = u32{METAL_MACHINE_SLOT} << 22;
inline constexpr u32 kWindowPage = 0;  // a frame that the direct map does not reach
inline constexpr u32 kApicPage = 1;
inline constexpr u32 kStackPage = METAL_STACK_PAGE;
inline constexpr u32 kGdtPage = 16;  // 16 pages: the GDT that is loaded
static_assert(kApicPage < kStackPage - 1 && kStackPage + METAL_STACK_BYTES / kPageSize <= kGdtPage);
constexpr u32 machine_page_address(u32 page) { return kMachineArea + (page << kPageShift); }

template <class T>
T* at_linear(u32 address) {
  return reinterpret_cast<T*>(static_cast<std::uintptr_t>(address));
}
inline u32 linear_of(const void* object) { return static_cast<u32>(reinterpret_cast<std::uintptr_t>(object)); }
inline u32 machine_of(const void* object) { return linear_of(object) - kHypervisorPrivate; }

}  // namespace metal

#endif

// How the Linux port uses the memory it is built with; interface/start_info.h says what that memory looks like.
#pragma once

#include "interface/layout.h"
#include "interface/memory.h"
#include "interface/start_info.h"
#include "workloads/kernel/memory.h"

namespace guest {

// The kernel image (text, data, bss), from the first free page on. Assumed; a 2.4 kernel with network and file system
// has 1.2 to 2 MB.
inline constexpr u32 kKernelImagePages = 384;

// Its first pages are what it hands to the hypervisor.
inline constexpr u32 kUpdateListBytes = hv::kMaxMmuUpdates * sizeof(hv::MmuUpdate);
inline constexpr u32 kUpdateListPages = kUpdateListBytes / hv::kPageSize;
struct ImageLayout {
  explicit ImageLayout(u32 first_free_page) : first{first_free_page} {}
  u32 first;
  u32 update_list() const { return GuestFrame{first}.kernel_address(); }
  u32 arguments() const { return GuestFrame{first + kUpdateListPages}.kernel_address(); }         // one page
  u32 control_list() const { return GuestFrame{first + kUpdateListPages + 1}.kernel_address(); }  // domain 0's batches
  u32 end() const { return first + kKernelImagePages; }
};
static_assert(2 * kUpdateListPages + 1 < kKernelImagePages);

// The argument page: one block per use, so that a handler never overwrites what it has interrupted.
inline constexpr u32 kArgumentDone = 0;            // word: requests of a batch that were done
inline constexpr u32 kArgumentMulticall = 64;      // the context switch's list
inline constexpr u32 kArgumentEvents = 256;        // EventChannelOp
inline constexpr u32 kArgumentNetwork = 320;       // answer of get_ring
inline constexpr u32 kArgumentControl = 512;       // ControlOp
inline constexpr u32 kArgumentControlDone = 1020;  // word
inline constexpr u32 kArgumentTrapTable = 1024;

// Entries of the kernel's map behind its pages, see StartInfo::spare_address.
inline constexpr u32 kSpareVifRing = 0, kSpareForeignPage = 1;

// Pages for page tables and start-up beyond which a domain would have nothing left.
inline constexpr u32 kLeastPages = kKernelImagePages + 512;

inline constexpr u32 kKernelPage = hv::kEntryPresent | hv::kEntryWritable | hv::kEntryAccessed | hv::kEntryDirty;
inline constexpr u32 kReadOnlyKernelPage = kKernelPage & ~hv::kEntryWritable;
inline constexpr u32 kTableEntry = hv::kEntryPresent | hv::kEntryWritable | hv::kEntryUser | hv::kEntryAccessed;
inline constexpr u32 kUserPage = hv::kEntryPresent | hv::kEntryWritable | hv::kEntryUser;

}  // namespace guest

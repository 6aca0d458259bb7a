// How the Linux port uses the memory it is built with; interface/start_info.h says what that memory looks like.
#pragma once

#include "interface/layout.h"
#include "interface/memory.h"
#include "interface/start_info.h"
#include "workloads/kernel/memory.h"
#include "workloads/kernel/path.h"
#include "workloads/ports/port.h"

namespace guest {

// The kernel image from the first free page on: text, then data. The first pages of its data are what it hands to the
// hypervisor.
inline constexpr u32 kKernelImagePages = kKernelTextPages + kKernelDataPages;
inline constexpr u32 kUpdateListBytes = hv::kMaxMmuUpdates * sizeof(hv::MmuUpdate);
inline constexpr u32 kUpdateListPages = kUpdateListBytes / hv::kPageSize;
struct ImageLayout {
  explicit ImageLayout(u32 first_free_page) : first{first_free_page} {}
  u32 first;
  u32 text() const { return GuestFrame{first}.kernel_address(); }
  u32 data() const { return GuestFrame{first + kKernelTextPages}.kernel_address(); }
  u32 update_list() const { return data(); }
  u32 arguments() const { return update_list() + kUpdateListBytes; }      // one page
  u32 control_list() const { return arguments() + hv::kPageSize; }        // domain 0's batches
  u32 balloon_list() const { return control_list() + kUpdateListBytes; }  // one page
  u32 end() const { return first + kKernelImagePages; }

  // Every virtual CPU has an update list and an argument page.
  u32 update_list_of(u32 processor) const {
    return processor == 0 ? update_list() : balloon_list() + hv::kPageSize + (processor - 1) * kBytesPerProcessor;
  }
  u32 arguments_of(u32 processor) const { return update_list_of(processor) + kUpdateListBytes; }
  static constexpr u32 kBytesPerProcessor = kUpdateListBytes + hv::kPageSize;
};
static_assert(kUpdateListPages + 1 + hv::kMaxVcpusPerDomain * (kUpdateListPages + 1) <= kKernelDataPages);

// The argument page: one block per use, so that a handler never overwrites what it has interrupted.
inline constexpr u32 kArgumentDone = 0;            // word: requests of a batch that were done
inline constexpr u32 kArgumentMulticall = 64;      // the context switch's list
inline constexpr u32 kArgumentEvents = 256;        // EventChannelOp
inline constexpr u32 kArgumentNetwork = 320;       // answer of get_ring
inline constexpr u32 kArgumentBlock = 384;         // answers of get_ring and probe
inline constexpr u32 kArgumentControl = 512;       // ControlOp
inline constexpr u32 kArgumentControlDone = 1020;  // word
inline constexpr u32 kArgumentTrapTable = 1024;
inline constexpr u32 kArgumentVcpu = 1152;  // VcpuContext

// Entries of the kernel's map behind its pages, see StartInfo::spare_address.
inline constexpr u32 kSpareVifRing = 0, kSpareForeignPage = 1, kSpareBlockRing = 2;

// Pages for page tables and start-up beyond which a domain would have nothing left.
inline constexpr u32 kLeastPages = kKernelImagePages + 512;

inline constexpr u32 kKernelPage = hv::kEntryPresent | hv::kEntryWritable | hv::kEntryAccessed | hv::kEntryDirty;
inline constexpr u32 kReadOnlyKernelPage = kKernelPage & ~hv::kEntryWritable;

}  // namespace guest

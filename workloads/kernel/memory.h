// A guest kernel's view of memory: its page frames, numbered from zero, and the direct map of them at 3 GB.
//
// On Xen these are pseudo-physical frames, which the port translates; on bare hardware they are the machine's. What
// only the kernel itself looks at is C++ state; what the MMU, a device or the hypervisor reads is in simulated memory.
#pragma once

#include <compare>
#include <stdexcept>
#include <string>

#include "base/types.h"

namespace guest {

using hv::s32;
using hv::s64;
using hv::u16;
using hv::u32;
using hv::u64;
using hv::u8;

inline constexpr u32 kKernelStart = 0xc0000000;  // user space ends, the direct map begins
inline constexpr u32 kDirectorySlotBytes = hv::kPageSize * hv::kEntriesPerTable;

class GuestFrame {
 public:
  constexpr explicit GuestFrame(u32 number) : number_{number} {}
  constexpr u32 number() const { return number_; }
  constexpr u32 kernel_address() const { return kKernelStart + (number_ << hv::kPageShift); }  // in the direct map
  static constexpr GuestFrame of_kernel_address(u32 address) {
    return GuestFrame{(address - kKernelStart) >> hv::kPageShift};
  }
  friend constexpr auto operator<=>(GuestFrame, GuestFrame) = default;

 private:
  u32 number_;
};

// The kernel of one guest cannot go on; what Linux would print before it halts.
class KernelPanic : public std::runtime_error {
 public:
  KernelPanic(const std::string& kernel, const std::string& reason)
      : std::runtime_error{"kernel of " + kernel + ": " + reason} {}
};

}  // namespace guest

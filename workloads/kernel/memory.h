// A guest kernel's view of memory: its page frames, numbered from zero, and the direct map of them at 3 GB.
//
// On Xen these are pseudo-physical frames, which the port translates; on bare hardware they are the machine's. What
// only the kernel itself looks at is C++ state; what the MMU, a device or the hypervisor reads is in simulated memory.
#pragma once

#include <compare>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "base/types.h"
#include "sim/random.h"

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

// What a page is for decides where it may be: only low memory is in the direct map.
enum class PageUse : u8 { kernel, user };

// The page frames of one kernel: which are free, and how many users each of the others has.
//
// The machine has been up for a while, so the free ones are in random order; what is given back is taken next, while
// it may still be in the cache. Pages of users come from high memory as long as there is any.
class PageAllocator {
 public:
  PageAllocator() = default;
  // Frames from `first` on; those below `low_end` are in the direct map. `order` decides which is taken next.
  PageAllocator(GuestFrame first, u32 frames, GuestFrame low_end, sim::RandomStream order);

  std::optional<GuestFrame> take(PageUse use);  // with one user
  void share(GuestFrame frame) { ++users_[index(frame)]; }
  void give(GuestFrame frame);  // one user less; free when it was the last
  u32 users(GuestFrame frame) const { return users_[index(frame)]; }
  u32 frames() const { return static_cast<u32>(users_.size()); }
  u32 free_frames() const { return low_.count() + high_.count(); }

 private:
  struct Zone {
    std::vector<u32> fresh, returned;  // frame numbers
    u32 count() const { return static_cast<u32>(fresh.size() + returned.size()); }
  };
  std::optional<GuestFrame> take(Zone& zone);
  u32 index(GuestFrame frame) const { return frame.number() - first_; }

  u32 first_ = 0, low_end_ = 0;
  Zone low_, high_;
  std::vector<u32> users_;
  std::optional<sim::RandomStream> order_;
};

}  // namespace guest

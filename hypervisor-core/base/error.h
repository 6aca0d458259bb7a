// Error numbers of the hypercall interface. A hypercall returns 0 or a count, or the negated number in EAX.
#pragma once

#include "base/types.h"

namespace hv {

enum class Error : s32 {
  none = 0,
  not_permitted = 1,     // EPERM
  no_such_entry = 2,     // ENOENT
  no_such_domain = 3,    // ESRCH
  no_memory = 12,        // ENOMEM
  wrong_version = 13,    // EACCES
  bad_address = 14,      // EFAULT
  busy = 16,             // EBUSY
  exists = 17,           // EEXIST
  no_device = 19,        // ENODEV
  invalid = 22,          // EINVAL
  no_space = 28,         // ENOSPC
  not_implemented = 38,  // ENOSYS
};

// What a hypercall leaves in EAX: a count when not negative, an error when negative.
class [[nodiscard]] HypercallResult {
 public:
  constexpr HypercallResult(Error error) : value_{-static_cast<s32>(error)} {}  // NOLINT: converts on purpose
  static constexpr HypercallResult count(u32 n) { return HypercallResult{static_cast<s32>(n)}; }
  static constexpr HypercallResult success() { return HypercallResult{0}; }
  constexpr bool ok() const { return value_ >= 0; }
  constexpr s32 eax() const { return value_; }

 private:
  constexpr explicit HypercallResult(s32 value) : value_{value} {}
  s32 value_;
};

}  // namespace hv

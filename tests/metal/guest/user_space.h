// Two pages that ring 3 may use, in a page table of their own at 4 MB: the code of start.S, and data.
#pragma once

#include "metal/guest/kernel.h"

namespace guest {

inline constexpr u32 kUserCode = 0x00400000, kUserData = 0x00401000, kUserStack = 0x00402000;

// Uses three pages of the kernel's map from `first_page` on: table, code, data. 0, or a hypercall's error.
s32 make_user_space(u32 first_page);
// Where a label of the user code is in ring 3.
inline u32 user_address(const char* label) { return kUserCode + (address_of(label) - address_of(user_code)); }
// One access of ring 3: false on a fault, see last_trap.
inline bool user_load_from(u32 address, u32* value) {
  return user_run(user_address(user_load), kUserStack, 0, address, value);
}
inline bool user_store_to(u32 address, u32 value) {
  return user_run(user_address(user_store), kUserStack, value, address, nullptr);
}

}  // namespace guest

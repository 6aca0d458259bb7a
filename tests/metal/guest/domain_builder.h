// How domain 0 makes another domain of its own kind: the same kernel with another command line.
#pragma once

#include "metal/guest/kernel.h"

namespace guest {

struct Order {
  u32 pages = 512;
  u32 mcu_advance = 10;   // BVT: weight is in proportion to 1 / mcu_advance
  const char* line = "";  // its command line
  bool start = true;      // or left paused
  bool empty = false;     // built, with no kernel in it
};
// Its id. On an error the negated hypercall's; *step says which one.
s32 build_domain(const Order& order, const char** step);
s32 unpause(u32 domain);
u32 connect(u32 domain);  // a channel to it: our port; 0: refused
s32 destroy(u32 domain);
// False: there is none with this id.
bool domain_info(u32 domain, DomainInfo& info);
inline u64 cpu_time(const DomainInfo& info) { return join_words(info.cpu_ns_low, info.cpu_ns_high); }

}  // namespace guest

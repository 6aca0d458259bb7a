// Domain-0 operations. One argument block; results are written back into it. Only domain 0: others get -EPERM.
#pragma once

#include "base/types.h"
#include "hardware/registers.h"

namespace hv {

inline constexpr u32 kControlVersion = 0x52300001;

enum class ControlCommand : u32 {
  create_domain = 8,     // words[0] kB of memory, [1] vcpus, [2] CPUs for them, a mask -> domain
  destroy_domain = 9,    // domain
  unpause_domain = 10,   // domain: lets a built domain run
  pause_domain = 11,     // domain
  get_domain_info = 12,  // domain: first with an id >= domain -> domain, words[0..]: see DomainInfo
  build_domain = 13,     // domain, BuildDomain in words: root table, entry point, stack
  get_memory_list = 2,   // domain, words[0] address of u32 frame numbers, [1] room, [2] first -> [1] filled in
  scheduler_adjust = 6,  // domain, SchedulerParameters in words
  pin_cpu = 20,          // domain, words[0] vcpu, [1] CPUs that it may run on, a mask
  create_vif = 40,       // domain -> words[0] vif, [1] ring page's frame, [2], [3] MAC high and low
  add_rule = 41,         // NetworkRule in words
  delete_rule = 42,      // NetworkRule in words; absent is success
  vif_credit = 43,       // domain, words[0] vif, [1] bytes, [2] microseconds; 0 us: no limit
  create_vbd = 44,       // domain, words[0] vbd (16 bits), [1] VbdAccess -> [2] frame of the domain's block ring
  grow_vbd = 45,         // domain, words[0] vbd, [1], [2] low, high of the first sector on the disk, [3], [4] sectors
  delete_vbd = 46,       // domain, words[0] vbd; busy: it has requests without an answer
  disk_info = 47,        // -> words[0], [1] low, high of the number of sectors of the disk
  settime = 17,          // words[0] seconds, [1] microseconds, [2] low, [3] high of the system time it refers to
};

struct ControlOp {
  u32 command;
  u32 version;  // kControlVersion, else -EACCES
  u32 domain;
  u32 words[20];
};

struct BuildDomain {
  u32 directory_frame;  // pinned or valid as a page directory
  u32 entry_eip, entry_esp;
  u32 start_info_address;  // goes to ESI
};

// What schedulers know of a domain; each takes its own part and ignores the rest. Times in ns.
struct SchedulerParameters {
  // BVT: weight is in proportion to 1 / mcu_advance.
  u32 mcu_advance;
  u32 warp;                             // 0 off, 1 on
  u32 warp_value;                       // virtual-time units (10 = 100 us of CPU at mcu_advance 10)
  u32 warp_limit_low, warp_limit_high;  // longest warped run; 0: no limit
  u32 unwarp_low, unwarp_high;          // shortest time between warps
  // Credit, Credit2.
  u32 weight;  // of the whole domain; 0: stays as it is
  u32 cap;     // percent of one CPU; 0: none
  // SEDF: a slice in every period. Both 0: a share of what is left, by weight if there is one, else of extra time.
  u32 period_low, period_high;
  u32 slice_low, slice_high;
  u32 latency_low, latency_high;
  u32 extra;         // 1: may use time that is left over
  u32 extra_weight;  // by which that is shared; 0: by what the domain has lost, or its slice
};
static_assert(sizeof(SchedulerParameters) <= sizeof(ControlOp::words));

struct DomainInfo {
  u32 flags;  // bit 0 built, 1 paused, 2 blocked, 3 running, 4 dying, 5 crashed, 6 shut down; 15..8 its reason
  u32 frames, max_frames;
  u32 shared_info_frame;
  u32 cpu_ns_low, cpu_ns_high;
  u32 core_bytes;  // state of this domain inside the hypervisor, shared pages included
};

// (pattern, action) rule of the firewall-router. Addresses and ports in host order; 0 mask: any.
struct NetworkRule {
  u32 action;           // RuleAction
  u32 source_vif;       // VIF id, or kVifAny, kVifPhysical
  u32 destination_vif;  // VIF id or kVifPhysical; for `accept`: where it goes
  u32 protocol;         // RuleProtocol
  u32 source_address, source_address_mask;
  u32 destination_address, destination_address_mask;
  u32 source_port, source_port_mask;
  u32 destination_port, destination_port_mask;
};
static_assert(sizeof(NetworkRule) <= sizeof(ControlOp::words));

enum class RuleAction : u32 { accept = 0, drop = 1 };
enum class RuleProtocol : u32 { any = 0, ip = 1, tcp = 2, udp = 3, arp = 4 };

// A VIF's name in rules: domain << 12 | index.
constexpr u32 vif_id(DomainId domain, u32 index) { return domain << 12 | index; }
inline constexpr u32 kVifPhysical = 0xfffff001, kVifAny = 0xfffff002, kVifUnknown = 0xfffff000;

}  // namespace hv

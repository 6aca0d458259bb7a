// The hypervisor core: three entries, each given the register frame of what was interrupted, which it edits.
//
// The core never blocks, never calls back, and is never re-entered on a CPU. When an entry returns, the frame says what
// the CPU is to run: ring 1 or 3 a guest, ring 0 (cs = kHypervisorCs) the idle loop, which waits for an interrupt.
#pragma once

#include "base/arena.h"
#include "base/types.h"
#include "domain.h"
#include "events/event_channels.h"
#include "hardware/machine.h"
#include "io/firewall_router.h"
#include "io/network.h"
#include "memory/frame_table.h"
#include "schedule/run_state.h"
#include "time/system_clock.h"

namespace hv {

struct BootParameters {
  u32 max_domains = 0;            // domain 0 included
  const char* scheduler = "bvt";  // name in schedule/registry
  const char* variant = "paper";
  SystemTime context_switch_allowance = 5'000'000;
  SystemTime tick = 10'000'000;  // ticker to the running vCPU; 0 turns it off
  SystemTime timer_slop = 0;     // timers within this of now run at once (50 us in Xen 1.0-2.0)
  u32 hypervisor_frames = 0;     // frames at the bottom of RAM that belong to the core
};

class Hypervisor {
 public:
  // `memory` holds the core's own tables, `bytes_needed` says how much for a machine.
  static u64 bytes_needed(const hw::Machine& machine, const BootParameters& parameters);
  Hypervisor(hw::Machine& machine, Arena memory, const BootParameters& parameters);

  // The entries. On the CPU `cpu`, with what it was doing in `registers`.
  void boot_cpu(hw::Cpu& cpu, hw::Registers& registers);  // once per CPU, before anything else; leaves it idle
  void hypercall(hw::Cpu& cpu, hw::Registers& registers);
  void exception(hw::Cpu& cpu, hw::Registers& registers, u32 fault_address);
  void interrupt(hw::Cpu& cpu, hw::Registers& registers, u32 line);
};

}  // namespace hv

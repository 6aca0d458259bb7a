// A domain: everything the core keeps for one guest. The parts belong to the folders that define them.
#pragma once

#include "base/types.h"
#include "events/event_ports.h"
#include "io/vbd.h"
#include "io/vif.h"
#include "memory/domain_memory.h"
#include "traps/trap_table.h"
#include "vcpu.h"

namespace hv {

struct Domain {
  DomainId id = kNoDomain;
  u32 serial = 0;           // never 0, no other domain's before or after: ids are used again
  bool in_use = false;      // the slot holds a domain
  bool privileged = false;  // domain 0
  bool built = false;       // has page tables and a start address
  bool paused = false;      // by domain 0; each vCPU's pause_count includes it
  bool dying = false;
  bool crashed = false;
  bool shut_down = false;
  u32 shutdown_reason = 0;             // the guest's
  const char* death_reason = nullptr;  // for the console and the report

  u32 vcpu_count = 0;
  Vcpu* vcpus[kMaxVcpusPerDomain] = {};
  MachineFrame shared_info;  // frame of the SharedInfo page

  DomainMemory memory;
  EventPorts events;
  TrapTable traps;
  Vif* vifs[kMaxVifsPerDomain] = {};
  BlockInterface* block = nullptr;  // made with its first VBD

  u64 arena_bytes = 0;  // of this slot, its vCPUs and ports: it keeps them for the next domain

  // All that the core spends on this domain: those, its interfaces, the pages shared with it, and the page table behind
  // its descriptor tables.
  u64 core_bytes() const {
    u64 bytes = arena_bytes + u64{memory.shared.count} * kPageSize;
    if (memory.descriptor_table != MachineFrame::none()) bytes += kPageSize;
    for (const Vif* vif : vifs) bytes += vif == nullptr ? 0 : sizeof(Vif);
    bytes += block == nullptr ? 0 : sizeof(BlockInterface);
    return bytes;
  }
};

}  // namespace hv

// A domain: everything the core keeps for one guest. The parts belong to the folders that define them.
#pragma once

#include "base/types.h"
#include "events/event_ports.h"
#include "io/vif.h"
#include "memory/domain_memory.h"
#include "traps/trap_table.h"
#include "vcpu.h"

namespace hv {

struct Domain {
  DomainId id = kNoDomain;
  bool in_use = false;      // the slot holds a domain
  bool privileged = false;  // domain 0
  bool built = false;       // has page tables and a start address
  bool dying = false;
  bool crashed = false;
  const char* death_reason = nullptr;  // for the console and the report

  u32 vcpu_count = 0;
  Vcpu* vcpus[kMaxVcpusPerDomain] = {};
  MachineFrame shared_info;  // frame of the SharedInfo page

  DomainMemory memory;
  EventPorts events;
  TrapTable traps;
  Vif* vifs[kMaxVifsPerDomain] = {};

  u64 core_bytes = 0;  // arena memory and frames the core spends on this domain
};

}  // namespace hv

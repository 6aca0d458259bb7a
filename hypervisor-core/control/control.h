// The domain-0 operations of interface/control.h: policy is domain 0's, these are the mechanisms.
#pragma once

#include "base/error.h"
#include "base/types.h"
#include "caller.h"
#include "control/domain_lifecycle.h"
#include "domain_table.h"
#include "interface/control.h"
#include "io/block.h"
#include "io/network.h"
#include "memory/memory_manager.h"
#include "schedule/run_state.h"
#include "time/system_clock.h"
#include "time/time_keeper.h"

namespace hv {

class Control {
 public:
  Control(DomainTable& domains, DomainLifecycle& lifecycle, MemoryManager& memory, RunStates& run_states,
          TimeKeeper& time, Network& network, BlockIo& block, SystemClock& clock)
      : domains_{domains},
        lifecycle_{lifecycle},
        memory_{memory},
        run_states_{run_states},
        time_{time},
        network_{network},
        block_{block},
        clock_{clock} {}

  // The hypercall: a ControlOp at `address`. In this order: not_permitted (not domain 0), bad_address, wrong_version,
  // not_implemented (no such command), no_such_domain, and what the command finds.
  HypercallResult operate(Caller& caller, u32 address);

 private:
  HypercallResult perform(Caller& caller, ControlOp& op);
  HypercallResult perform_on(Caller& caller, Domain& domain, ControlOp& op);
  HypercallResult get_domain_info(ControlOp& op);
  HypercallResult get_memory_list(Caller& caller, Domain& domain, ControlOp& op);
  HypercallResult scheduler_adjust(Domain& domain, const ControlOp& op);
  HypercallResult create_vif(Domain& domain, ControlOp& op);
  HypercallResult create_vbd(Domain& domain, ControlOp& op);
  HypercallResult get_disk_info(ControlOp& op);

  DomainTable& domains_;
  DomainLifecycle& lifecycle_;
  MemoryManager& memory_;
  RunStates& run_states_;
  TimeKeeper& time_;
  Network& network_;
  BlockIo& block_;
  SystemClock& clock_;
};

}  // namespace hv

// From creation to the last frame given back: the states of a domain, and how it passes from one to the next.
//
//   create -> (build) -> unpause <-> pause -> destroy -> reap
//                           \-> crash, shut down: its vCPUs stop for ever, its memory stays for domain 0 to look at
//
// A vCPU of a dying domain may still be loaded on another CPU; the domain is reaped once that CPU has switched.
#pragma once

#include "base/error.h"
#include "base/types.h"
#include "domain_table.h"
#include "events/event_channels.h"
#include "hardware/machine.h"
#include "interface/control.h"
#include "io/block.h"
#include "io/network.h"
#include "memory/memory_manager.h"
#include "schedule/run_state.h"
#include "time/system_clock.h"
#include "time/time_keeper.h"

namespace hv {

class DomainLifecycle {
 public:
  DomainLifecycle(hw::Machine& machine, DomainTable& domains, MemoryManager& memory, RunStates& run_states,
                  EventChannels& events, TimeKeeper& time, Network& network, BlockIo& block, SystemClock& clock)
      : machine_{machine},
        domains_{domains},
        memory_{memory},
        run_states_{run_states},
        events_{events},
        time_{time},
        network_{network},
        block_{block},
        clock_{clock} {}

  // A paused domain with memory and no address space, whose vCPUs may run on `cpus`, a mask.
  // invalid: number of vCPUs, or no CPU of those; no_memory: frames, slots or arena.
  HypercallResult create(u32 kilobytes, u32 vcpus, u32 cpus, Domain*& created);
  // Gives vCPU 0 an address space and the registers to start with. invalid: built already, an address in the
  // hypervisor's part, or no valid page directory.
  HypercallResult build(Domain& domain, const BuildDomain& start);

  // The caller's own vCPUs, see interface/vcpu.h. no_such_entry: no such vCPU; exists: it has begun once; bad_address;
  // invalid: a context that build() would refuse, or up of one without any; not_implemented.
  HypercallResult vcpu_op(Caller& caller, u32 command, u32 id, u32 address);

  void pause(Domain& domain);  // by domain 0; not counted
  void unpause(Domain& domain);

  // Ends a domain that broke a rule it cannot be told about. Of domain 0: stops the machine.
  void crash(Domain& domain, const char* reason);
  // The guest ended itself. Of domain 0: stops the machine.
  void shut_down(Domain& domain, u32 reason);

  void destroy(Domain& domain);
  // Frees a dying domain if no CPU runs it any more. Called after every switch away from a vCPU.
  void reap(Domain& domain);

  SystemTime retired_cpu_time() const { return retired_cpu_time_; }  // of vCPUs that are gone

 private:
  HypercallResult begin_at(Vcpu& vcpu, const BuildDomain& start);
  HypercallResult initialise(Caller& caller, Vcpu& vcpu, u32 address);
  bool running_somewhere(const Domain& domain) const;
  void stop(Domain& domain, const char* reason);

  hw::Machine& machine_;
  DomainTable& domains_;
  MemoryManager& memory_;
  RunStates& run_states_;
  EventChannels& events_;
  TimeKeeper& time_;
  Network& network_;
  BlockIo& block_;
  SystemClock& clock_;
  SystemTime retired_cpu_time_ = 0;
};

}  // namespace hv

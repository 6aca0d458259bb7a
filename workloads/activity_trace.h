// Whoever wants to see what hypervisor, domains and CPUs do: the schedule of a run, and what took the time.
//
// The core and the CPUs tell their observers; here it comes in simulated time, for any number of traces at once. An
// implementation overrides what it wants to see. It changes nothing: the run is the same with it and without.
#pragma once

#include <cstdint>

#include "hardware/work.h"
#include "model/cpu_observer.h"
#include "schedule/scheduler.h"
#include "sim/time.h"
#include "vcpu.h"

namespace guest {

class ActivityTrace {
 public:
  // Of the hypervisor; see hv::Observer. `by` is the CPU that was inside it. `at` is the time that it accounts with, in
  // whole nanoseconds; it is not before the event queue's time, but maybe before what was reported last, because
  // software runs ahead of the event queue.
  // The times in a decision and of vCPUs are the core's, of which `now` is that of `at`.
  virtual void decided(hv::CpuId /*by*/, const hv::Vcpu& /*previous*/, const hv::Decision& /*decision*/,
                       const hv::Scheduler& /*policy*/, hv::SystemTime /*now*/, sim::Time /*at*/) {}
  virtual void state_changed(hv::CpuId /*by*/, const hv::Vcpu& /*vcpu*/, hv::RunState /*before*/, sim::Time /*at*/) {}
  virtual void event_sent(hv::CpuId /*by*/, const hv::Vcpu& /*to*/, std::uint32_t /*port*/, sim::Time /*at*/) {}

  // Of the CPUs; see model::CpuObserver. On every system: the supervisor may be a hypervisor or a native kernel.
  virtual void entered(hv::CpuId /*cpu*/, model::EntryKind /*kind*/, const hw::Registers& /*registers*/,
                       std::uint32_t /*fault_address*/, sim::Time /*at*/) {}
  virtual void worked(hv::CpuId /*cpu*/, hw::Step /*step*/, std::uint32_t /*times*/) {}
  virtual void left(hv::CpuId /*cpu*/, sim::Time /*at*/) {}

  // The event queue has come to `now`: everything earlier has been reported.
  virtual void passed(sim::Time /*now*/) {}

 protected:
  ~ActivityTrace() = default;
};

}  // namespace guest

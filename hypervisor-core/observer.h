// Whoever wants to see what the core does: a trace, a comparison of two runs.
//
// It is shown everything and changes nothing: it may read what it is given, and calls nothing of the core that is not
// const. Without one, which is the rule, every place that would tell it costs the test of a pointer. The entries into
// the core and the steps of hardware/work.h are not told: whoever enters the core and implements hw::Cpu sees them.
#pragma once

#include "base/types.h"

namespace hv {

struct Decision;
struct Domain;
struct Vcpu;
class Scheduler;
enum class RunState : u8;

class Observer {
 public:
  // `policy` has decided what `cpu` runs after `previous`; nobody's state has changed yet.
  virtual void decided(CpuId cpu, const Vcpu& previous, const Decision& decision, const Scheduler& policy,
                       SystemTime now) = 0;
  // The vCPU was in state `before` and is in vcpu.state from `now` on, the time of the CPU that is inside the core. Of
  // a switch, the vCPU that leaves comes first.
  virtual void state_changed(const Vcpu& vcpu, RunState before, SystemTime now) = 0;
  // `port` of `to` is made pending; it may be already, or masked.
  virtual void event_sent(const Domain& to, u32 port) = 0;

 protected:
  ~Observer() = default;
};

}  // namespace hv

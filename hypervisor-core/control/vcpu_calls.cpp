// vcpu_op: what a domain does with its own vCPUs.
#include "caller.h"
#include "control/domain_lifecycle.h"
#include "domain.h"
#include "interface/layout.h"
#include "interface/vcpu.h"

namespace hv {

HypercallResult DomainLifecycle::vcpu_op(Caller& caller, u32 command, u32 id, u32 address) {
  caller.cpu.work(hw::Step::vcpu_state);
  if (id >= caller.domain.vcpu_count) return Error::no_such_entry;
  Vcpu& vcpu = *caller.domain.vcpus[id];
  switch (static_cast<VcpuOp>(command)) {
    case VcpuOp::initialise:
      return initialise(caller, vcpu, address);
    case VcpuOp::up:
      if (!vcpu.initialised) return Error::invalid;
      if (!vcpu.up) run_states_.unpause(vcpu, clock_.now());
      vcpu.up = true;
      return HypercallResult::success();
    case VcpuOp::down:
      if (vcpu.up) run_states_.pause(vcpu, clock_.now());
      vcpu.up = false;
      return HypercallResult::success();
    case VcpuOp::is_up:
      return HypercallResult::count(vcpu.up ? 1 : 0);
  }
  return Error::not_implemented;
}

HypercallResult DomainLifecycle::initialise(Caller& caller, Vcpu& vcpu, u32 address) {
  if (vcpu.initialised) return Error::exists;
  VcpuContext context;
  if (!caller.cpu.copy_from_guest(&context, address, sizeof context)) return Error::bad_address;
  return begin_at(vcpu, {context.directory_frame, context.entry_eip, context.entry_esp, context.argument});
}

}  // namespace hv

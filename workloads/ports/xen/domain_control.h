// What domain 0's kernel offers to its control programs: the privileged hypercalls, and other domains' memory.
//
// Each call is one system call of the program: it enters the kernel, and on the way out other processes and interrupts
// get their turn.
#pragma once

#include <span>
#include <vector>

#include "interface/control.h"
#include "interface/memory.h"
#include "workloads/ports/xen/xen_port.h"

namespace guest {

class DomainControl {
 public:
  explicit DomainControl(XenPort& port) : port_{port}, kernel_{port.kernel()}, memory_{kernel_} {}

  // dom0_op: the result, and the block with what the hypervisor wrote back.
  model::Task<s32> control(hv::ControlOp& op);
  model::Task<s32> memory_list(hv::DomainId domain, u32 frames, std::vector<hv::MachineFrame>& list);
  // mmu_update on the domain's frames in batches of up to kMaxMmuUpdates: 0, or the first error; `done` says how many
  // requests went through.
  model::Task<s32> update(hv::DomainId domain, std::span<const hv::MmuUpdate> requests, u32& done);
  // Maps the domain's frame, writes the words to its start, unmaps it.
  model::Task<> write_frame(hv::DomainId domain, hv::MachineFrame frame, std::span<const u32> words);
  // Copies so many pages of a kernel image out of the page cache.
  model::Task<> copy_pages(u32 pages);

 private:
  u32 argument(u32 offset) const { return port_.layout().arguments() + offset; }
  model::Task<s32> call_hypervisor(hv::ControlOp& op);  // in the kernel
  model::Task<> leave();

  XenPort& port_;
  Kernel& kernel_;
  KernelMemory memory_;
};

}  // namespace guest

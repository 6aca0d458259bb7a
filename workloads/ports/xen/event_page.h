// The guest's side of events and time: the page it shares with the hypervisor.
#pragma once

#include <array>
#include <cstddef>

#include "interface/shared_info.h"
#include "workloads/ports/kernel_memory.h"

namespace guest {

class EventPage {
 public:
  explicit EventPage(Kernel& kernel) : kernel_{kernel}, memory_{kernel} {}
  void place(u32 address) { address_ = address; }

  // Of the virtual CPU that runs this code, as take_selector() and system_time().
  bool upcalls_masked() { return load(of_vcpu(offsetof(hv::SharedVcpu, upcall_mask))) != 0; }
  void mask_upcalls(bool masked) { store(of_vcpu(offsetof(hv::SharedVcpu, upcall_mask)), masked ? 1 : 0); }
  bool upcall_pending() { return load(of_vcpu(offsetof(hv::SharedVcpu, upcall_pending))) != 0; }

  // A port that is bound to this virtual CPU, or to another one.
  void unmask_port(u32 port) { unmask_port(port, kernel_.port().processor()); }
  void unmask_port(u32 port, u32 processor);
  // Forgets that something is pending, then takes what is: words with pending ports, one bit each.
  u32 take_selector();
  // Takes the pending, unmasked ports of a word that are bound to this virtual CPU.
  u32 take_ports(u32 word);

  s64 system_time();  // ns since the hypervisor booted, extrapolated with the cycle counter

  // Indexes of a VIF's rings.
  u32 load_index(u32 vif, std::size_t field) { return load(index_offset(vif, field)); }
  void store_index(u32 vif, std::size_t field, u32 value) { store(index_offset(vif, field), value); }
  // And of the block ring.
  u32 load_block(std::size_t field) { return load(offsetof(hv::SharedInfo, block) + field); }
  void store_block(std::size_t field, u32 value) { store(offsetof(hv::SharedInfo, block) + field, value); }

 private:
  std::size_t of_vcpu(std::size_t field) const {
    return offsetof(hv::SharedInfo, vcpu) + kernel_.port().processor() * sizeof(hv::SharedVcpu) + field;
  }
  static std::size_t index_offset(u32 vif, std::size_t field) {
    return offsetof(hv::SharedInfo, vif) + vif * sizeof(hv::SharedNetworkIndexes) + field;
  }
  u32 load(std::size_t offset) { return memory_.load(address_ + static_cast<u32>(offset)); }
  void store(std::size_t offset, u32 value) { memory_.store(address_ + static_cast<u32>(offset), value); }
  void charge_locked() { kernel_.cpu().charge(kernel_.machine().file().cpu.locked_operation); }

  Kernel& kernel_;
  KernelMemory memory_;
  u32 address_ = 0;
  // By virtual CPU, the ports that are bound to it.
  std::array<std::array<u32, hv::kMaxPorts / 32>, hv::kMaxVcpusPerDomain> own_ports_{};
};

}  // namespace guest

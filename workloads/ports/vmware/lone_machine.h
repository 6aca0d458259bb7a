// A virtual machine that has its host to itself, and all of the memory that host and monitor leave.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "workloads/hosts/one_kernel_platform.h"
#include "workloads/ports/vmware/vmware_port.h"

namespace guest {

class LoneMachine final : public KernelOnMachine {
 public:
  // Throws SpecError.
  LoneMachine(const HostSpec& spec, model::Machine& machine, IpAddress address, std::vector<NamedProgram> programs);

  void power_on() override { host_.power_on(); }
  Kernel& kernel() override { return port_.kernel(); }
  void add_metrics(std::vector<Metric>& metrics) const override;
  std::optional<std::string> audit() override;

 private:
  WorkstationHost host_;
  VmwarePort port_;
};

}  // namespace guest

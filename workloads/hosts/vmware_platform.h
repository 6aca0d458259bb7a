// A host of VMware Workstation with several virtual machines, one for each guest. Their interfaces and disks are called
// "web.eth0" and "web.hda" in traces.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "workloads/hosts/guest_programs.h"
#include "workloads/hosts/platform.h"
#include "workloads/ports/vmware/vmware_port.h"
#include "workloads/ports/vmware/workstation_host.h"

namespace guest {

// Whether several virtual machines have memory of a size that can be, and all of them room. Throws SpecError.
void check_memory_of_machines(const HostSpec& spec);

class VmwarePlatform final : public Platform {
 public:
  VmwarePlatform(const HostSpec& spec, model::Machine& machine);  // throws SpecError

  void power_on() override { host_.power_on(); }
  bool up() const override;
  void check_boot() const override {}
  IpAddress address_of(std::size_t guest) const override { return guest_address(guest); }
  const GuestPrograms& programs(std::size_t guest) const override { return guests_[guest].programs; }
  std::uint64_t core_bytes(std::size_t) const override { return 0; }
  void add_metrics(std::vector<Metric>& metrics) const override;
  std::optional<std::string> audit() override;

 private:
  struct Guest {
    std::string name;
    GuestPrograms programs;
    std::unique_ptr<VmwarePort> port;
  };

  const sim::Clock& clock_;
  WorkstationHost host_;
  std::vector<Guest> guests_;
};

}  // namespace guest

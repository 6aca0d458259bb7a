// A host without a hypervisor: the guests' programs are processes of one kernel, which has all of the machine.
#pragma once

#include <memory>
#include <vector>

#include "workloads/hosts/guest_programs.h"
#include "workloads/hosts/platform.h"
#include "workloads/ports/native/native_port.h"
#include "workloads/spec.h"

namespace guest {

class NativePlatform final : public Platform {
 public:
  NativePlatform(const HostSpec& spec, model::Machine& machine);  // throws SpecError

  void power_on() override { port_->power_on(); }
  bool up() const override;
  void check_boot() const override {}
  IpAddress address_of(std::size_t) const override { return guest_address(0); }
  std::int64_t useful_cycles(std::size_t guest) const override { return programs_[guest].useful_cycles(); }
  std::uint64_t core_bytes(std::size_t) const override { return 0; }
  void add_metrics(std::vector<Metric>& metrics) const override;
  std::optional<std::string> audit() override;

 private:
  std::vector<GuestPrograms> programs_;
  std::unique_ptr<NativePort> port_;
};

}  // namespace guest

// A host with the hypervisor: domain 0, which builds the others, and a domain per guest.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "hypervisor.h"
#include "workloads/control/domain_builder.h"
#include "workloads/hosts/activity_reporter.h"
#include "workloads/hosts/guest_programs.h"
#include "workloads/hosts/platform.h"
#include "workloads/ports/xen/xen_port.h"
#include "workloads/spec.h"

namespace guest {

class XenPlatform final : public Platform, private model::Supervisor, private sim::EventHandler {
 public:
  XenPlatform(const HostSpec& spec, model::Machine& machine);  // throws SpecError; the spec outlives it

  void power_on() override;
  bool up() const override;
  void check_boot() const override;
  IpAddress address_of(std::size_t guest) const override { return guest_address(guest); }
  const GuestPrograms& programs(std::size_t guest) const override { return guests_[guest].programs; }
  std::uint64_t core_bytes(std::size_t guest) const override;
  void add_metrics(std::vector<Metric>& metrics) const override;
  std::optional<std::string> audit() override;

  hv::Hypervisor& core() { return *core_; }

 private:
  struct Guest {
    GuestPrograms programs;
    std::unique_ptr<XenPort> port;  // null: a kernel that is not ours
  };

  void boot_core();
  // Whether a kernel's idea of which frame is behind each of its pages is what its page tables say, and the hypervisor.
  bool translations_agree(const XenPort& port) const;
  const hv::Domain* domain_of(std::size_t guest) const;  // null: not built yet

  // model::Supervisor
  void hypercall(model::Cpu& cpu, hw::Registers& registers) override;
  void exception(model::Cpu& cpu, hw::Registers& registers, std::uint32_t fault_address) override;
  void interrupt(model::Cpu& cpu, hw::Registers& registers, std::uint32_t line) override;
  std::uint32_t virtual_processor(const model::Cpu& cpu) const override;
  model::Account account() const override { return model::Account::hypervisor; }

  void on_event(std::uint64_t word) override;  // starts the CPU of that number

  const HostSpec& spec_;
  model::Machine& machine_;
  std::string variant_;  // of the scheduler
  std::vector<Guest> guests_;
  std::unique_ptr<DomainBuilder> builder_;
  std::unique_ptr<XenPort> domain0_;
  std::vector<std::byte> core_memory_;
  std::unique_ptr<hv::Hypervisor> core_;
  std::unique_ptr<CoreReporter> reporter_;  // null: nobody wants to know
};

}  // namespace guest

// A host on which one guest kernel runs, which has all of the machine: bare hardware, or below it a monitor or a host
// kernel that serves it alone. The guests' programs are its processes.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "workloads/hosts/guest_programs.h"
#include "workloads/hosts/platform.h"
#include "workloads/kernel/kernel.h"
#include "workloads/spec.h"

namespace guest {

// What a guest cannot have without the hypervisor is a SpecError, and what processes of one kernel, those of all these
// guests, cannot both have.
void check_without_hypervisor(const GuestSpec& guest, System system);
void check_kernel_of(std::span<const GuestSpec> guests);

// A kernel with the port that it runs on, and what is below.
class KernelOnMachine {
 public:
  virtual ~KernelOnMachine() = default;
  virtual void power_on() = 0;
  virtual Kernel& kernel() = 0;
  virtual void add_metrics(std::vector<Metric>& metrics) const = 0;  // of the port
  // The first thing that is wrong with its page tables, and with what is below.
  virtual std::optional<std::string> audit() = 0;
};

class OneKernelPlatform final : public Platform {
 public:
  // Programs become processes when the machine boots. They and the machine outlive what is made.
  using Make = std::function<std::unique_ptr<KernelOnMachine>(const HostSpec&, model::Machine&, IpAddress,
                                                              std::vector<NamedProgram>)>;
  OneKernelPlatform(const HostSpec& spec, model::Machine& machine, const Make& make);  // throws SpecError

  void power_on() override { on_machine_->power_on(); }
  bool up() const override;
  void check_boot() const override {}
  IpAddress address_of(std::size_t) const override { return guest_address(0); }
  const GuestPrograms& programs(std::size_t guest) const override { return programs_[guest]; }
  std::uint64_t core_bytes(std::size_t) const override { return 0; }
  void add_metrics(std::vector<Metric>& metrics) const override;
  std::optional<std::string> audit() override { return on_machine_->audit(); }

 private:
  std::vector<GuestPrograms> programs_;
  std::unique_ptr<KernelOnMachine> on_machine_;
};

}  // namespace guest

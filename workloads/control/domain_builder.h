// The program of domain 0 that makes every other domain, changes how they are scheduled while they run, and ends those
// whose time is limited, through the hypercalls that any such program would use.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "workloads/hosts/partitions.h"
#include "workloads/kernel/network/ip.h"
#include "workloads/ports/xen/domain_control.h"
#include "workloads/programs/program.h"
#include "workloads/spec.h"

namespace guest {

// A domain to be made: its specification and where its kernel begins.
struct DomainOrder {
  const GuestSpec* spec;
  u32 entry_eip;
  IpAddress address;
  std::vector<Partition> disks;  // VBD 0, 1, ...
};

struct BuiltDomain {
  hv::DomainId id;
  u32 pages;
  hv::MachineFrame directory;
};

// The step of building that the hypervisor refused.
struct BuildFailure {
  std::size_t order;
  std::string step;
  s32 error;  // negative
};

class DomainBuilder final : public Program {
 public:
  // `exact_weights`: BVT's virtual times may be as fine as the weights ask for.
  DomainBuilder(std::vector<DomainOrder> orders, std::vector<DropRule> rules, std::vector<ScheduleChange> changes,
                bool exact_weights);
  void use(XenPort& port) { control_.emplace(port); }  // of the domain it runs in; before it does

  model::Task<> run(SystemCalls& calls) override;

  const std::vector<BuiltDomain>& built() const { return built_; }  // in the order of the orders
  bool destroyed(std::size_t index) const { return index < destroyed_.size() && destroyed_[index]; }
  const std::optional<BuildFailure>& failure() const { return failure_; }

 private:
  // Pages of a new domain, see interface/start_info.h.
  struct Layout;

  model::Task<bool> build(std::size_t index);
  model::Task<bool> step(std::size_t index, const char* name, hv::ControlOp& op);
  model::Task<bool> fill_page_tables(std::size_t index, const Layout& layout, hv::DomainId id,
                                     const std::vector<hv::MachineFrame>& frames, hv::MachineFrame shared_info);
  model::Task<> write_start_pages(std::size_t index, const Layout& layout, hv::DomainId id,
                                  const std::vector<hv::MachineFrame>& frames, hv::MachineFrame shared_info);
  model::Task<bool> scale_domain0();
  model::Task<bool> set_scheduling(std::size_t index, hv::DomainId id);
  model::Task<bool> connect_network(std::size_t index, hv::DomainId id);
  model::Task<bool> add_rule(std::size_t index, const hv::NetworkRule& rule);
  hv::NetworkRule drop_rule(const DropRule& rule) const;
  model::Task<> follow_timetable(SystemCalls& calls);
  model::Task<> destroy(std::size_t index);
  model::Task<> change(const ScheduleChange& change);
  std::size_t order_of(const std::string& guest) const;
  model::Task<bool> connect_disks(std::size_t index, hv::DomainId id);
  bool succeeded(std::size_t index, const std::string& name, s32 result);

  std::vector<DomainOrder> orders_;
  std::vector<DropRule> rules_;
  std::vector<ScheduleChange> changes_;
  std::vector<ScheduleSettings> scheduling_;  // as they are now, by the index of the order
  u32 advance_scale_ = 1;
  std::optional<DomainControl> control_;
  std::vector<BuiltDomain> built_;
  std::vector<bool> destroyed_;  // by the index of the order
  std::optional<BuildFailure> failure_;
};

}  // namespace guest

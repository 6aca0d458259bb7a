#include "workloads/ports/vmware/lone_machine.h"

#include <utility>

namespace guest {

namespace {

VirtualMachineOrder order_of_all(const WorkstationHost& host, const HostSpec& spec, IpAddress address,
                                 std::vector<NamedProgram> programs) {
  constexpr u32 kFewestFrames = (64u << 20) / hv::kPageSize;
  const u32 shadow = workstation_file(spec).shadow_pages;
  if (host.frames_left() < shadow + kFewestFrames) {
    throw SpecError{"vmware", "the host and the monitor leave less than 64 MB of the machine's memory"};
  }
  return {.name = "vmware",
          .frames = host.frames_left() - shadow,
          .address = address,
          .network = wants_network(spec),
          .disks = lay_out_disks(spec),
          .programs = std::move(programs)};
}

}  // namespace

LoneMachine::LoneMachine(const HostSpec& spec, model::Machine& machine, IpAddress address,
                         std::vector<NamedProgram> programs)
    : host_{spec, machine}, port_{host_, spec, machine, order_of_all(host_, spec, address, std::move(programs))} {
  machine.set_supervisor(host_);
}

void LoneMachine::add_metrics(std::vector<Metric>& metrics) const {
  port_.add_metrics("vmware", "kernel", metrics);
  host_.add_metrics(metrics);
}

std::optional<std::string> LoneMachine::audit() {
  if (auto wrong = port_.audit()) return wrong;
  return host_.audit();
}

}  // namespace guest

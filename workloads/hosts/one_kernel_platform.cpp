#include "workloads/hosts/one_kernel_platform.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>

#include "workloads/hosts/kernel_metrics.h"

namespace guest {

void check_without_hypervisor(const GuestSpec& guest, System system) {
  if (guest.vcpus != 1) {
    throw SpecError{guest.name, fmt::format("{} virtual CPUs: {}", guest.vcpus,
                                            system == System::native
                                                ? "a kernel on bare hardware has the host's, see cpus"
                                                : "a virtual machine of this system has one; system xen has more")};
  }
  if (guest.kernel) throw SpecError{guest.name, "a kernel that is not ours needs a domain: system xen"};
  for (const ProgramSpec& program : guest.programs) {
    if (std::holds_alternative<BalloonSettings>(program)) {
      throw SpecError{guest.name, "a balloon needs a domain: system xen"};
    }
  }
}

void check_kernel_of(std::span<const GuestSpec> guests) {
  std::set<std::uint16_t> ports;
  bool listens = false;
  for (const GuestSpec& guest : guests) {
    for (const ProgramSpec& program : guest.programs) {
      const auto* echo = std::get_if<UdpEchoSettings>(&program);
      if (echo != nullptr && !ports.insert(echo->port).second) {
        throw SpecError{guest.name,
                        fmt::format("UDP port {} is taken by another process of the same kernel", echo->port)};
      }
      const auto* ttcp = std::get_if<TtcpSettings>(&program);
      if (ttcp != nullptr && ttcp->direction == TtcpSettings::Direction::receive && std::exchange(listens, true)) {
        throw SpecError{guest.name, "another ttcp of the same kernel receives already"};
      }
    }
  }
}

namespace {

// The kernel itself, page tables, stacks and network buffers.
constexpr std::uint64_t kKernelPages = 16'384;

void check(const HostSpec& spec, const std::vector<GuestPrograms>& programs, std::uint64_t frames) {
  std::uint64_t pages = kKernelPages;
  for (std::size_t i = 0; i < spec.guests.size(); ++i) {
    pages += programs[i].resident_pages();
    if (pages > frames) {
      throw SpecError{spec.guests[i].name,
                      fmt::format("its programs do not fit the machine's {} MiB of memory any more", frames / 256)};
    }
  }
  check_kernel_of(spec.guests);
}

}  // namespace

OneKernelPlatform::OneKernelPlatform(const HostSpec& spec, model::Machine& machine, const Make& make) {
  std::vector<NamedProgram> processes;
  for (const GuestSpec& guest : spec.guests) {
    check_without_hypervisor(guest, spec.system);
    programs_.emplace_back(guest, machine.clock(), spec.seed);
    for (NamedProgram& named : programs_.back().processes(guest.name + "/")) processes.push_back(std::move(named));
  }
  check(spec, programs_, machine.memory().frame_count());
  on_machine_ = make(spec, machine, guest_address(0), std::move(processes));
  Kernel& kernel = on_machine_->kernel();
  if (spec.packet_trace != nullptr) kernel.packet_tap().attach(*spec.packet_trace, "eth0");
  if (spec.block_trace != nullptr) {
    const std::string prefix = spec.system == System::native ? "sd" : "hd";
    kernel.trace_requests(*spec.block_trace, [prefix](std::size_t n) { return prefix + static_cast<char>('a' + n); });
  }
}

bool OneKernelPlatform::up() const {
  return on_machine_->kernel().up() &&
         std::all_of(programs_.begin(), programs_.end(), [](const GuestPrograms& guest) { return guest.running(); });
}

void OneKernelPlatform::add_metrics(std::vector<Metric>& metrics) const {
  add_kernel_metrics(on_machine_->kernel(), "kernel", metrics);
  on_machine_->add_metrics(metrics);
}

}  // namespace guest

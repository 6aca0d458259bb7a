#include "workloads/hosts/vmware_platform.h"

#include <fmt/format.h>

#include <algorithm>

#include "model/machine_file.h"
#include "workloads/hosts/kernel_metrics.h"
#include "workloads/hosts/one_kernel_platform.h"
#include "workloads/hosts/partitions.h"
#include "workloads/ports/stock_image.h"

namespace guest {

namespace {

constexpr std::uint64_t kLargePageBytes = kDirectorySlotBytes;
constexpr std::uint64_t kFewestPages = 2 * kKernelImageFrames;  // the image, and as much to begin with
constexpr std::uint64_t kProcessPages = 16;                     // stack, directory and page tables of one

std::string megabytes(std::uint64_t pages) { return fmt::format("{} MiB", pages * hv::kPageSize >> 20); }

void check_programs(const GuestSpec& guest, const GuestPrograms& programs) {
  check_without_hypervisor(guest, System::vmware);
  check_kernel_of({&guest, 1});
  const std::uint64_t needed =
      kFewestPages + programs.resident_pages() + kProcessPages * (programs.entries().size() + 1);
  if (guest.memory_bytes < needed * hv::kPageSize) {
    throw SpecError{guest.name, fmt::format("{} of memory is too small: its kernel and programs need {}",
                                            megabytes(guest.memory_bytes / hv::kPageSize), megabytes(needed))};
  }
}

}  // namespace

void check_memory_of_machines(const HostSpec& spec) {
  if (spec.guests.size() <= 1) return;
  const WorkstationFile& file = workstation_file(spec);
  const std::uint64_t frames = spec.machine->memory.size / hv::kPageSize;
  std::uint64_t taken = file.host_pages;
  for (const GuestSpec& guest : spec.guests) {
    if (guest.memory_bytes % kLargePageBytes != 0) {
      throw SpecError{guest.name, "memory of a virtual machine must be whole 4 MiB, as its kernel maps it"};
    }
    const std::uint64_t pages = guest.memory_bytes / hv::kPageSize;
    if (guest.memory_bytes > kLowMemoryBytes) {
      throw SpecError{guest.name, megabytes(pages) + ": of several virtual machines none may have more than 896 MiB"};
    }
    taken += file.shadow_pages + pages;
    if (taken <= frames) continue;
    throw SpecError{guest.name, fmt::format("{} do not fit any more: the machine has {}, the host, the machines before "
                                            "it and the shadow page tables of all have {}",
                                            megabytes(pages), megabytes(frames), megabytes(taken - pages))};
  }
}

VmwarePlatform::VmwarePlatform(const HostSpec& spec, model::Machine& machine)
    : clock_{machine.clock()}, host_{spec, machine} {
  if (spec.guests.size() > HostDisk::kMostProcesses) {
    throw SpecError{"host", fmt::format("{} virtual machines: the host's drive is for at most {}", spec.guests.size(),
                                        HostDisk::kMostProcesses)};
  }
  check_memory_of_machines(spec);
  const std::vector<std::vector<Partition>> disks = lay_out_disks(spec);
  for (std::size_t i = 0; i < spec.guests.size(); ++i) {
    const GuestSpec& guest = spec.guests[i];
    guests_.push_back({guest.name, GuestPrograms{guest, machine.clock(), spec.seed}, nullptr});
    check_programs(guest, guests_.back().programs);
  }
  for (std::size_t i = 0; i < guests_.size(); ++i) {
    VirtualMachineOrder order{.name = guests_[i].name,
                              .frames = static_cast<u32>(spec.guests[i].memory_bytes / hv::kPageSize),
                              .address = guest_address(i),
                              .network = spec.guests[i].network,
                              .disks = {disks[i]},
                              .programs = guests_[i].programs.processes("")};
    guests_[i].port = std::make_unique<VmwarePort>(host_, spec, machine, std::move(order));
    Kernel& kernel = guests_[i].port->kernel();
    if (spec.packet_trace != nullptr && spec.guests[i].network) {
      kernel.packet_tap().attach(*spec.packet_trace, guests_[i].name + ".eth0");
    }
    if (spec.block_trace != nullptr) {
      kernel.trace_requests(*spec.block_trace, [prefix = guests_[i].name + ".hd"](std::size_t n) {
        return prefix + static_cast<char>('a' + n);
      });
    }
  }
  machine.set_supervisor(host_);
}

bool VmwarePlatform::up() const {
  return std::all_of(guests_.begin(), guests_.end(),
                     [](const Guest& guest) { return guest.port->kernel().up() && guest.programs.running(); });
}

void VmwarePlatform::add_metrics(std::vector<Metric>& metrics) const {
  for (const Guest& guest : guests_) {
    const std::string prefix = "guest." + guest.name;
    const WorkstationHost::Counts counts = host_.counts(guest.port->monitor());
    metrics.push_back({prefix + ".cpu_time", clock_.time_of(counts.cpu_time).picoseconds() / 1000, "ns"});
    metrics.push_back({prefix + ".switches_in", static_cast<s64>(counts.switches_in), ""});
    add_kernel_metrics(guest.port->kernel(), prefix, metrics);
    guest.port->add_metrics(prefix, prefix, metrics);
  }
  host_.add_metrics(metrics);
}

std::optional<std::string> VmwarePlatform::audit() {
  for (const Guest& guest : guests_) {
    if (auto wrong = guest.port->audit()) return guest.name + ": " + *wrong;
  }
  return host_.audit();
}

}  // namespace guest

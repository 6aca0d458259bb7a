// Hosts as the guest tests build them: every choice visible in one place.
#pragma once

#include <string>
#include <vector>

#include "model/disk/drive_file.h"
#include "model/machine_file.h"
#include "workloads/host.h"

namespace test {

inline const model::MachineFile& dell2650() {
  static const model::MachineFile file =
      model::MachineFile::load(std::string{RINGZERO_SOURCE_DIR} + "/model/machines/dell2650.json");
  return file;
}

inline const model::DriveFile& ultrastar() {
  static const model::DriveFile file =
      model::DriveFile::load(std::string{RINGZERO_SOURCE_DIR} + "/model/drives/ultrastar146z10.json");
  return file;
}

// A drive, and how much of it the kernel has as a disk.
struct DiskOfKernel {
  std::uint64_t disk_bytes = 8ull << 30;
  std::vector<std::uint64_t> bad_sectors = {};
  const model::DriveFile* drive = &ultrastar();
  guest::DiskSpec::Data data = guest::DiskSpec::Data::ordered;
  std::uint64_t swap_bytes = 0;  // of another disk behind it, to which the kernel swaps; 0: none
};

inline guest::GuestSpec computing_guest(const std::string& name, std::uint64_t megabytes = 16) {
  guest::GuestSpec spec;
  spec.name = name;
  spec.memory_bytes = megabytes << 20;
  spec.programs = {guest::ComputeSettings{}};
  return spec;
}

inline guest::GuestSpec echo_guest(const std::string& name, std::uint64_t megabytes = 16) {
  guest::GuestSpec spec;
  spec.name = name;
  spec.memory_bytes = megabytes << 20;
  spec.programs = {guest::UdpEchoSettings{}};
  spec.network = true;
  return spec;
}

inline guest::HostSpec host_of(guest::System system, std::vector<guest::GuestSpec> guests, std::uint32_t cpus = 1) {
  guest::HostSpec spec;
  spec.machine = &dell2650();
  spec.cpus = cpus;
  spec.system = system;
  spec.guests = std::move(guests);
  return spec;
}

inline guest::ClientSpec fixed_client(const std::string& target, sim::Duration interval) {
  guest::ClientSpec spec;
  spec.target = target;
  spec.interval = {guest::IntervalSettings::Kind::fixed, interval};
  return spec;
}

inline std::int64_t count_of(const guest::Host& host, const std::string& name) {
  for (const guest::Metric& metric : host.metrics()) {
    if (metric.name == name) return metric.value;
  }
  throw std::out_of_range{"no metric " + name};
}

}  // namespace test

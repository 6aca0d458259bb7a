// What the readers of recorded disk workloads have in common: the checks of an access, and the choice of the device.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "workloads/programs/disk_workload.h"

namespace guest {

class RecordedAccesses {
 public:
  // `file` and `device` as load_disk_workload() got them.
  RecordedAccesses(std::string file, std::string device) : file_{std::move(file)}, device_{std::move(device)} {}

  // `line` is where it stands in `file`. Accesses of other devices than the wanted one are forgotten.
  void add(const std::string& file, std::uint64_t line, const std::string& device, DiskAccess access);
  // In the order of time; those of one instant in the order of the recording. Throws DiskWorkloadError when there is
  // none, or no telling of which device.
  std::vector<DiskAccess> take();

 private:
  std::string file_;
  std::string device_;
  std::set<std::string> devices_;  // there are
  std::vector<DiskAccess> accesses_;
};

[[noreturn]] void fail(const std::string& file, std::uint64_t line, const std::string& message);

// Since the start of the recording; fails when simulated time does not reach that far.
sim::Duration recorded_time(const std::string& file, std::uint64_t line, std::uint64_t nanoseconds);

void read_iolog(const std::filesystem::path& path, RecordedAccesses& accesses);
void read_blktrace(const std::vector<std::filesystem::path>& files, RecordedAccesses& accesses);

}  // namespace guest

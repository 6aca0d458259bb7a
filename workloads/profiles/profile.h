// The memory behaviour of a compute-bound program, from a file in workloads/profiles/.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

#include "model/parameter_file.h"
#include "sim/time.h"
#include "workloads/spec.h"

namespace guest {

class ProfileError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

struct ComputeProfile {
  std::string name;
  std::uint32_t resident_pages = 0;     // touched once, when the program starts
  std::uint32_t hot_pages = 0;          // touched again after every dispatch
  std::uint32_t written_hot_pages = 0;  // the first so many of them are written
  std::uint32_t cache_lines = 0;        // L2 lines it uses again and again
  std::int64_t steady_insertions = 0;   // lines per second of progress when it runs alone
  sim::Duration work_unit;              // progress is counted in these
};

// Throws ProfileError: no such profile (with those there are), or which value of the file is wrong and why.
// `instead` holds values that differ from the file's.
ComputeProfile load_profile(const std::string& name, const ProfileValues& instead = {});
ComputeProfile parse_profile(const std::string& text, const std::string& file, const ProfileValues& instead = {});
// The values as the file has them, with unit, origin and source; the keys begin with the profile's name.
std::vector<model::ParameterEntry> profile_entries(const std::string& name);
std::vector<std::string> profile_names();  // sorted

}  // namespace guest

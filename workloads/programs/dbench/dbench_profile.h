// What dbench does beside the operations of its load file, from workloads/profiles/dbench.json.
#pragma once

#include <string>
#include <string_view>

#include "model/parameter_file.h"
#include "sim/time.h"

namespace guest {

struct DbenchProfile : model::ParameterTable {
  // Both throw model::ParameterError.
  static DbenchProfile load(const std::string& path);
  static const DbenchProfile& standard();  // the file, loaded once
  void set(std::string_view key, double value);

  sim::Cycles work{0};               // in user mode, per operation: the fitted number
  std::uint32_t operations = 0;      // of a client
  std::uint32_t listing_buffer = 0;  // of a call that lists a directory
};

}  // namespace guest

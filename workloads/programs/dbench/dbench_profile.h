// What dbench does beside the operations of its load file, from workloads/profiles/dbench.json.
#pragma once

#include <string>

#include "sim/time.h"
#include "workloads/programs/profile_table.h"

namespace guest {

struct DbenchProfile : ProfileTable<DbenchProfile> {
  static const char* file();
  model::ParameterFields fields();

  sim::Cycles work{0};               // in user mode, per operation: the fitted number
  std::uint32_t operations = 0;      // of a client
  std::uint32_t listing_buffer = 0;  // of a call that lists a directory
};

}  // namespace guest

#include "workloads/programs/dbench/dbench_profile.h"

namespace guest {

const char* DbenchProfile::file() { return RINGZERO_DBENCH; }

model::ParameterFields DbenchProfile::fields() {
  return {{"dbench.work", "cycles", &work},
          {"dbench.operations", "operations", &operations},
          {"dbench.listing_buffer", "B", &listing_buffer}};
}

}  // namespace guest

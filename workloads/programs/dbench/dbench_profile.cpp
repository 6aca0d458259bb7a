#include "workloads/programs/dbench/dbench_profile.h"

namespace guest {

namespace {

model::ParameterFields fields_of(DbenchProfile& profile) {
  return {{"dbench.work", "cycles", &profile.work},
          {"dbench.operations", "operations", &profile.operations},
          {"dbench.listing_buffer", "B", &profile.listing_buffer}};
}

}  // namespace

DbenchProfile DbenchProfile::load(const std::string& path) {
  DbenchProfile profile;
  profile.read(model::read_parameter_text(path), fields_of(profile));
  return profile;
}

const DbenchProfile& DbenchProfile::standard() {
  static const DbenchProfile profile = load(RINGZERO_DBENCH);
  return profile;
}

void DbenchProfile::set(std::string_view key, double value) { assign(key, value, fields_of(*this)); }

}  // namespace guest

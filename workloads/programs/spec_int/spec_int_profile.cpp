#include "workloads/programs/spec_int/spec_int_profile.h"

namespace guest {

namespace {

constexpr std::array<std::string_view, 12> kNames = {"gzip", "vpr",     "gcc", "mcf",    "crafty", "parser",
                                                     "eon",  "perlbmk", "gap", "vortex", "bzip2",  "twolf"};

model::ParameterFields fields_of(SpecIntProfile& profile) {
  model::ParameterFields fields = {
      {"spec_int.work", "cycles", &profile.work},
      {"spec_int.sample", "cycles", &profile.sample},
      {"spec_int.page_part", "pages", &profile.page_part},
  };
  for (std::size_t i = 0; i < kNames.size(); ++i) {
    SpecIntProfile::Benchmark& benchmark = profile.benchmarks[i];
    benchmark.name = kNames[i];
    const std::string prefix = "spec_int." + std::string{kNames[i]} + '.';
    fields.push_back({prefix + "reference_time", "s", &benchmark.reference_time});
    fields.push_back({prefix + "runs", "runs", &benchmark.runs});
    fields.push_back({prefix + "resident_pages", "pages", &benchmark.resident_pages});
    fields.push_back({prefix + "hot_pages", "pages", &benchmark.hot_pages});
    fields.push_back({prefix + "cache_lines", "lines of 64 B", &benchmark.cache_lines});
    fields.push_back({prefix + "insertions", "lines/s", &benchmark.insertions});
  }
  return fields;
}

void check(const SpecIntProfile& profile) {
  const auto require = [&](bool holds, const std::string& key, const char* what) {
    if (!holds) throw model::ParameterError(profile.name, "spec_int." + key, what);
  };
  require(profile.work.count() > 0, "work", "expected more than 0");
  require(profile.sample.count() > 0, "sample", "expected more than 0");
  require(profile.page_part > 0, "page_part", "expected more than 0");
  for (const SpecIntProfile::Benchmark& each : profile.benchmarks) {
    const std::string name{each.name};
    require(each.reference_time > 0, name + ".reference_time", "expected more than 0");
    require(each.hot_pages <= each.resident_pages / profile.page_part, name + ".hot_pages",
            "more than the pages that are simulated");
    require(each.cache_lines <= 65'535, name + ".cache_lines", "more than a cache can have");
  }
}

}  // namespace

SpecIntProfile SpecIntProfile::load(const std::string& path) {
  SpecIntProfile profile;
  profile.read(model::read_parameter_text(path), fields_of(profile));
  check(profile);
  return profile;
}

const SpecIntProfile& SpecIntProfile::standard() {
  static const SpecIntProfile profile = load(RINGZERO_SPEC_INT);
  return profile;
}

void SpecIntProfile::set(std::string_view key, double value) {
  SpecIntProfile changed = *this;
  changed.assign(key, value, fields_of(changed));
  check(changed);
  *this = std::move(changed);
}

}  // namespace guest

#include "workloads/programs/spec_int/spec_int_profile.h"

namespace guest {

namespace {

constexpr std::array<std::string_view, 12> kNames = {"gzip", "vpr",     "gcc", "mcf",    "crafty", "parser",
                                                     "eon",  "perlbmk", "gap", "vortex", "bzip2",  "twolf"};

}  // namespace

const char* SpecIntProfile::file() { return RINGZERO_SPEC_INT; }

model::ParameterFields SpecIntProfile::fields() {
  model::ParameterFields fields = {
      {"spec_int.work", "cycles", &work},
      {"spec_int.sample", "cycles", &sample},
      {"spec_int.page_part", "pages", &page_part},
  };
  for (std::size_t i = 0; i < kNames.size(); ++i) {
    SpecIntProfile::Benchmark& benchmark = benchmarks[i];
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

void SpecIntProfile::check() const {
  const auto require = [&](bool holds, const std::string& key, const char* what) {
    if (!holds) throw model::ParameterError(name, "spec_int." + key, what);
  };
  require(work.count() > 0, "work", "expected more than 0");
  require(sample.count() > 0, "sample", "expected more than 0");
  require(page_part > 0, "page_part", "expected more than 0");
  for (const SpecIntProfile::Benchmark& each : benchmarks) {
    const std::string prefix{each.name};
    require(each.reference_time > 0, prefix + ".reference_time", "expected more than 0");
    require(each.hot_pages <= each.resident_pages / page_part, prefix + ".hot_pages",
            "more than the pages that are simulated");
    require(each.cache_lines <= 65'535, prefix + ".cache_lines", "more than a cache can have");
  }
}

}  // namespace guest

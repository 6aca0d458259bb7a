// The programs of SPEC CINT2000, from workloads/profiles/spec_int.json.
#pragma once

#include <array>
#include <string>
#include <string_view>

#include "sim/time.h"
#include "workloads/programs/profile_table.h"

namespace guest {

struct SpecIntProfile : ProfileTable<SpecIntProfile> {
  static const char* file();
  model::ParameterFields fields();
  void check() const;

  struct Benchmark {
    std::string_view name;
    std::uint32_t reference_time = 0;  // s, of the reference machine
    std::uint32_t runs = 0;            // executions of the program that make the benchmark
    std::uint32_t resident_pages = 0, hot_pages = 0, cache_lines = 0;
    std::int64_t insertions = 0;  // lines per second of progress when it runs alone
  };
  std::array<Benchmark, 12> benchmarks;
  sim::Cycles work{0};          // in user mode, per second of the reference time: the fitted number
  sim::Cycles sample{0};        // work of each program that is simulated
  std::uint32_t page_part = 1;  // of the pages of a program, one in so many is touched when it starts
};

}  // namespace guest

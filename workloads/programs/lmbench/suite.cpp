#include "workloads/programs/lmbench/suite.h"

#include <fmt/format.h>

namespace guest {

namespace {

using namespace lmbench;  // NOLINT: the loops

// What a ring of processes does to the cache depends on where their pages are: so many rings of fresh ones.
constexpr u32 kRings = 25;

LmbenchTest context_switch(u32 processes, u32 kilobytes) {
  const u32 bytes = kilobytes << 10;
  const double per_switch = 1.0 / processes;
  const u32 laps = processes <= 2 ? 20 : 4;
  return {
      fmt::format("{}p_{}K", processes, kilobytes),
      {{ring(processes, bytes), per_switch, laps, kRings}, {ring_alone(processes, bytes), -per_switch, laps, kRings}}};
}

std::vector<LmbenchTest> make_tests() {
  constexpr double kPages = kMappedBytes / hv::kPageSize;
  constexpr u32 k10K = 10 << 10;
  return {
      // Table 3
      {"null_call", {{null_call, 1, 100}}},
      {"null_I_O", {{read_zero, 0.5, 100}, {write_null, 0.5, 100}}},
      {"stat", {{stat_directory, 1, 100}}},
      {"open_close", {{open_close, 1, 100}}},
      {"slct_TCP", {{select_tcp, 1, 20}}},
      {"sig_inst", {{install_handler, 1, 100}}},
      {"sig_hndl", {{catch_signal, 1, 100}, {send_nothing, -1, 100}}},
      {"fork_proc", {{fork_exit, 1, 10}}},
      {"exec_proc", {{fork_exec, 1, 5}}},
      {"sh_proc", {{fork_shell, 1, 2}}},
      // Table 4
      context_switch(2, 0),
      context_switch(2, 16),
      context_switch(2, 64),
      context_switch(8, 16),
      context_switch(8, 64),
      context_switch(16, 16),
      context_switch(16, 64),
      // Table 5
      {"0K_file_create", {{create_files(0), 1, 100}}},
      {"0K_file_delete", {{delete_files(0), 1, 100}}},
      {"10K_file_create", {{create_files(k10K), 1, 100}}},
      {"10K_file_delete", {{delete_files(k10K), 1, 100}}},
      {"mmap_latency", {{map_and_store, 1, 10}}},
      {"prot_fault", {{protection_fault, 1, 100}, {catch_signal, -1, 100}, {send_nothing, 1, 100}}},
      {"page_fault", {{map_and_read, 1 / kPages, 1}, {map_only, -1 / kPages, 10}}},
  };
}

}  // namespace

const std::vector<LmbenchTest>& lmbench_tests() {
  static const std::vector<LmbenchTest> tests = make_tests();
  return tests;
}

std::vector<std::string> lmbench_test_names() {
  std::vector<std::string> names;
  for (const LmbenchTest& test : lmbench_tests()) names.push_back(test.name);
  return names;
}

}  // namespace guest

// A small valid experiment, for tests to change one thing of.
#pragma once

#include <string>

#include "experiments/runner/plan.h"
#include "support/temporary_folder.h"

namespace test {

inline runner::Json small_experiment() {
  return runner::Json::parse(R"({
    "experiment": "small",
    "cpus": 1,
    "domains": [
      {"name": "compute", "count": 2, "memory": "32 MiB", "programs": [{"compute": {"profile": "cint2000"}}]},
      {"name": "echo", "memory": "32 MiB", "vif": true, "programs": [{"udp_echo": {"port": 7}}]}
    ],
    "clients": [{"target": "echo", "interval": "10 ms"}],
    "warmup": "100 ms",
    "duration": "500 ms"
  })");
}

inline runner::Plan plan_of(const runner::Json& json, const runner::Choices& choices = {}) {
  const TemporaryFolder folder;
  return runner::load_plan(folder.write("small.json", json.dump(2)), choices);
}

// The message of the error that loading gives, with the file's folder left out; empty if there is none.
inline std::string error_in(const std::string& text, const runner::Choices& choices = {}) {
  const TemporaryFolder folder;
  try {
    runner::load_plan(folder.write("small.json", text), choices);
  } catch (const runner::InputError& error) {
    std::string what = error.what();
    const std::string prefix = folder.path().string() + '/';
    if (const auto at = what.find(prefix); at != std::string::npos) what.erase(at, prefix.size());
    return what;
  }
  return "";
}
inline std::string error_in(const runner::Json& json, const runner::Choices& choices = {}) {
  return error_in(json.dump(2), choices);
}

}  // namespace test

// What one run of a sweep leaves: a row of the store, and a message between processes.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "experiments/runner/runner.h"

namespace runner {

// 128 bits that stand for everything a run depends on; see identity.h.
using RunKey = std::array<std::uint8_t, 16>;

struct RunRecord {
  enum class State : std::uint8_t { done, failed, known };  // known: another sweep of the store has made this run

  State state = State::done;
  RunKey key{};
  std::string point;   // its name
  std::string values;  // of its keys, as a JSON object; its case is under "case"
  std::uint64_t seed = 0;
  Failure::Kind failure = Failure::Kind::error;
  std::string reason;  // failed: why
  std::uint64_t fingerprint = 0, events = 0;
  double seconds = 0;        // of CPU time that the run took
  std::string measurements;  // [[metric, value, unit], ...] as JSON
  std::string latencies;     // of replies, ns: 8 bytes each, the lowest first
};

std::string to_bytes(const RunRecord& record);
RunRecord record_of(const std::string& bytes);

std::string measurements_text(const std::vector<Measurement>& measurements);
std::vector<Measurement> measurements_of(const std::string& text);

std::string hex(const RunKey& key);

}  // namespace runner

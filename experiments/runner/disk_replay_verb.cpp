#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <numeric>

#include "experiments/runner/cli.h"
#include "experiments/runner/disk_replay.h"
#include "experiments/runner/input_error.h"
#include "experiments/runner/known_names.h"
#include "experiments/runner/names.h"
#include "experiments/runner/verbs.h"

namespace runner {

namespace {

const std::vector<std::string> kPolicies = {"fcfs", "c-look", "sstf", "sptf"};  // in the order of model::SeekPolicy

model::DriveFile load_drive(const std::string& name) {
  const std::vector<std::string> known = known_drives();
  const bool is_name = std::ranges::find(known, name) != known.end();
  const std::string file = is_name ? drive_path(name).string() : name;
  std::error_code ignored;
  if (!std::filesystem::is_regular_file(file, ignored)) {
    throw InputError{{"--drive", ""},
                     Mismatch{"a JSON file or one of " + one_of(known), in_quotes(name), nearest_name(name, known)}};
  }
  try {
    return model::DriveFile::load(file);
  } catch (const model::ParameterError& error) {
    throw InputError{{"--drive", ""}, error.what()};
  }
}

void set_policy(model::DriveFile& drive, const std::string& name) {
  const auto policy = std::ranges::find(kPolicies, name);
  if (policy == kPolicies.end()) {
    throw InputError{{"--policy", ""}, Mismatch{one_of(kPolicies), in_quotes(name), nearest_name(name, kPolicies)}};
  }
  drive.set("queue.policy", static_cast<double>(policy - kPolicies.begin()));
}

struct Part {
  const char* name;
  const char* key;
  DiskComparison comparison;
};

void print_summary(const std::array<Part, 2>& parts, bool measured) {
  for (const Part& part : parts) {
    const DiskComparison& c = part.comparison;
    fmt::print(stderr, "{}: {} requests, mean {:.3f} ms", part.name, c.requests, c.mean_ms);
    if (measured) fmt::print(stderr, ", measured {:.3f} ms, demerit {:.2f} %", c.measured_ms, c.demerit_percent);
    fmt::print(stderr, "\n");
  }
}

void print_json(const model::DriveFile& drive, const DiskReplayArguments& arguments, const std::array<Part, 2>& parts,
                bool measured) {
  nlohmann::ordered_json document{{"drive", drive.name},
                                  {"drive_hash", fmt::format("{:016x}", drive.hash())},
                                  {"trace", arguments.trace},
                                  {"policy", kPolicies[static_cast<std::size_t>(drive.policy())]},
                                  {"outstanding", arguments.outstanding}};
  for (const Part& part : parts) {
    const DiskComparison& c = part.comparison;
    auto& entry = document[part.key] = {{"requests", c.requests}, {"mean_ms", c.mean_ms}};
    if (measured) entry.update({{"measured_mean_ms", c.measured_ms}, {"demerit_percent", c.demerit_percent}});
  }
  fmt::print("{}\n", document.dump(1));
}

}  // namespace

int disk_replay_verb(const DiskReplayArguments& arguments) {
  model::DriveFile drive = load_drive(arguments.drive);
  if (!arguments.policy.empty()) set_policy(drive, arguments.policy);
  if (arguments.outstanding > drive.queue.depth) {
    throw InputError{
        {"--queue", ""},
        Mismatch{fmt::format("at most the drive's {}", drive.queue.depth), std::to_string(arguments.outstanding), ""}};
  }
  const DiskRecording recording = load_disk_recording(arguments.trace, drive);
  std::ofstream file;
  if (!arguments.out.empty()) {
    file.open(arguments.out);
    if (!file) throw InputError{{"--out", ""}, Mismatch{"a file to write", in_quotes(arguments.out), ""}};
  }
  const std::vector<sim::Duration> responses = replay(drive, recording.requests, arguments.outstanding);
  if (file.is_open()) {
    file << replay_csv(recording, responses);
  } else if (!arguments.json) {
    fmt::print("{}", replay_csv(recording, responses));
  }
  std::vector<std::size_t> all(responses.size());
  std::iota(all.begin(), all.end(), std::size_t{0});
  const std::array<Part, 2> parts = {
      Part{"all", "all", compare(recording, responses, all)},
      Part{"reads far from those before", "far_reads", compare(recording, responses, far_reads(recording.requests))}};
  print_summary(parts, recording.measured);
  if (arguments.json) print_json(drive, arguments, parts, recording.measured);
  return kDone;
}

}  // namespace runner

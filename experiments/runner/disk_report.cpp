#include "experiments/runner/disk_report.h"

#include <fmt/format.h>

#include <iterator>
#include <nlohmann/json.hpp>
#include <numeric>

#include "experiments/runner/disk_loads.h"
#include "experiments/runner/disk_replay.h"
#include "experiments/runner/known_names.h"
#include "experiments/runner/parameters.h"
#include "experiments/runner/results.h"

namespace runner {

namespace {

constexpr const char* kMeasuredDrive = "atlas10k";

model::DriveFile drive(const std::string& name) { return model::DriveFile::load(drive_path(name).string()); }

std::string comparison_json(const DiskRecording& recording, const std::vector<sim::Duration>& responses) {
  std::vector<std::size_t> all(responses.size());
  std::iota(all.begin(), all.end(), std::size_t{0});
  nlohmann::ordered_json document;
  const auto add = [&](const char* name, const std::vector<std::size_t>& which) {
    const DiskComparison c = compare(recording, responses, which);
    document[name] = {{"requests", c.requests},
                      {"mean_ms", c.mean_ms},
                      {"measured_mean_ms", c.measured_ms},
                      {"demerit_percent", c.demerit_percent}};
  };
  add("far_reads", far_reads(recording.requests));
  add("all", all);
  return document.dump(1) + '\n';
}

// What the drive of the paper's machine does, in its own policy, with what a data sheet would tell and more.
std::vector<DiskLoadRow> loads_without_reference() {
  std::vector<DiskLoadRow> rows;
  for (const char* input : {"rand4k_R", "rand4k_W"}) {
    for (const int outstanding : {1, 2, 4, 8, 16, 32, 64}) {
      rows.push_back({{"asis", "device", "SSTF", input, "closed", static_cast<double>(outstanding)}, 19'000, {}});
    }
  }
  for (const char* input : {"seq64k_outer_R", "seq64k_middle_R", "seq64k_inner_R"}) {
    rows.push_back({{"asis", "device", "SSTF", input, "closed", 1}, 3'600, {}});
  }
  return rows;
}

void add_rows(std::string& csv, const std::string& name, const std::vector<DiskLoadRow>& rows) {
  const model::DriveFile file = drive(name);
  for (const DiskLoadRow& row : rows) {
    const DiskLoad& load = row.load;
    fmt::format_to(std::back_inserter(csv), "{},{},{},{},{},{},{}", name, load.config, load.locus, load.policy,
                   load.input, load.mode, load.amount);
    const DiskLoadResult ours = run_disk_load(file, row);
    for (const DiskLoadResult& result : {ours, row.reference}) {
      fmt::format_to(std::back_inserter(csv), ",{:.4f},{:.4f},{:.4f},{:.4f},{:.2f}", result.mean_ms, result.median_ms,
                     result.p90_ms, result.p99_ms, result.per_second);
    }
    csv += '\n';
  }
}

}  // namespace

void write_disk_comparison(const std::filesystem::path& folder) {
  const model::DriveFile measured = drive(kMeasuredDrive);
  const std::filesystem::path reference = root() / "tests/oracle/disk";
  const DiskRecording recording =
      load_disk_recording((reference / (std::string{kMeasuredDrive} + "_measured.csv")).string(), measured);
  const std::vector<sim::Duration> responses = replay(measured, recording.requests);
  write_file(folder / "replay.csv", replay_csv(recording, responses));
  write_file(folder / "replay.json", comparison_json(recording, responses));

  std::string csv =
      "drive,config,locus,policy,input,mode,amount,mean_ms,median_ms,p90_ms,p99_ms,per_second,"
      "reference_mean_ms,reference_median_ms,reference_p90_ms,reference_p99_ms,reference_per_second\n";
  add_rows(csv, kMeasuredDrive,
           load_disk_loads((reference / (std::string{kMeasuredDrive} + "_disksim_synthetic.csv")).string()));
  add_rows(csv, kPaperDrive, loads_without_reference());
  write_file(folder / "loads.csv", csv);
}

}  // namespace runner

#include "experiments/runner/known_names.h"

#include <algorithm>
#include <cstdlib>

#include "experiments/runner/metrics.h"
#include "schedule/registry.h"
#include "workloads/profiles/profile.h"
#include "workloads/programs/balloon.h"
#include "workloads/programs/file_io.h"
#include "workloads/programs/hogs/dd.h"
#include "workloads/programs/hogs/fork_bomb.h"
#include "workloads/programs/hogs/memory_hog.h"
#include "workloads/programs/hogs/small_files.h"
#include "workloads/programs/lmbench/suite.h"
#include "workloads/programs/raw_disk.h"

namespace runner {

namespace {

// The names of the JSON files in a folder of the project.
std::vector<std::string> json_files(const std::filesystem::path& folder) {
  std::vector<std::string> names;
  std::error_code ignored;  // a folder that is not there has no files
  for (const auto& entry : std::filesystem::directory_iterator{folder, ignored}) {
    if (entry.path().extension() == ".json") names.push_back(entry.path().stem().string());
  }
  std::ranges::sort(names);
  return names;
}

}  // namespace

std::filesystem::path root() {
  const char* chosen = std::getenv("RINGZERO_ROOT");
  return chosen != nullptr && *chosen != '\0' ? chosen : RINGZERO_SOURCE_DIR;
}

std::filesystem::path machine_path(const std::string& name) { return root() / "model/machines" / (name + ".json"); }

std::filesystem::path drive_path(const std::string& name) { return root() / "model/drives" / (name + ".json"); }

std::vector<std::string> known_machines() { return json_files(root() / "model/machines"); }

std::vector<std::string> known_drives() { return json_files(root() / "model/drives"); }

std::vector<std::string> known_drives_or_none() {
  std::vector<std::string> names = known_drives();
  names.insert(names.begin(), "none");
  return names;
}

std::vector<std::string> known_profiles() { return guest::profile_names(); }

std::vector<std::string> known_schedulers() {
  std::vector<std::string> names;
  for (hv::u32 i = 0; i < hv::scheduler_count(); ++i) names.emplace_back(hv::scheduler_entry(i).name);
  std::ranges::sort(names);
  return names;
}

std::vector<std::string> known_scheduler_variants(const std::string& scheduler) {
  std::vector<std::string> names;
  for (hv::u32 i = 0; i < hv::scheduler_count(); ++i) {
    const hv::SchedulerEntry& entry = hv::scheduler_entry(i);
    if (!scheduler.empty() && scheduler != entry.name) continue;
    for (hv::u32 variant = 0; variant < entry.variant_count; ++variant) {
      names.emplace_back(entry.variants[variant].name);
    }
  }
  std::ranges::sort(names);
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return names;
}

std::vector<std::string> known_scheduler_variants() { return known_scheduler_variants(""); }

std::vector<std::string> known_metrics() {
  std::vector<std::string> names;
  for (const MetricInfo& metric : metric_catalogue()) names.emplace_back(metric.name);
  for (const MetricInfo& metric : metric_catalogue()) names.push_back(relative_name(metric.name));
  for (const std::string& test : guest::lmbench_test_names()) names.push_back("lmbench." + test);
  for (const guest::ResultInfo& result : guest::raw_disk_results()) {
    names.push_back("raw_disk." + std::string{result.name});
  }
  for (const guest::ResultInfo& result : guest::file_io_results()) {
    names.push_back("file_io." + std::string{result.name});
  }
  names.emplace_back("ttcp.rate");
  const auto add = [&](const std::string& program, std::span<const guest::ResultInfo> results) {
    for (const guest::ResultInfo& result : results) names.push_back(program + '.' + std::string{result.name});
  };
  add("dd", guest::dd_results());
  add("small_files", guest::small_files_results());
  add("fork_bomb", guest::fork_bomb_results());
  add("memory_hog", guest::memory_hog_results());
  add("balloon", guest::balloon_results());
  const std::size_t plain = names.size();
  for (std::size_t i = 0; i < plain; ++i) names.push_back(loss_name(names[i]));
  return names;
}

}  // namespace runner

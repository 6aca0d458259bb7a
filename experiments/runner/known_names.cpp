#include "experiments/runner/known_names.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <span>
#include <utility>

#include "experiments/runner/metrics.h"
#include "schedule/registry.h"
#include "workloads/kernel/path.h"
#include "workloads/profiles/profile.h"
#include "workloads/programs/balloon.h"
#include "workloads/programs/dbench/dbench.h"
#include "workloads/programs/file_io.h"
#include "workloads/programs/hogs/dd.h"
#include "workloads/programs/hogs/fork_bomb.h"
#include "workloads/programs/hogs/memory_hog.h"
#include "workloads/programs/hogs/small_files.h"
#include "workloads/programs/kernel_build/kernel_build.h"
#include "workloads/programs/lmbench/suite.h"
#include "workloads/programs/osdb/osdb.h"
#include "workloads/programs/raw_disk.h"
#include "workloads/programs/spec_int/spec_int.h"

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

std::vector<std::string> known_search_names() { return {"web99.score", "found"}; }

std::vector<std::string> known_metrics() {
  std::vector<std::string> names;
  for (const MetricInfo& metric : metric_catalogue()) names.emplace_back(metric.name);
  for (const MetricInfo& metric : metric_catalogue()) names.push_back(relative_name(metric.name));
  for (const std::string& test : guest::lmbench_test_names()) names.push_back("lmbench." + test);
  const auto add = [&names](const char* program, std::span<const guest::ResultInfo> results) {
    for (const guest::ResultInfo& result : results) {
      const std::string name = fmt::format("{}.{}", program, result.name);
      names.push_back(name);
      if (!result.unit.ends_with("/s")) continue;
      names.push_back(name + ".total");
      names.push_back(name + ".unfairness");
    }
  };
  add("raw_disk", guest::raw_disk_results());
  add("file_io", guest::file_io_results());
  add("spec_int", guest::spec_int_results());
  for (const auto& [program, results] :
       {std::pair{"dbench", guest::dbench_results()}, std::pair{"kernel_build", guest::kernel_build_results()},
        std::pair{"osdb", guest::osdb_results()}}) {
    add(program, results);
    add(program, guest::ActivityPerUnit::kInfos);
  }
  names.emplace_back("ttcp.rate");
  add("dd", guest::dd_results());
  add("small_files", guest::small_files_results());
  add("fork_bomb", guest::fork_bomb_results());
  add("memory_hog", guest::memory_hog_results());
  add("balloon", guest::balloon_results());
  for (const std::string_view lock : guest::kLockNames) {
    for (const char* what : {"takes", "contended", "moves", "yields", "spun"}) {
      names.push_back(fmt::format("lock.{}.{}", lock, what));
    }
  }
  for (const std::string_view web :
       {"rate", "assured_rate", "conforming", "sustained", "answers", "answer_time", "request_cost"}) {
    names.push_back("web99." + std::string{web});
  }
  for (const std::string& found : known_search_names()) names.push_back(found);
  const std::size_t plain = names.size();
  for (std::size_t i = 0; i < plain; ++i) names.push_back(loss_name(names[i]));
  return names;
}

}  // namespace runner

#include "experiments/runner/verbs.h"

#include <fmt/format.h>

#include <algorithm>
#include <iostream>

#include "experiments/runner/cli.h"
#include "experiments/runner/known_names.h"
#include "experiments/runner/names.h"
#include "experiments/runner/parameters.h"
#include "experiments/runner/results.h"
#include "experiments/runner/schedule_scenario.h"
#include "experiments/runner/settings.h"
#include "experiments/runner/version.h"
#include "schedule/registry.h"

namespace runner {

namespace {

std::vector<Plan> load_plans(const std::vector<std::string>& files, const Choices& choices) {
  std::vector<Plan> plans;
  for (const std::string& file : files) plans.push_back(load_plan(file, choices));
  return plans;
}

void print(const std::string& text) { std::fwrite(text.data(), 1, text.size(), stdout); }

void list_experiments(const std::filesystem::path& folder) {
  if (!std::filesystem::is_directory(folder)) return;
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator{folder}) {
    if (entry.path().extension() == ".json") files.push_back(entry.path());
  }
  std::ranges::sort(files);
  for (const auto& file : files) {
    const Plan plan = load_plan(file, {});
    fmt::print("  {:<45} {}\n", std::filesystem::relative(file, root()).string(), plan.experiment.title);
  }
}

void list_names(const std::string& heading, const std::vector<std::string>& names) {
  fmt::print("\n{}\n", heading);
  for (const std::string& name : names) fmt::print("  {}\n", name);
}

}  // namespace

int run_verb(const RunArguments& arguments) {
  std::vector<Plan> plans = load_plans(arguments.files, arguments.choices);
  catch_interrupts();
  const std::vector<ExperimentResult> results = run_plans(std::move(plans), arguments.options);
  const int status = exit_status(results);
  report_failures(results);
  if (status == kBadInput) return status;
  if (!arguments.out.empty()) write_results(arguments.out, results);
  if (arguments.json) {
    print(result_document(results).dump(1) + '\n');
  } else {
    for (const ExperimentResult& result : results) print(result_table(result) + '\n');
  }
  return status;
}

int validate_verb(const std::vector<std::string>& files, const Choices& choices) {
  for (const Plan& plan : load_plans(files, choices)) {
    fmt::print("{}: valid, {} points x {} replications\n", plan.file, plan.points.size(), plan.experiment.replications);
  }
  return kDone;
}

int schema_verb() {
  print(schema().dump(2) + '\n');
  return kDone;
}

int list_verb() {
  fmt::print("experiments\n");
  list_experiments(root() / "experiments/paper");
  list_experiments(root() / "experiments/sensitivity");
  list_experiments(root() / "experiments/sweeps");
  list_experiments(root() / "experiments/examples");
  list_names("machines", known_machines());
  list_names("disk drives", known_drives());
  list_names("profiles of the compute program", known_profiles());
  fmt::print("\nschedulers\n");
  for (hv::u32 i = 0; i < hv::scheduler_count(); ++i) {
    const hv::SchedulerEntry& entry = hv::scheduler_entry(i);
    fmt::print("  {:<12} {}\n", entry.name, entry.summary);
    for (hv::u32 v = 0; v < entry.variant_count; ++v) {
      fmt::print("    {:<12} {}\n", entry.variants[v].name, entry.variants[v].summary);
    }
  }
  fmt::print("\ntraces (run --trace KIND=PATH, see docs/traces.md)\n");
  for (const TraceKind& kind : trace_kinds()) {
    fmt::print("  {:<16} {}\n", fmt::format("{}={}", kind.name, kind.path), kind.text);
  }
  fmt::print("\nmetrics\n");
  for (const MetricInfo& metric : metric_catalogue()) {
    fmt::print("  {:<16} {:<6} {}\n", metric.name, metric.unit, metric.text);
  }
  fmt::print(
      "\nparameters of the model: of a machine, such as explain memory.line_refill, of the guest kernel, such as\n"
      "explain kernel.fork.instructions, or of a profile, such as explain cint2000.steady_insertions; --set "
      "parameters.memory.line_refill=60 sets one\n");
  for (const ParameterEntry& entry : known_parameters(Setup{}.machine, kPaperDrive)) fmt::print("  {}\n", entry.key);
  fmt::print("\nsettings (see explain)\n");
  for (const Documentation& setting : documentation()) fmt::print("  {}\n", setting.path);
  return kDone;
}

int explain_verb(const std::string& key) {
  for (const Documentation& setting : explain(key)) {
    fmt::print("{}\n  {}\n  type:    {}{}\n", setting.path, setting.text, setting.type,
               setting.range.empty() ? "" : ", " + setting.range);
    if (setting.required) fmt::print("  default: none, it must be given\n");
    if (!setting.standard.empty()) fmt::print("  default: {}\n", setting.standard);
    fmt::print("  source:  {}\n", setting.source);
  }
  return kDone;
}

int schedule_verb(const std::string& scenario) {
  run_schedule(load_schedule(scenario), std::cout);
  std::cout.flush();
  return kDone;
}

int version_verb() {
  fmt::print("ringzero {} ({}{})\n", kVersion, kRevision, kDirty ? ", modified" : "");
  return kDone;
}

}  // namespace runner

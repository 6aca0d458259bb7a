// The names that settings may take because something of that name exists: for checks, schema and "did you mean".
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace runner {

// The project's folder: where it was built from, or RINGZERO_ROOT.
std::filesystem::path root();

std::filesystem::path machine_path(const std::string& name);  // of model/machines
std::filesystem::path drive_path(const std::string& name);    // of model/drives

std::vector<std::string> known_machines();  // all in alphabetical order
std::vector<std::string> known_drives();
std::vector<std::string> known_drives_or_none();  // with "none" for a host without one
std::vector<std::string> known_search_names();    // what the value that a search finds can be called
std::vector<std::string> known_profiles();        // of workloads/profiles
std::vector<std::string> known_schedulers();
std::vector<std::string> known_scheduler_variants();  // of any scheduler
std::vector<std::string> known_scheduler_variants(const std::string& scheduler);
std::vector<std::string> known_metrics();  // of metrics.h, in its order, then the results of benchmarks

}  // namespace runner

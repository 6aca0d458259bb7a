#include <filesystem>
#include <map>

#include "experiments/runner/check.h"
#include "experiments/runner/known_names.h"
#include "experiments/runner/parameters.h"
#include "experiments/runner/plan.h"

namespace runner {

namespace {

// A sweep makes thousands of hosts from the same few files.
template <class File>
const File& loaded_once(const std::string& kind, const std::string& name, const std::string& path) {
  static std::map<std::string, File> files;  // by path
  const auto found = files.find(path);
  if (found != files.end()) return found->second;
  try {
    return files.emplace(path, File::load(path)).first->second;
  } catch (const model::ParameterError& error) {
    throw InputError{{kind + ' ' + name, ""}, error.what()};
  }
}

}  // namespace

const model::MachineFile& load_machine(const std::string& name) {
  return loaded_once<model::MachineFile>("machine", name, machine_path(name).string());
}

const model::DriveFile& load_known_drive(const std::string& name) {
  return loaded_once<model::DriveFile>("drive", name, drive_path(name).string());
}

namespace {

// Recordings that come with the project are found from everywhere. `name` may also be the prefix of several files.
std::string found_here_or_in_project(const std::string& name) {
  std::error_code ignored;
  const bool here = std::filesystem::exists(name, ignored) || std::filesystem::exists(name + ".blktrace.0", ignored);
  return name.empty() || here ? name : (root() / name).string();
}

}  // namespace

guest::HostSpec host_spec(const Setup& setup, const ModelFiles& files, std::uint64_t seed) {
  guest::HostSpec spec = setup.host;
  spec.machine = &files.machine;
  spec.kernel_file = &files.kernel;
  spec.workstation_file = &files.workstation;
  spec.uml_file = &files.uml;
  if (files.drive) spec.drive = &*files.drive;
  spec.seed = seed;
  for (const DomainSettings& domain : setup.domains) {
    for (std::uint32_t i = 0; i < domain.count.value_or(1); ++i) {
      guest::GuestSpec& guest = spec.guests.emplace_back(domain);
      guest.name = domain_name(domain, i);
      for (guest::ProgramSpec& program : guest.programs) {
        auto* compute = std::get_if<guest::ComputeSettings>(&program);
        if (compute != nullptr) compute->values = profile_values(setup, compute->profile);
        auto* lmbench = std::get_if<guest::LmbenchSettings>(&program);
        if (lmbench != nullptr) lmbench->shapes = files.shapes;
        if (auto* spec_int = std::get_if<guest::SpecIntSettings>(&program)) spec_int->profile = files.spec_int;
        if (auto* dbench = std::get_if<guest::DbenchSettings>(&program)) {
          dbench->profile = files.dbench;
          dbench->load = found_here_or_in_project(dbench->load);
        }
        if (auto* build = std::get_if<guest::KernelBuildSettings>(&program)) {
          build->profile = files.kernel_build;
          build->shapes = files.shapes;
        }
        if (auto* osdb = std::get_if<guest::OsdbSettings>(&program)) osdb->profile = files.osdb;
        auto* web99 = std::get_if<guest::Web99Settings>(&program);
        if (web99 != nullptr) web99->profile = files.web99;
        auto* raw_disk = std::get_if<guest::RawDiskSettings>(&program);
        if (raw_disk != nullptr) raw_disk->trace = found_here_or_in_project(raw_disk->trace);
      }
    }
  }
  return spec;
}

}  // namespace runner

// The numbers of the model that an experiment may set: entries of the machine file ("memory.line_refill"), of the
// core's paths ("core.schedule"), of the guest kernel's ("kernel.fork.instructions"), of the systems below it
// ("vmware.transition", "uml.switch"), of lmbench's processes and of the programs' profiles
// ("cint2000.steady_insertions"). The files stay as they are; a set-up says what differs from them.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "experiments/runner/experiment.h"
#include "model/disk/drive_file.h"
#include "model/machine_file.h"
#include "workloads/kernel/path.h"
#include "workloads/ports/uml/uml_file.h"
#include "workloads/ports/vmware/workstation_file.h"
#include "workloads/programs/dbench/dbench_profile.h"
#include "workloads/programs/kernel_build/build_profile.h"
#include "workloads/programs/lmbench/process_shapes.h"
#include "workloads/programs/osdb/osdb_profile.h"
#include "workloads/programs/spec_int/spec_int_profile.h"
#include "workloads/programs/web99/profile.h"
#include "workloads/spec.h"

namespace runner {

using model::ParameterEntry;

// As the files have them, which are read once: the machine's with the core's, the drive's, the kernel's, those of every
// profile.
const std::vector<ParameterEntry>& known_parameters(const std::string& machine, const std::string& drive);
// The ends that an entry's value is likely between: its range, or the confidence interval of a fitted one.
std::optional<std::pair<Json, Json>> likely_range(const ParameterEntry& entry);
inline constexpr const char* kPaperDrive = "ultrastar146z10";  // whose parameters the documentation shows

// The parameter files of a set-up's host with its parameters set.
struct ModelFiles {
  // Throws InputError below `place`, the set-up's.
  explicit ModelFiles(const Setup& setup, const Place& place = {"parameters", ""});

  model::MachineFile machine;
  guest::KernelFile kernel;
  guest::WorkstationFile workstation;
  guest::UmlFile uml;
  std::shared_ptr<const guest::ProcessShapes> shapes;  // of lmbench
  // Of the applications.
  std::shared_ptr<const guest::SpecIntProfile> spec_int;
  std::shared_ptr<const guest::DbenchProfile> dbench;
  std::shared_ptr<const guest::BuildProfile> kernel_build;
  std::shared_ptr<const guest::OsdbProfile> osdb;
  std::shared_ptr<const guest::Web99Profile> web99;
  std::optional<model::DriveFile> drive;
};

// What the host is built from; the files outlive it.
guest::HostSpec host_spec(const Setup& setup, const ModelFiles& files, std::uint64_t seed);

// What a set-up gives a profile instead of its file's values. Throws InputError below `place`.
guest::ProfileValues profile_values(const Setup& setup, const std::string& profile,
                                    const Place& place = {"parameters", ""});

// Throws InputError: an unknown parameter, or a value that it cannot have.
void check_parameters(const Setup& setup, const Place& place);

}  // namespace runner

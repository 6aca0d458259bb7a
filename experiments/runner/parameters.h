// The numbers of the model that an experiment may set: entries of the machine file ("memory.line_refill"), of the
// core's paths ("core.schedule"), of the guest kernel's ("kernel.fork.instructions") and of the programs' profiles
// ("cint2000.steady_insertions"). The files stay as they are; a set-up says what differs from them.
#pragma once

#include <string>
#include <vector>

#include "experiments/runner/experiment.h"
#include "model/machine_file.h"
#include "workloads/kernel/path.h"
#include "workloads/spec.h"

namespace runner {

using model::ParameterEntry;

// As the files have them: the machine's with the core's, the kernel's, those of every profile.
std::vector<ParameterEntry> known_parameters(const std::string& machine);

// Machine and kernel of a set-up with its parameters set. Throw InputError below `place`, the set-up's.
model::MachineFile machine_of(const Setup& setup, const Place& place = {"parameters", ""});
guest::KernelFile kernel_of(const Setup& setup, const Place& place = {"parameters", ""});

// What a set-up gives a profile instead of its file's values. Throws InputError below `place`.
guest::ProfileValues profile_values(const Setup& setup, const std::string& profile,
                                    const Place& place = {"parameters", ""});

// Throws InputError: an unknown parameter, or a value that it cannot have.
void check_parameters(const Setup& setup, const Place& place);

}  // namespace runner

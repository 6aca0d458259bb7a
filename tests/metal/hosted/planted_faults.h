// Faults by name, of the core and of the model, for the build of the hosted side that has them.
#pragma once

#include <string>
#include <vector>

namespace hosted {

// Plants one ("none": none). False: no such fault, or a build without any.
bool plant(const std::string& name);
std::vector<std::string> fault_names();  // "core:..." and "model:..."

}  // namespace hosted

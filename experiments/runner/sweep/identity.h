// What a run depends on, as a key: the same key, the same results.
//
//   model = digest of the sources that decide results, taken when the program is built, and of every parameter file
//   point = digest of model and the point's resolved configuration
//   run   = digest of point and seed
//
// The sources and not the revision: a commit that changes documentation or the drawing of figures leaves a sweep as it
// is, and a change that is not committed does not. The compiler is left out: results do not depend on it, which tests
// make sure of. Digests are name-based UUIDs (RFC 4122, version 5: SHA-1).
#pragma once

#include <string>
#include <string_view>

#include "experiments/runner/experiment.h"
#include "experiments/runner/sweep/record.h"

namespace runner {

RunKey digest(const RunKey& within, std::string_view name);

// Of this program and the parameter files that it finds now; taken once.
const RunKey& model_key();

// Files that the set-up names, such as a recorded disk workload, count with their contents.
RunKey point_key(const Setup& setup);
RunKey run_key(const RunKey& point, std::uint64_t seed);

}  // namespace runner

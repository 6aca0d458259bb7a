// From a host that is up to what its run has measured.
#pragma once

#include "experiments/runner/runner.h"
#include "workloads/host.h"

namespace runner {

// Warms up, runs, measures, audits. `spec` is the host's. Throws model::BrokenInvariant, and std::runtime_error when
// the programs are to end and do not.
Replication measure(guest::Host& host, const guest::HostSpec& spec, const Setup& setup, const RunOptions& options);

}  // namespace runner

// What no single setting can tell: whether the parts of an experiment fit together.
#pragma once

#include "experiments/runner/plan.h"

namespace runner {

// Both throw InputError with a JSON path below `place`.
void check_setup(const Setup& setup, const Place& place);
void check_experiment(const Experiment& experiment, const Place& place);

// Name of the i-th (from 0) domain that these settings stand for.
std::string domain_name(const DomainSettings& domain, std::uint32_t i);

}  // namespace runner

// One-at-a-time sensitivity: an experiment's points repeated with each uncertain parameter at both ends of its range.
#pragma once

#include "experiments/runner/experiment.h"

namespace runner {

// Turns `sensitivity` into cases: "as in the files", and "KEY VALUE" for both ends of the likely range of every
// parameter that it names. A whole key is meant whatever its origin is; the beginning of keys, up to a dot, means those
// that are assumed or of low certainty. In the order of the list, and within a line of it of the parameter files; what
// two lines name comes once. Throws InputError: no such parameter, none that is uncertain, none with a range.
void add_sensitivity_cases(Experiment& experiment, const Place& place);

}  // namespace runner

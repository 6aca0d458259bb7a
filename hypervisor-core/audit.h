// Conservation laws of the core, checked on demand: nothing is lost, nothing is in two places.
#pragma once

namespace hv {

class Hypervisor;

// The first law that does not hold, or null. Takes time in proportion to the machine's memory: for tests and for the
// end of a run, between two entries.
const char* audit(Hypervisor& core);

}  // namespace hv

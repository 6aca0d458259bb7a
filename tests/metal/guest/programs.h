// The programs of the test kernel, by the option run=. Those of domain 0 return what the run ends with; 0 is good.
#pragma once

#include "base/types.h"

namespace guest {

hv::u32 tour();                       // every hypercall, and ring 3
hv::u32 recursion();                  // the hypervisor's stack overflows: does not come back
hv::u32 run_sequence();               // of tests/metal/sequence; also what its second domain does
hv::u32 attack();                     // by another domain
[[noreturn]] void attacker();         // which is this
[[noreturn]] void device_attacker();  // and this, through its devices
[[noreturn]] void doomed();           // domains with bad stacks
hv::u32 devices();                    // disk and network card, by two domains
[[noreturn]] void device_domain();    // which are these
hv::u32 shares();                     // two domains, weights 1:2
[[noreturn]] void compute();          // one of them
[[noreturn]] void second();           // what the tour's second domain does

}  // namespace guest

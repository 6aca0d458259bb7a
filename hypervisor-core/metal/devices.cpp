// Which devices this PC has, by the options "disk=1" and "nic=1".
#include "metal/metal_machine.h"

namespace metal {

void attach_devices(MetalMachine&, const BootInformation&) {}

}  // namespace metal

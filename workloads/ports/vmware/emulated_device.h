// A device of the virtual machine: registers that translated code calls out for, and the part that lives in the other
// world, in the host's process (VMApp), which gets the CPU only when somebody switches to the host.
#pragma once

#include "base/types.h"

namespace guest {

class EmulatedDevice {
 public:
  // --- in the host's world ------------------------------------------------------------------------------------------
  virtual void host_tick() {}  // the host's timer's interrupt
  virtual bool process_has_work() const = 0;
  virtual void process() = 0;  // does what there is; may raise the line

  // --- at the virtual interrupt controller --------------------------------------------------------------------------
  virtual bool raised() const = 0;
  virtual void taken() = 0;  // the guest's handler begins

 protected:
  ~EmulatedDevice() = default;
};

}  // namespace guest

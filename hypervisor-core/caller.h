// Who entered the core, and on which CPU: the first argument of every hypercall handler.
#pragma once

#include "hardware/cpu.h"

namespace hv {

struct Domain;
struct Vcpu;

struct Caller {
  hw::Cpu& cpu;
  Vcpu& vcpu;
  Domain& domain;
};

}  // namespace hv

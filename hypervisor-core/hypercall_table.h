// The hypercalls by number.
#pragma once

#include "base/error.h"
#include "base/types.h"
#include "caller.h"

namespace hv {

class Hypervisor;

inline constexpr u32 kHypercallArguments = 5;  // EBX ECX EDX ESI EDI

// not_implemented for an unknown number. Numbers beyond the table do not wrap.
HypercallResult perform_hypercall(Hypervisor& core, Caller& caller, u32 number,
                                  const u32 (&arguments)[kHypercallArguments]);

}  // namespace hv

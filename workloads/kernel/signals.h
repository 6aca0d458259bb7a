// Numbers and layout of signals on i386 Linux. What the kernel does with them: Kernel::signal(), deliver_signals().
#pragma once

#include "workloads/kernel/process.h"

namespace guest {

constexpr u32 number_of(Signal signal) { return static_cast<u32>(signal); }
constexpr u32 bit_of(Signal signal) { return 1u << number_of(signal); }

// A process that never asked what to do about it does not notice it; any other signal ends it.
constexpr bool ignored_by_default(Signal signal) { return signal == Signal::child; }

// What delivery writes to the user's stack: return address, number, 88 bytes of registers, 624 of FPU state in both of
// its formats, mask, and the code of the call to sigreturn (struct sigframe).
inline constexpr u32 kSignalFrameBytes = 732;

// What an entry from user mode has pushed on the process's kernel stack, from its end down.
struct UserFrame {
  u32 eip = 0, cs = 0, eflags = 0, esp = 0, ss = 0;
};

}  // namespace guest

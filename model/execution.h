// What guest software awaits: user work, a hypercall, a place where interrupts may come in.
//
// All of them stop the coroutine at an address of the code map and put that into EIP, so that the supervisor can take
// the CPU away and give it back, there or on another CPU. After an await the software may be on another CPU: ask
// Machine::running() again.
#pragma once

#include <array>
#include <coroutine>
#include <span>

#include "interface/hypercalls.h"
#include "model/code_map.h"
#include "model/cpu.h"
#include "model/machine.h"

namespace model {

// co_await compute(machine, cycles, footprint or sweeps): preemptible work in the present ring. Memory that it uses
// may fault, and is used again after the exception was handled.
class compute {
 public:
  compute(Machine& machine, sim::Cycles work, const Footprint* footprint = nullptr)
      : machine_{machine}, burst_{.left = work, .footprint = footprint} {}
  // The sweeps outlive it.
  compute(Machine& machine, sim::Cycles work, std::span<const Sweep> sweeps)
      : machine_{machine}, burst_{.left = work, .sweeps = sweeps} {}
  bool await_ready() const { return false; }
  void await_suspend(std::coroutine_handle<> here) { machine_.running().suspend_here(here, burst_); }
  void await_resume() const {}

 private:
  Machine& machine_;
  Burst burst_;
};

// co_await interruptible(machine): pending interrupts and earlier events of others come first.
inline compute interruptible(Machine& machine) { return compute{machine, sim::Cycles{0}}; }

// co_await hypercall(machine, number, arguments...): EAX after the return.
class hypercall {
 public:
  template <class... Words>
  hypercall(Machine& machine, hv::Hypercall number, Words... arguments)
      : machine_{machine}, number_{number}, arguments_{static_cast<hv::u32>(arguments)...} {
    static_assert(sizeof...(arguments) <= 5);
  }
  bool await_ready() const { return false; }
  bool await_suspend(std::coroutine_handle<> here);  // false: came straight back
  hv::s32 await_resume() const { return static_cast<hv::s32>(machine_.running().registers().eax); }

 private:
  Machine& machine_;
  hv::Hypercall number_;
  std::array<hv::u32, 5> arguments_{};
};

}  // namespace model

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

// Where an awaiter has stopped its coroutine. A coroutine that is destroyed there, because its process has ended, does
// not leave its address behind.
class SuspendedPlace {
 public:
  explicit SuspendedPlace(Machine& machine) : machine_{machine} {}
  SuspendedPlace(const SuspendedPlace&) = delete;
  SuspendedPlace& operator=(const SuspendedPlace&) = delete;
  ~SuspendedPlace() {
    if (eip_ != 0) machine_.code().release(eip_);
  }
  hv::u32 suspend(std::coroutine_handle<> here, const Burst& burst = {}) {
    return eip_ = machine_.running().suspend_here(here, burst);
  }
  void resumed() { eip_ = 0; }  // whoever resumes a coroutine has released its address
  Machine& machine() const { return machine_; }

 private:
  Machine& machine_;
  hv::u32 eip_ = 0;
};

// co_await compute(machine, cycles, footprint or sweeps): preemptible work in the present ring. Memory that it uses
// may fault, and is used again after the exception was handled.
class compute {
 public:
  compute(Machine& machine, sim::Cycles work, const Footprint* footprint = nullptr)
      : place_{machine}, burst_{.left = work, .footprint = footprint} {}
  // The sweeps outlive it.
  compute(Machine& machine, sim::Cycles work, std::span<const Sweep> sweeps)
      : place_{machine}, burst_{.left = work, .sweeps = sweeps} {}
  bool await_ready() const { return false; }
  void await_suspend(std::coroutine_handle<> here) { place_.suspend(here, burst_); }
  void await_resume() { place_.resumed(); }

 private:
  SuspendedPlace place_;
  Burst burst_;
};

// co_await interruptible(machine): pending interrupts and earlier events of others come first.
inline compute interruptible(Machine& machine) { return compute{machine, sim::Cycles{0}}; }

// co_await hypercall(machine, number, arguments...): EAX after the return.
class hypercall {
 public:
  template <class... Words>
  hypercall(Machine& machine, hv::Hypercall number, Words... arguments)
      : place_{machine}, number_{number}, arguments_{static_cast<hv::u32>(arguments)...} {
    static_assert(sizeof...(arguments) <= 5);
  }
  bool await_ready() const { return false; }
  bool await_suspend(std::coroutine_handle<> here);  // false: came straight back
  hv::s32 await_resume() {
    place_.resumed();
    return static_cast<hv::s32>(place_.machine().running().registers().eax);
  }

 private:
  SuspendedPlace place_;
  hv::Hypercall number_;
  std::array<hv::u32, 5> arguments_{};
};

}  // namespace model

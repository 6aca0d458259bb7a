// What an instruction pointer names.
//
// Guest software is C++, so its code has no bytes in simulated RAM; but the hypervisor, which saves and restores
// register frames, must be able to interrupt and resume it by EIP alone. So every place where guest software can be
// entered or resumed has an address here: entry points, which stay, and suspended coroutines, whose address is free
// again once they were resumed. A suspended coroutine may first have to finish a burst of user work.
#pragma once

#include <coroutine>
#include <cstdint>
#include <deque>
#include <functional>
#include <span>
#include <vector>

#include "sim/time.h"

namespace model {

class Cpu;

// Memory behaviour of user work: which pages it keeps touching, how much of the cache it wants.
struct Footprint {
  std::uint32_t first_page = 0;             // virtual address of the working set's first page
  std::uint32_t pages = 0;                  // touched in turn; more than the TLB holds is touched once per dispatch
  std::uint32_t writable_pages = 0;         // the first so many are written
  std::uint32_t cache_lines = 0;            // L2 lines that it uses again and again
  std::uint32_t insertions_per_mcycle = 0;  // lines it brings in per million cycles of progress when it runs alone
};

enum class Use : std::uint8_t { read, write, execute };

// Memory that is gone through once, from its first byte to its last, every cache line of it.
struct Sweep {
  std::uint32_t first = 0;  // virtual address
  std::uint32_t bytes = 0;
  Use use = Use::read;
};

// User work that is left to do at a suspended place.
struct Burst {
  sim::Cycles left;
  const Footprint* footprint = nullptr;  // null: touches nothing
  std::uint32_t pages_touched = 0;       // of the footprint since the last dispatch; a fault goes on from here
  std::span<const Sweep> sweeps = {};    // before the work; what is left of them after a fault
  std::uint32_t bytes_swept = 0;         // of the first of them; a fault goes on from here
  sim::Cycles* spun = nullptr;           // of one that waits for a lock: counts its time; until Cpu::finish_burst
};

struct CodePlace {
  enum class Kind : std::uint8_t { free, entry, suspended };
  Kind kind = Kind::free;
  std::function<void(Cpu&)> enter;    // entry
  std::coroutine_handle<> coroutine;  // suspended
  Burst burst;                        // suspended: before the coroutine goes on
};

class CodeMap {
 public:
  static constexpr std::uint32_t kFirst = 0x08048000;  // below the kernel's half, like a program's text
  static constexpr std::uint32_t kStride = 16;

  // An entry point. `enter` runs with the CPU's registers as hardware or hypervisor left them.
  std::uint32_t add_entry(std::function<void(Cpu&)> enter);
  std::uint32_t suspend(std::coroutine_handle<> coroutine, const Burst& burst);
  void release(std::uint32_t eip);  // of a suspended place

  CodePlace* find(std::uint32_t eip);  // null: nothing there

 private:
  std::uint32_t take();
  std::deque<CodePlace> places_;  // a place stays where it is: the CPU holds on to the one it computes for
  std::vector<std::uint32_t> free_;
};

}  // namespace model

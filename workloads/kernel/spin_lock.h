// Spin locks of a kernel for several processors, as simulated state: who has one, from when to when.
//
// Kernel code runs ahead of the event queue (docs/architecture.md), and two processors by different amounts. So there
// are two kinds of lock, by how long their holder may have them:
//  - BriefLock: held for a part of one path, whose length is known when it is taken. It keeps the holds [start, end)
//    that are not over yet, of all processors. Who asks waits for the first gap that is long enough, so holds never
//    overlap, whichever processor's code was executed first.
//  - KernelSpinLock: held over anything, also while its holder sleeps in a hypercall or has lost its CPU. Taking and
//    releasing wait until everything has happened that is earlier anywhere on the machine, so they come in the order of
//    time, and an interrupt that came during a hold comes before its end.
// What taking a free lock costs is part of the path around it (Path::locks). Waiting is charged as model::Cause::spin;
// the lock's line, and the data that it guards, come from the cache of the processor that had it before.
#pragma once

#include <deque>
#include <vector>

#include "base/types.h"
#include "model/code_map.h"
#include "model/task.h"
#include "sim/event_queue.h"
#include "sim/time.h"

namespace model {
class Machine;
}  // namespace model

namespace guest {

using hv::u32;
using hv::u64;

class Port;

struct LockCounts {
  u64 takes = 0, contended = 0;
  u64 moves = 0;     // of its lines from one processor's cache to another's
  u64 yields = 0;    // of the CPU, by who had spun for long
  sim::Cycles spun;  // by who waited for it
};

class BriefLock {
 public:
  explicit BriefLock(u32 processors) : moves_owed_(processors) {}

  struct Hold {
    sim::Cycles start, end;
    u32 moves = 0;  // of the lock's lines, that the processor waits for
  };
  // For `length` cycles from `from` on, or later if others have it; longer by `move` if its lines are with another
  // processor. Nobody asks for a time before `earliest` any more.
  Hold take(u32 processor, sim::Cycles from, sim::Cycles length, sim::Cycles move, sim::Cycles earliest);
  const LockCounts& counts() const { return counts_; }

 private:
  struct Interval {
    sim::Cycles start, end;
    u32 processor;
  };
  using Holds = std::deque<Interval>;
  Holds::iterator find_gap(sim::Cycles& start, sim::Cycles length);

  Holds holds_;                  // by start, without overlap
  u32 last_ = 0;                 // whose was the last one that is over
  std::vector<u32> moves_owed_;  // because another one's hold has come before one that was already charged
  LockCounts counts_;
};

class KernelSpinLock final : private sim::EventHandler {
 public:
  KernelSpinLock(model::Machine& machine, Port& port, u32 lines) : machine_{machine}, port_{port}, lines_{lines} {}
  KernelSpinLock(const KernelSpinLock&) = delete;
  KernelSpinLock& operator=(const KernelSpinLock&) = delete;

  model::Task<> take();
  model::Task<> release();
  bool held() const { return held_; }
  // Who has spun for so long in a row lets others have its CPU and then goes on; 0: never.
  void set_spin_limit(sim::Cycles limit) { spin_limit_ = limit; }
  const LockCounts& counts() const { return counts_; }

 private:
  class Spin;

  model::Task<> in_order();
  void on_event(std::uint64_t) override;

  model::Machine& machine_;
  Port& port_;
  u32 lines_;  // that move with it
  sim::Cycles spin_limit_;
  bool held_ = false;
  u32 last_ = 0;                 // processor that had it last
  std::vector<Spin*> spinning_;  // the first one since longest
  LockCounts counts_;
};

}  // namespace guest

// How much of the L2 cache each address space still holds, and what it costs to get it back.
//
// Programs are bursts of cycles here, not addresses, so the cache keeps an amount per owner: of the lines its
// footprint wants, how many are resident. Whoever else inserts n lines into a cache of C displaces them at random (the
// frames of a working set fall on random sets), which leaves resident * exp(-n / C): the footprint model of Thiebaut
// and Stone (Footprints in the Cache, ACM TOCS 5(4), 1987) in its continuous form, also Agarwal, Horowitz and
// Hennessy (An Analytical Cache Model, ACM TOCS 7(2), 1989). The reload comes before the work, at a cost per line;
// its lines are insertions themselves, and so is the steady stream of a footprint. Evaluated lazily: one count of
// insertions, and per owner the count when it last ran. Integers only, so that every compiler gives the same.
//
// Not modelled: what kernels and the hypervisor bring in displaces nobody, and what they lose costs them nothing; an
// address space that ends leaves its share to whoever gets its directory frame.
#pragma once

#include <cstdint>
#include <vector>

#include "model/code_map.h"
#include "sim/time.h"

namespace model {

// exp(-x) with 32 fractional bits in argument and result; within 1e-8 of the true value.
std::uint64_t exp_minus(std::uint64_t x);

struct BurstPlan {
  sim::Cycles work;
  sim::Cycles stall;             // until the lost lines are back; spent before the work
  std::uint32_t lost_lines = 0;  // of the footprint

  sim::Cycles total() const { return stall + work; }
};

// How far a planned burst is after `elapsed` cycles of it.
sim::Cycles progress_after(const BurstPlan& plan, sim::Cycles elapsed);
std::uint32_t refilled_after(const BurstPlan& plan, sim::Cycles elapsed);

class CacheFootprints {
 public:
  // Directory frame of the address space.
  using Owner = std::uint32_t;

  // 1 <= capacity_lines <= 65535. `line_refill`: of one line when misses overlap.
  CacheFootprints(std::uint32_t capacity_lines, sim::Duration line_refill, const sim::Clock& clock);

  // What `work` cycles with this footprint take from now on. Changes nothing.
  BurstPlan plan(Owner owner, const Footprint& footprint, sim::Cycles work) const;
  // That planned burst ran for `elapsed` cycles. Nothing else was inserted since its plan().
  void ran(Owner owner, const Footprint& footprint, const BurstPlan& plan, sim::Cycles elapsed);

  std::uint32_t resident(Owner owner) const;  // whole lines, at present
  std::uint32_t capacity() const { return capacity_; }
  std::uint64_t lines_inserted() const { return inserted_ / kPerLine; }  // by everybody, so far

 private:
  // Lines are counted in millionths, because insertion rates are per million cycles of progress.
  static constexpr std::uint64_t kPerLine = 1'000'000;
  // Residency has 16 fractional bits.
  static constexpr std::uint64_t kFraction = 1 << 16;

  struct Share {
    Owner owner;
    std::uint64_t resident;  // when it last ran
    std::uint64_t inserted;  // lines inserted until then, in millionths
  };
  static bool before(const Share& share, Owner owner) { return share.owner < owner; }

  std::uint64_t wanted_by(const Footprint& footprint) const;
  std::uint64_t resident_now(Owner owner) const;
  // What is left of `lines` after so many millionths of insertions.
  std::uint64_t remaining(std::uint64_t lines, std::uint64_t insertions) const;
  std::vector<Share>::iterator place_of(Owner owner);  // made if it is not there

  std::uint32_t capacity_;
  sim::Duration line_refill_;
  sim::Clock clock_;
  std::uint64_t inserted_ = 0;  // millionths of lines
  std::vector<Share> shares_;   // by owner
};

}  // namespace model

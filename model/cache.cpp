#include "model/cache.h"

#include <algorithm>
#include <stdexcept>

namespace model {

namespace {

constexpr std::uint64_t kOne = std::uint64_t{1} << 32;
constexpr std::uint64_t kLn2 = 2'977'044'472;  // ln 2, 32 fractional bits

}  // namespace

std::uint64_t exp_minus(std::uint64_t x) {
  // exp(-x) = 2^-n * exp(-r) with r < ln 2; the series 1 - r (1 - r/2 (1 - r/3 (...))) to the twelfth term.
  const std::uint64_t halvings = x / kLn2;
  if (halvings > 32) return 0;
  const std::uint64_t r = x % kLn2;
  std::uint64_t sum = kOne;
  for (std::uint64_t term = 12; term > 0; --term) sum = kOne - (r * sum >> 32) / term;
  return sum >> halvings;
}

sim::Cycles progress_after(const BurstPlan& plan, sim::Cycles elapsed) {
  return std::clamp(elapsed - plan.stall, sim::Cycles{0}, plan.work);
}

std::uint32_t refilled_after(const BurstPlan& plan, sim::Cycles elapsed) {
  if (elapsed >= plan.stall) return plan.lost_lines;
  return static_cast<std::uint32_t>(plan.lost_lines * elapsed.count() / plan.stall.count());
}

CacheFootprints::CacheFootprints(std::uint32_t capacity_lines, sim::Duration line_refill, const sim::Clock& clock)
    : capacity_{capacity_lines}, line_refill_{line_refill}, clock_{clock} {
  if (capacity_lines == 0 || capacity_lines > 65'535) throw std::invalid_argument{"a cache has 1 to 65535 lines"};
}

BurstPlan CacheFootprints::plan(Owner owner, const Footprint& footprint, sim::Cycles work) const {
  const std::uint64_t wanted = wanted_by(footprint);
  const std::uint64_t present = std::min(resident_now(owner), wanted);
  // Half a line lost and more is a line to fetch.
  const auto lost = static_cast<std::uint32_t>((wanted - present + kFraction / 2) / kFraction);
  return {.work = work, .stall = clock_.cycles_in(line_refill_ * lost), .lost_lines = lost};
}

void CacheFootprints::ran(Owner owner, const Footprint& footprint, const BurstPlan& plan, sim::Cycles elapsed) {
  const std::uint64_t refilled = refilled_after(plan, elapsed);
  const std::uint64_t streamed = static_cast<std::uint64_t>(progress_after(plan, elapsed).count()) *
                                 footprint.insertions_per_mcycle;  // millionths of lines
  const std::uint64_t held = resident_now(owner);
  const std::uint64_t wanted = wanted_by(footprint);
  // What it goes on using stays; what an earlier, larger footprint left is displaced like anybody's lines.
  const std::uint64_t in_use = std::min(std::min(held, wanted) + refilled * kFraction, wanted);
  const std::uint64_t insertions = refilled * kPerLine + streamed;
  const std::uint64_t idle = held > wanted ? remaining(held - wanted, insertions) : 0;
  inserted_ += insertions;
  *place_of(owner) = Share{owner, in_use + idle, inserted_};
}

std::uint32_t CacheFootprints::resident(Owner owner) const {
  return static_cast<std::uint32_t>((resident_now(owner) + kFraction / 2) / kFraction);
}

std::uint64_t CacheFootprints::wanted_by(const Footprint& footprint) const {
  return std::min(footprint.cache_lines, capacity_) * kFraction;
}

std::uint64_t CacheFootprints::resident_now(Owner owner) const {
  const auto place = std::lower_bound(shares_.begin(), shares_.end(), owner, before);
  if (place == shares_.end() || place->owner != owner) return 0;
  return remaining(place->resident, inserted_ - place->inserted);
}

std::uint64_t CacheFootprints::remaining(std::uint64_t lines, std::uint64_t insertions) const {
  if (insertions == 0) return lines;
  // x = insertions / capacity with 28 fractional bits, computed in two parts to stay within 64 bits.
  const std::uint64_t capacity = capacity_ * kPerLine;
  const std::uint64_t whole = insertions / capacity;
  if (whole >= 32) return 0;
  const std::uint64_t x = (whole << 28) + ((insertions % capacity) << 28) / capacity;
  return lines * exp_minus(x << 4) >> 32;
}

std::vector<CacheFootprints::Share>::iterator CacheFootprints::place_of(Owner owner) {
  const auto place = std::lower_bound(shares_.begin(), shares_.end(), owner, before);
  if (place != shares_.end() && place->owner == owner) return place;
  return shares_.insert(place, Share{owner, 0, inserted_});
}

}  // namespace model

#include "sim/event_queue.h"

#include <bit>
#include <stdexcept>

namespace sim {

namespace {

constexpr std::uint64_t bits_of(Time t) { return static_cast<std::uint64_t>(t.picoseconds()); }

[[noreturn, gnu::cold]] void refuse_past() {
  throw std::logic_error{"an event was scheduled in the past, or at never()"};
}

}  // namespace

EventQueue::EventQueue() : links_(kLists) {
  for (std::uint32_t list = 0; list < kLists; ++list) links_[list] = Link{list, list};
}

EventHandle EventQueue::schedule(Time at, EventHandler& handler, std::uint64_t word, Priority priority) {
  if (at < now_ || at == Time::never()) refuse_past();
  std::uint32_t slot = free_;
  if (slot == kNone) {
    slot = static_cast<std::uint32_t>(events_.size());
    events_.emplace_back();
    links_.emplace_back();
  } else {
    free_ = links_[kLists + slot].next;
  }
  Event& event = events_[slot];
  event.at = at;
  event.handler = &handler;
  event.word = word;
  event.priority = priority;
  append(slot);
  ++size_;
  if (earliest_ != kNone) {
    const Event& earliest = events_[earliest_];
    if (at < earliest.at || (at == earliest.at && priority < earliest.priority)) earliest_ = slot;
  }
  return EventHandle{slot, event.generation};
}

bool EventQueue::cancel(EventHandle& handle) {
  const EventHandle named = handle;
  handle = EventHandle{};
  if (!pending(named)) return false;
  if (earliest_ == named.slot) earliest_ = kNone;
  unlink(named.slot);
  release(named.slot);
  return true;
}

Time EventQueue::next_time() { return find_earliest() ? events_[earliest_].at : Time::never(); }

bool EventQueue::run_next() {
  if (!find_earliest()) return false;
  const std::uint32_t slot = earliest_;
  EventHandler& handler = *events_[slot].handler;
  const std::uint64_t word = events_[slot].word;
  const std::uint32_t list = events_[slot].list;
  now_ = base_ = events_[slot].at;
  earliest_ = kNone;
  unlink(slot);
  release(slot);
  // The rest of the list now agrees with the base in this digit: it belongs to lower ones. Order within it is kept.
  if (list >= kValues && links_[list].next != list) {
    std::uint32_t rest = links_[list].next;
    links_[list] = Link{list, list};
    mark_empty(list);
    while (rest != list) {
      const std::uint32_t next = links_[rest].next;
      append(rest - kLists);
      rest = next;
    }
  }
  ++executed_;
  handler.on_event(word);
  return true;
}

void EventQueue::run_until(Time until) {
  while (next_time() <= until && size_ != 0) run_next();
  if (now_ < until) now_ = until;
}

std::uint32_t EventQueue::list_of(Time at) const {
  const std::uint64_t difference = bits_of(at) ^ bits_of(base_);
  const auto digit = static_cast<unsigned>(std::bit_width(difference | 1) - 1) / kDigitBits;
  const auto value = static_cast<unsigned>(bits_of(at) >> digit * kDigitBits) % kValues;
  return digit * kValues + value;
}

void EventQueue::append(std::uint32_t slot) {
  Event& event = events_[slot];
  const std::uint32_t list = list_of(event.at);
  event.list = static_cast<std::uint16_t>(list);
  std::uint32_t after = links_[list].previous;
  // A list of the lowest digit is one instant: it is kept in order of priority, so that its first event is the
  // earliest.
  if (list < kValues) {
    while (after != list && events_[after - kLists].priority > event.priority) after = links_[after].previous;
  }
  const std::uint32_t before = links_[after].next;
  links_[kLists + slot] = Link{before, after};
  links_[after].next = links_[before].previous = kLists + slot;
  values_in_use_[list / kValues] |= std::uint64_t{1} << list % kValues;
  digits_in_use_ |= 1u << list / kValues;
}

void EventQueue::unlink(std::uint32_t slot) {
  const std::uint32_t next = links_[kLists + slot].next, previous = links_[kLists + slot].previous;
  links_[previous].next = next;
  links_[next].previous = previous;
  if (next == previous && next < kLists) mark_empty(next);  // only the head is left
}

void EventQueue::mark_empty(std::uint32_t list) {
  values_in_use_[list / kValues] &= ~(std::uint64_t{1} << list % kValues);
  if (values_in_use_[list / kValues] == 0) digits_in_use_ &= ~(1u << list / kValues);
}

void EventQueue::release(std::uint32_t slot) {
  ++events_[slot].generation;
  events_[slot].list = kNoList;
  links_[kLists + slot].next = free_;
  free_ = slot;
  --size_;
}

bool EventQueue::find_earliest() {
  if (earliest_ != kNone) return true;
  if (size_ == 0) return false;
  const auto digit = static_cast<unsigned>(std::countr_zero(digits_in_use_));
  const auto list = digit * kValues + static_cast<unsigned>(std::countr_zero(values_in_use_[digit]));
  std::uint32_t best = links_[list].next;
  if (digit > 0) {
    // Strictly before: among equals the one that was scheduled first stays.
    for (std::uint32_t link = links_[best].next; link != list; link = links_[link].next) {
      const Event &one = events_[link - kLists], &other = events_[best - kLists];
      if (one.at < other.at || (one.at == other.at && one.priority < other.priority)) best = link;
    }
  }
  earliest_ = best - kLists;
  return true;
}

}  // namespace sim

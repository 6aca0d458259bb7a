// The queue of pending events: ordered by (time, priority, sequence number), cancellable by handle.
//
// An event is a callback object and one word of argument; scheduling allocates nothing once the queue has grown to its
// working size. Events scheduled for the same time and priority run in the order they were scheduled.
//
// Inside it is a radix heap. Nothing is ever scheduled before the last event that ran (the base), so an event's place
// follows from the highest base-64 digit in which its time differs from the base: one list per (digit, value). The
// earliest event is in the first non-empty list of the lowest non-empty digit. When it runs, the base becomes its time
// and the rest of that list moves to lower digits. All events of one instant share a list at any moment, so order of
// insertion is kept for free. No tuning to the distribution of times; each event moves a few times at most.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "sim/time.h"

namespace sim {

// Whatever wants to be called at a time. The word tells the receiver's events apart.
class EventHandler {
 public:
  virtual void on_event(std::uint64_t word) = 0;

 protected:
  ~EventHandler() = default;
};

// Names one scheduled event. Stays harmless after the event ran or was cancelled: pending() tells.
struct EventHandle {
  std::uint32_t slot = UINT32_MAX;
  std::uint32_t generation = 0;
};

enum class Priority : std::uint8_t { first = 0, normal = 1, last = 2 };

class EventQueue {
 public:
  EventQueue();
  EventQueue(const EventQueue&) = delete;
  EventQueue& operator=(const EventQueue&) = delete;

  // The handler must outlive the event. `at` may be now() but not before it (std::logic_error), nor never().
  EventHandle schedule(Time at, EventHandler& handler, std::uint64_t word, Priority priority = Priority::normal);

  // False if the event already ran or was cancelled. Resets the handle either way.
  bool cancel(EventHandle& handle);

  // An event that is running counts as run.
  bool pending(EventHandle handle) const {
    return handle.slot < events_.size() && events_[handle.slot].generation == handle.generation &&
           events_[handle.slot].list != kNoList;
  }

  Time now() const { return now_; }

  // Of the earliest pending event; Time::never() when there is none.
  Time next_time();

  // Runs the earliest event at its time; false when there is none.
  bool run_next();

  // Runs every event up to and including `until`, also those scheduled meanwhile; then now() == until.
  void run_until(Time until);

  std::uint64_t executed() const { return executed_; }  // events run since the start
  std::size_t size() const { return size_; }            // events pending

 private:
  static constexpr unsigned kDigitBits = 6;
  static constexpr unsigned kValues = 1u << kDigitBits;
  static constexpr unsigned kDigits = (63 + kDigitBits - 1) / kDigitBits;
  static constexpr std::uint32_t kLists = kDigits * kValues;
  static constexpr std::uint32_t kNone = UINT32_MAX;    // no slot
  static constexpr std::uint16_t kNoList = UINT16_MAX;  // not pending

  struct Event {
    Time at;
    EventHandler* handler = nullptr;
    std::uint64_t word = 0;
    std::uint32_t generation = 0;
    std::uint16_t list = kNoList;
    Priority priority = Priority::normal;
  };
  // Lists are circular through their head. Links stand apart from events so that linking touches little memory:
  // links_[l] is the head of list l, links_[kLists + slot] belongs to the event of that slot.
  struct Link {
    std::uint32_t next = 0, previous = 0;
  };

  std::uint32_t list_of(Time at) const;
  void append(std::uint32_t slot);
  void unlink(std::uint32_t slot);
  void release(std::uint32_t slot);
  void mark_empty(std::uint32_t list);
  bool find_earliest();

  Time now_;
  Time base_;                       // of the last event that ran; now_ may be later
  std::uint32_t earliest_ = kNone;  // slot of the earliest event, where known
  std::uint32_t free_ = kNone;      // linked by Link::next
  std::size_t size_ = 0;
  std::uint64_t executed_ = 0;
  std::uint32_t digits_in_use_ = 0;                     // bit per digit
  std::array<std::uint64_t, kDigits> values_in_use_{};  // bit per value
  std::vector<Link> links_;
  std::vector<Event> events_;
};

}  // namespace sim

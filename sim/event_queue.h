// The queue of pending events: ordered by (time, priority, sequence number), cancellable by handle.
//
// An event is a callback object and one word of argument; scheduling allocates nothing once the queue has grown to its
// working size. Events scheduled for the same time and priority run in the order they were scheduled.
#pragma once

#include <cstdint>

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

}  // namespace sim

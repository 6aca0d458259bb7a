#include "sim/outside/outside_world.h"

#include <algorithm>

namespace sim {

bool run_next(EventQueue& queue, OutsideWorld& world, Time until) {
  const Time local = queue.next_time(), outside = world.next_time();
  const Time next = std::min(local, outside);
  if (next > until || next == Time::never()) return false;
  if (outside <= local) {
    world.advance(outside);
  } else {
    queue.run_next();
  }
  return true;
}

void run_until(EventQueue& queue, OutsideWorld& world, Time until) {
  while (run_next(queue, world, until)) {
  }
  queue.run_until(until);
}

}  // namespace sim

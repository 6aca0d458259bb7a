// Whoever wants to see every frame that passes an interface: a capture, like tcpdump's.
#pragma once

#include <cstdint>
#include <string>

#include "sim/outside/outside_world.h"
#include "sim/time.h"

namespace sim {

class PacketTrace {
 public:
  using InterfaceId = std::uint32_t;
  // Before its first frame. Names as in "wire", "vif1.0".
  virtual InterfaceId add_interface(const std::string& name) = 0;
  // A frame passes at `at`. Times of one interface do not decrease; those of different interfaces may interleave in
  // any way, because software runs ahead of the event queue.
  virtual void frame(InterfaceId interface, const Packet& packet, Time at) = 0;
  // Every frame before `now` has been told of: what is in order up to here stays so.
  virtual void passed(Time now) = 0;

 protected:
  ~PacketTrace() = default;
};

}  // namespace sim

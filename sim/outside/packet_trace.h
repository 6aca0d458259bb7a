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
  // A frame passes at `at`: not before the event queue's time, but maybe before what was reported last, because
  // software runs ahead of the event queue.
  virtual void frame(InterfaceId interface, const Packet& packet, Time at) = 0;
  // The event queue has come to `now`: every earlier frame has been reported.
  virtual void passed(Time now) = 0;

 protected:
  ~PacketTrace() = default;
};

// A place where frames pass and can be watched.
class PacketTap {
 public:
  void attach(PacketTrace& trace, const std::string& name) {
    interface_ = trace.add_interface(name);
    trace_ = &trace;
  }
  explicit operator bool() const { return trace_ != nullptr; }
  void see(const Packet& packet, Time at) const {
    if (trace_ != nullptr) trace_->frame(interface_, packet, at);
  }

 private:
  PacketTrace* trace_ = nullptr;
  PacketTrace::InterfaceId interface_ = 0;
};

}  // namespace sim

// Whoever wants to see what happens to the requests of a block device, in the terms of blktrace.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "sim/time.h"

namespace model {

struct BlockTraceEvent {
  enum class Action : std::uint8_t {
    queued,     // Q: somebody wants it
    merged,     // M: into a request that is there
    got,        // G: a request was allocated for it
    inserted,   // I: into the queue of the device
    issued,     // D: to the device
    completed,  // C
  };
  Action action = Action::queued;
  bool write = false;
  bool barrier = false;
  bool failed = false;
  std::uint64_t sector = 0;
  std::uint32_t sectors = 0;
  std::uint32_t process = 0;  // that wants it; 0: none
  std::string_view process_name = {};
};

class BlockTrace {
 public:
  using DeviceId = std::uint32_t;
  // Before its first event. Names as in "sda" for the drive, "vbd1.0" for the first VBD of domain 1.
  virtual DeviceId add_device(const std::string& name) = 0;
  // At `at`: not before the event queue's time, but maybe before what was reported last, because software runs ahead
  // of the event queue.
  virtual void event(DeviceId device, const BlockTraceEvent& event, sim::Time at) = 0;
  // The event queue has come to `now`: every earlier event has been reported.
  virtual void passed(sim::Time now) = 0;

 protected:
  ~BlockTrace() = default;
};

}  // namespace model

#include "sim/outside/fifo_wire.h"

namespace sim {

void FifoWire::carry(FrameId frame, StationId to, const Packet& packet) {
  deliver(frame, queue().now() + serialisation(packet.bytes, link(to).bits_per_second) + link(to).latency);
}

}  // namespace sim

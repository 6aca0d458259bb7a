// Frames as a capture that tshark opens: pcapng, one interface for the wire and one for every VIF, nanoseconds.
//
// A frame is written with its full length: the bytes that the simulator keeps of it, then zeros, which is what the
// checksums of its payload are computed over.
#pragma once

#include <filesystem>
#include <string>

#include "experiments/traces/binary_file.h"
#include "experiments/traces/in_time_order.h"
#include "experiments/traces/trace_file.h"
#include "sim/outside/packet_trace.h"

namespace runner {

class PcapWriter final : public TraceFile, public sim::PacketTrace {
 public:
  explicit PcapWriter(const std::filesystem::path& path);

  InterfaceId add_interface(const std::string& name) override;
  void frame(InterfaceId interface, const sim::Packet& packet, sim::Time at) override;
  void passed(sim::Time now) override;

  void attach(guest::HostSpec& spec) override { spec.packet_trace = this; }
  void finish() override;
  void discard() override { file_.remove(); }

 private:
  struct Frame {
    InterfaceId interface;
    sim::Packet packet;
  };

  void write(sim::Time at, const Frame& frame);

  BinaryFile file_;
  InterfaceId interfaces_ = 0;
  InTimeOrder<Frame> frames_;
};

}  // namespace runner

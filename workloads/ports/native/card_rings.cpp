#include "workloads/ports/native/card_rings.h"

#include <algorithm>

namespace guest {

namespace {

constexpr hv::u32 kPostedBuffers = 200;  // that tg3 of Linux 2.4 keeps with the card

}  // namespace

void CardRings::start(const std::function<hv::MachineFrame()>& take_frame) {
  transmit_frame_ = take_frame();
  for (hv::u32 i = 0; i < kPostedBuffers; ++i) {
    if (!device_.post_receive(take_frame())) break;
  }
}

bool CardRings::transmit(const sim::Packet& packet) {
  const auto kept = std::min<hv::u32>(packet.bytes, static_cast<hv::u32>(packet.header.size()));
  machine_.physical_memory().write_bytes(transmit_frame_.address(), packet.header.data(), kept);
  hw::TransmitDescriptor descriptor;
  descriptor.payload_frame = transmit_frame_;
  descriptor.payload_bytes = packet.bytes;
  return device_.transmit(descriptor);
}

hv::u32 CardRings::take_transmitted() {
  hv::u32 packets = 0;
  for (hv::u32 id; device_.next_transmitted(id);) ++packets;
  return packets;
}

bool CardRings::receive(sim::Packet& packet) {
  hw::ReceiveCompletion completion;
  if (!device_.next_received(completion)) return false;
  packet = {};
  packet.bytes = static_cast<std::uint16_t>(completion.bytes);
  const auto kept = std::min<hv::u32>(completion.bytes, static_cast<hv::u32>(packet.header.size()));
  machine_.physical_memory().read_bytes(completion.frame.address(), packet.header.data(), kept);
  if (!device_.post_receive(completion.frame)) machine_.stop("the card lost a receive buffer");
  return true;
}

}  // namespace guest

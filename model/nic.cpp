#include "model/nic.h"

#include <algorithm>
#include <stdexcept>

namespace model {

Nic::Nic(const MachineFile& file, CoalescingProfile profile, hv::u32 line, hv::u64 mac, sim::EventQueue& queue,
         PhysicalMemory& memory, InterruptRouter& router, DriverCpu& driver)
    : file_{file},
      coalescing_{file.coalescing_of(profile)},
      clock_{file.cpu.clock},
      line_{line},
      mac_{mac},
      queue_{queue},
      memory_{memory},
      router_{router},
      driver_{driver} {
  if (profile != CoalescingProfile::xen) return;
  transmit_code_ = file.cycles(file.nic.hypervisor_transmit);
  receive_code_ = file.cycles(file.nic.hypervisor_receive);
}

void Nic::connect(sim::OutsideWorld& world) {
  world_ = &world;
  station_ = world.attach(*this, {.bits_per_second = file_.nic.line_rate, .latency = file_.network.cable_latency});
}

// --- the driver's side -----------------------------------------------------------------------------------------------

bool Nic::transmit(const hw::TransmitDescriptor& descriptor) {
  if (world_ == nullptr) throw std::logic_error{"the network card is not connected"};
  // A descriptor is free again when the driver has taken its completion.
  if (on_wire_.size() + transmitted_.waiting.size() >= file_.nic.transmit_ring) {
    ++counts_.transmit_rejected;
    return false;
  }
  const std::uint32_t descriptors =
      (descriptor.header_bytes > 0 ? 1 : 0) + (descriptor.payload_frame != hv::MachineFrame::none() ? 1 : 0);
  driver_.charge(transmit_code_ +
                 clock_.cycles_in(file_.pci.write * (descriptors * file_.nic.descriptor_register_writes + 1)));
  ++counts_.transmit_accepted;
  on_wire_.push_back(descriptor.id);
  const sim::Packet packet = packet_of(descriptor);
  if (tap_) traced_.push_back(packet);
  const sim::Time free_again = world_->send(station_, packet, driver_.local_time());
  queue_.schedule(free_again, *this, static_cast<std::uint64_t>(Event::transmitted));
  return true;
}

bool Nic::next_transmitted(hv::u32& id) {
  if (!transmitted_.take(id)) return false;
  ++counts_.transmit_collected;
  return true;
}

bool Nic::post_receive(hv::MachineFrame frame) {
  if (buffers_.size() >= file_.nic.receive_ring) return false;
  buffers_.push_back(frame);
  ++counts_.buffers_posted;
  return true;
}

bool Nic::next_received(hw::ReceiveCompletion& completion) {
  if (!received_.take(completion)) return false;
  // DMA left the packet's header and its completion in memory, not in the cache.
  const std::int64_t latency = file_.memory.latency.count();
  driver_.charge(receive_code_ + sim::Cycles{latency + latency * file_.nic.completion_bytes / file_.cache.line_bytes});
  ++counts_.receive_collected;
  return true;
}

void Nic::interrupt_done() {
  driver_.charge(clock_.cycles_in(file_.pci.read * coalescing_.interrupt_register_reads +
                                  file_.pci.write * coalescing_.interrupt_register_writes));
  driver_.charge(file_.memory.latency);  // and the card has written its status block
  router_.deassert_line(line_);
  interrupting_ = false;
  if (received_.published + transmitted_.published > 0) {
    interrupt();
    return;
  }
  coalesce(received_, coalescing_.normal.receive);
  coalesce(transmitted_, coalescing_.normal.transmit);
}

// --- the wire's side -------------------------------------------------------------------------------------------------

void Nic::on_event(std::uint64_t word) {
  switch (static_cast<Event>(word)) {
    case Event::transmitted:
      transmitted_.waiting.push_back(on_wire_.front());
      on_wire_.pop_front();
      if (tap_) {
        tap_.see(traced_.front(), queue_.now());
        traced_.pop_front();
      }
      ++counts_.transmit_sent;
      coalesce(transmitted_, limits().transmit);
      break;
    case Event::publish:
      publish();
      break;
  }
}

void Nic::receive(const sim::Packet& packet, sim::Time at) {
  ++counts_.arrived;
  tap_.see(packet, at);
  if (buffers_.empty()) {
    ++counts_.dropped_no_buffer;
    return;
  }
  const hv::MachineFrame frame = buffers_.front();
  buffers_.pop_front();
  const auto known = std::min<hv::u32>(packet.bytes, static_cast<hv::u32>(packet.header.size()));
  memory_.write_bytes(frame.address(), packet.header.data(), known);
  memory_.zero_bytes(frame.address() + known, packet.bytes - known);  // a payload without contents
  received_.waiting.push_back({.frame = frame, .bytes = packet.bytes});
  ++counts_.received;
  coalesce(received_, limits().receive);
}

sim::Packet Nic::packet_of(const hw::TransmitDescriptor& descriptor) const {
  sim::Packet packet;
  const auto room = static_cast<hv::u32>(packet.header.size());
  const hv::u32 from_header = std::min(descriptor.header_bytes, room);
  std::copy_n(descriptor.header, from_header, packet.header.begin());
  hv::u32 bytes = descriptor.header_bytes;
  if (descriptor.payload_frame != hv::MachineFrame::none()) {
    memory_.read_bytes(descriptor.payload_frame.address() + descriptor.payload_offset,
                       packet.header.data() + from_header, std::min(descriptor.payload_bytes, room - from_header));
    bytes += descriptor.payload_bytes;
  }
  packet.bytes = static_cast<std::uint16_t>(bytes);
  return packet;
}

// --- coalescing ------------------------------------------------------------------------------------------------------

template <class Completion>
bool Nic::Completions<Completion>::take(Completion& completion) {
  if (published == 0) return false;
  completion = waiting.front();
  waiting.pop_front();
  --published;
  return true;
}

template <class Completion>
void Nic::coalesce(Completions<Completion>& completions, const CoalescingLimits& limits) {
  if (completions.unpublished() == 0) return;
  if (limits.frames > 0 && completions.unpublished() >= limits.frames) {
    publish();
  } else if (limits.delay > sim::Duration{} && !queue_.pending(completions.timer)) {
    // Called by the driver this may be ahead of the queue's time.
    const sim::Time from = std::max(queue_.now(), driver_.local_time());
    completions.timer = queue_.schedule(from + limits.delay, *this, static_cast<std::uint64_t>(Event::publish));
  }
}

// One status block tells of both directions.
void Nic::publish() {
  received_.published = received_.waiting.size();
  transmitted_.published = transmitted_.waiting.size();
  queue_.cancel(received_.timer);
  queue_.cancel(transmitted_.timer);
  if (!interrupting_) interrupt();
}

void Nic::interrupt() {
  interrupting_ = true;
  ++counts_.interrupts;
  router_.assert_line(line_);
}

bool Nic::conserved() const {
  return counts_.transmit_accepted == counts_.transmit_sent + on_wire_.size() &&
         counts_.transmit_sent == counts_.transmit_collected + transmitted_.waiting.size() &&
         counts_.arrived == counts_.received + counts_.dropped_no_buffer &&
         counts_.received == counts_.receive_collected + received_.waiting.size() &&
         counts_.buffers_posted == counts_.received + buffers_.size();
}

}  // namespace model

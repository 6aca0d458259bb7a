#include "workloads/ports/hosted/host_network.h"

#include <algorithm>

namespace guest {

namespace {

constexpr u32 kIpTypeOffset = 12, kIpType = 0x0800;
constexpr u32 kDestinationOffset = kEthernetHeader + 16;

}  // namespace

HostNetwork::HostNetwork(model::Machine& machine, const KernelFile& kernel, u32 queue_frames)
    : machine_{machine}, host_{machine, kernel}, queue_frames_{queue_frames}, rings_{machine, *machine.network()} {}

void HostNetwork::start(const std::function<hv::MachineFrame()>& take_frame) {
  rings_.start(take_frame);
  machine_.router().route(rings_.interrupt_line(), 0);
  machine_.router().unmask(rings_.interrupt_line());
}

void HostNetwork::copy(sim::Cycles per_kilobyte, u32 bytes) {
  machine_.running().charge(model::MachineFile::cycles_for(per_kilobyte, bytes), model::Cause::bytes);
}

// As on bare hardware (native/nic_driver.cpp), but that every packet goes over the bridge.
void HostNetwork::interrupt() {
  const InHost in_host{machine_.running()};
  const KernelFile::Paths& paths = host_.paths();
  host_.spend(paths.interrupt_dispatch);
  host_.spend(paths.driver_interrupt);
  u32 taken;
  do {
    host_.spend(paths.soft_interrupt);
    rings_.take_transmitted();
    taken = 0;
    for (sim::Packet frame; taken < CardRings::kPollWeight && rings_.receive(frame); ++taken) {
      host_.spend(paths.driver_receive);
      host_.spend(paths.driver_refill);
      host_.spend(paths.bridge);
      deliver(frame);
    }
  } while (taken == CardRings::kPollWeight);
  rings_.interrupt_done();
}

// --- guests ----------------------------------------------------------------------------------------------------------

u32 HostNetwork::add_guest(IpAddress address) {
  guests_.push_back({.address = address, .queue = {}, .counts = {}});
  return static_cast<u32>(guests_.size() - 1);
}

HostNetwork::Guest* HostNetwork::guest_of(const sim::Packet& frame) {
  if (guests_.size() == 1) return &guests_.front();
  const std::span header{frame.header};
  if (FieldReader{header.subspan(kIpTypeOffset)}.take16() != kIpType) return nullptr;
  const IpAddress destination = FieldReader{header.subspan(kDestinationOffset)}.take32();
  const auto guest = std::ranges::find(guests_, destination, &Guest::address);
  return guest == guests_.end() ? nullptr : &*guest;
}

void HostNetwork::deliver(const sim::Packet& frame) {
  ++taken_;
  Guest* guest = guest_of(frame);
  if (guest == nullptr) {
    ++for_nobody_;
    return;
  }
  ++guest->counts.received;
  if (guest->queue.size() >= queue_frames_) {
    ++guest->counts.queue_dropped;
  } else {
    guest->queue.push_back(frame);
  }
}

bool HostNetwork::conserved() const {
  u64 received = for_nobody_;
  for (const Guest& guest : guests_) {
    const Counts& counts = guest.counts;
    if (counts.received != counts.read + counts.queue_dropped + guest.queue.size()) return false;
    received += counts.received;
  }
  return received == taken_;
}

std::optional<sim::Packet> HostNetwork::read(u32 number) {
  Guest& guest = guests_[number];
  const InHost in_host{machine_.running()};
  host_.spend(host_.call());
  if (guest.queue.empty()) return std::nullopt;
  const sim::Packet frame = guest.queue.front();
  guest.queue.pop_front();
  ++guest.counts.read;
  copy(machine_.file().memory.copy_uncached, frame.bytes);  // the card left it in memory
  return frame;
}

// The process has just made the frame, which is in the cache.
void HostNetwork::write(u32 guest, const sim::Packet& frame) {
  const InHost in_host{machine_.running()};
  const KernelFile::Paths& paths = host_.paths();
  host_.spend(host_.call());
  host_.spend(paths.driver_refill);  // a buffer to copy it to
  copy(machine_.file().memory.copy_cached, frame.bytes);
  const auto& machine = machine_.file();  // the buffer, which the card has read since it was last used
  const u32 lines = (frame.bytes + machine.cache.line_bytes - 1) / machine.cache.line_bytes;
  machine_.running().charge(machine_.clock().cycles_in(machine.memory.line_stream * lines), model::Cause::cache);
  host_.spend(paths.soft_interrupt);
  host_.spend(paths.bridge);
  host_.spend(paths.driver_transmit);
  ++guests_[guest].counts.written;
  if (!rings_.transmit(frame)) ++guests_[guest].counts.transmit_dropped;
}

}  // namespace guest

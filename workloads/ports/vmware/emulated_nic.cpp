#include "workloads/ports/vmware/emulated_nic.h"

#include <algorithm>

namespace guest {

namespace {

constexpr u32 word_of(std::size_t offset) { return static_cast<u32>(offset / sizeof(u32)); }

}  // namespace

EmulatedNic::EmulatedNic(Monitor& monitor, WorkstationHost& host, model::Machine& machine, const WorkstationFile& file,
                         IpAddress address)
    : monitor_{monitor}, machine_{machine}, file_{file}, host_{host}, number_{host.network().add_guest(address)} {}

void EmulatedNic::start(GuestFrame rings) {
  rings_ = rings;
  started_ = true;
  host_.start_network();
}

// --- registers -------------------------------------------------------------------------------------------------------

void EmulatedNic::access_address() {
  ++counts_.address_accesses;
  monitor_.spend(file_.card_address);
}

void EmulatedNic::access_data() {
  ++counts_.data_accesses;
  monitor_.spend(file_.card_data);
}

model::Task<u32> EmulatedNic::read_status() {
  access_data();
  if (file_.status_switches > 0) co_await monitor_.call_process();
  co_return status_;
}

model::Task<> EmulatedNic::write_status(u32 value) {
  access_data();
  status_ &= ~(value & kPcnetCauses);
  status_ = (status_ & ~kPcnetInterruptsOn) | (value & kPcnetInterruptsOn);
  set(0);
  bool switch_now = file_.status_switches > 0;
  if ((value & kPcnetDemandTransmit) != 0) {
    ++waiting_;
    const bool combine = monitor_.switches_in_last_tick() >= file_.combining_rate && waiting_ < file_.combined_sends;
    if (combine) ++counts_.combined;
    switch_now = !combine;
  }
  if (switch_now) co_await monitor_.call_process();
}

// --- the process -----------------------------------------------------------------------------------------------------

bool EmulatedNic::process_has_work() const {
  return started_ && (frame_to_send() || (host_.network().readable(number_) && buffer_free()));
}

void EmulatedNic::process() {
  if (!started_) return;
  waiting_ = 0;
  while (frame_to_send()) send_frame();
  while (host_.network().readable(number_) && buffer_free()) receive_frame();
}

// One call of the process costs what it was measured at: the host's own paths are a part of that, whatever their
// length.
template <class F>
void EmulatedNic::through_vmnet(F call) {
  const sim::Cycles before = machine_.running().cycles();
  call();
  const sim::Cycles spent = machine_.running().cycles() - before;
  if (spent < file_.vmnet_frame) host_.paths().spend(file_.vmnet_frame - spent);
}

void EmulatedNic::send_frame() {
  host_.paths().spend(file_.card_frame);
  const u32 offset = transmit_offset(sent_++);
  const PcnetDescriptor descriptor = load(offset);
  sim::Packet frame;
  frame.bytes = static_cast<std::uint16_t>(descriptor.length);
  const auto kept = std::min<u32>(frame.bytes, static_cast<u32>(frame.header.size()));
  machine_.physical_memory().read_bytes(monitor_.memory().machine_address(descriptor.buffer), frame.header.data(),
                                        kept);
  through_vmnet([&] { host_.network().write(number_, frame); });
  store_status(offset, descriptor.status & ~kPcnetOwned);
  ++counts_.sent;
  set(kPcnetTransmitted);
}

void EmulatedNic::receive_frame() {
  host_.paths().spend(file_.card_frame);
  sim::Packet frame;
  through_vmnet([&] { frame = *host_.network().read(number_); });
  const u32 offset = receive_offset(received_++);
  const PcnetDescriptor descriptor = load(offset);
  const auto kept = std::min<u32>(frame.bytes, static_cast<u32>(frame.header.size()));
  machine_.physical_memory().write_bytes(monitor_.memory().machine_address(descriptor.buffer), frame.header.data(),
                                         kept);
  monitor_.memory().store(rings_, word_of(offset + offsetof(PcnetDescriptor, length)), frame.bytes);
  store_status(offset, descriptor.status & ~kPcnetOwned);
  ++counts_.received;
  set(kPcnetReceived);
}

void EmulatedNic::set(u32 causes) {
  status_ |= causes;
  raised_ = (status_ & kPcnetCauses) != 0 && (status_ & kPcnetInterruptsOn) != 0;
}

bool EmulatedNic::conserved(u64 driver_sent, u64 driver_received) const {
  if (!started_) return true;
  u64 to_send = 0, to_take = kPcnetReceiveRing;
  const auto owned = [&](u32 offset) { return (load(offset).status & kPcnetOwned) != 0 ? 1u : 0u; };
  for (u32 i = 0; i < kPcnetTransmitRing; ++i) to_send += owned(transmit_offset(i));
  for (u32 i = 0; i < kPcnetReceiveRing; ++i) to_take -= owned(receive_offset(i));
  return driver_sent == counts_.sent + to_send && counts_.sent == host_counts().written &&
         counts_.received == driver_received + to_take && counts_.received == host_counts().read;
}

void EmulatedNic::taken() { ++counts_.interrupts; }

PcnetDescriptor EmulatedNic::load(u32 offset) const {
  const auto word = [&](u32 index) { return monitor_.memory().load(rings_, word_of(offset) + index); };
  return {word(0), word(1), word(2), word(3)};
}

void EmulatedNic::store_status(u32 offset, u32 status) {
  monitor_.memory().store(rings_, word_of(offset + offsetof(PcnetDescriptor, status)), status);
}

}  // namespace guest

#include "workloads/ports/vmware/pcnet_driver.h"

#include <algorithm>

#include "workloads/kernel/kernel.h"

namespace guest {

namespace {

constexpr u32 kMostRounds = 20;  // of one interrupt [max_interrupt_work]

constexpr u32 kCopiedBytes = 200;  // frames up to this are copied into a buffer of their size [rx_copybreak]

constexpr u32 bus_address(GuestFrame frame) { return frame.number() << hv::kPageShift; }

}  // namespace

model::Task<> PcnetDriver::start() {
  rings_ = kernel_.take_page();
  for (u32 i = 0; i < kPcnetTransmitRing; ++i) {
    transmit_buffers_.push_back(kernel_.take_page());
    put(EmulatedNic::transmit_offset(i), {});
  }
  for (u32 i = 0; i < kPcnetReceiveRing; ++i) {
    receive_buffers_.push_back(kernel_.take_page());
    put(EmulatedNic::receive_offset(i), {bus_address(receive_buffers_[i]), kPcnetOwned, 0, 0});
  }
  card_.start(rings_);
  co_await write_status(kPcnetInterruptsOn);
}

// --- the card's registers and rings ----------------------------------------------------------------------------------

model::Task<u32> PcnetDriver::read_status() {
  card_.access_address();
  return card_.read_status();
}

model::Task<> PcnetDriver::write_status(u32 value) {
  card_.access_address();
  return card_.write_status(value);
}

PcnetDescriptor PcnetDriver::get(u32 offset) { return memory_.get<PcnetDescriptor>(rings_.kernel_address() + offset); }

void PcnetDriver::put(u32 offset, const PcnetDescriptor& descriptor) {
  memory_.put(rings_.kernel_address() + offset, descriptor);
}

// --- transmit --------------------------------------------------------------------------------------------------------

model::Task<bool> PcnetDriver::transmit(const sim::Packet& packet) {
  if (transmit_next_ - transmit_done_ == kPcnetTransmitRing) co_return false;
  kernel_.charge(kernel_.paths().driver_transmit);
  const u32 entry = transmit_next_++;
  const GuestFrame page = transmit_buffers_[entry % kPcnetTransmitRing];
  // What lies behind the headers has no contents.
  const u32 kept = std::min<u32>(packet.bytes, static_cast<u32>(packet.header.size()));
  memory_.write(page.kernel_address(), packet.header.data(), kept);
  put(EmulatedNic::transmit_offset(entry), {bus_address(page), kPcnetOwned, packet.bytes, 0});
  ++transmitted_;
  co_await write_status(kPcnetDemandTransmit | kPcnetInterruptsOn);
  co_return true;
}

void PcnetDriver::take_transmitted() {
  u32 done = 0;
  for (; transmit_done_ != transmit_next_; ++transmit_done_, ++done) {
    if ((get(EmulatedNic::transmit_offset(transmit_done_)).status & kPcnetOwned) != 0) break;
  }
  if (done > 0) kernel_.transmit_queue().completed(done);
}

// --- receive ---------------------------------------------------------------------------------------------------------

// The address register is put back as it was, as another processor's access may have been interrupted.
model::Task<> PcnetDriver::interrupt() {
  kernel_.charge(kernel_.paths().driver_interrupt);
  card_.access_address();
  for (u32 round = 0; round < kMostRounds; ++round) {
    const u32 status = co_await read_status();
    if ((status & kPcnetCauses) == 0) break;
    co_await write_status(status & kPcnetCauses);  // and no further interrupts meanwhile
    if ((status & kPcnetReceived) != 0) take_received();
    if ((status & kPcnetTransmitted) != 0) take_transmitted();
  }
  co_await write_status(kPcnetInterruptsOn);
  card_.access_address();
}

void PcnetDriver::take_received() {
  const KernelFile::Paths& paths = kernel_.paths();
  while (true) {
    const u32 offset = EmulatedNic::receive_offset(receive_next_);
    PcnetDescriptor descriptor = get(offset);
    if ((descriptor.status & kPcnetOwned) != 0) break;
    kernel_.charge(paths.driver_receive);
    sim::Packet packet;
    packet.bytes = static_cast<std::uint16_t>(descriptor.length);
    const u32 kept = std::min<u32>(packet.bytes, static_cast<u32>(packet.header.size()));
    memory_.read(receive_buffers_[receive_next_ % kPcnetReceiveRing].kernel_address(), packet.header.data(), kept);
    kernel_.charge(paths.driver_refill);
    if (packet.bytes <= kCopiedBytes) {
      const auto& memory = kernel_.machine().file().memory;
      kernel_.cpu().charge(model::MachineFile::cycles_for(memory.copy_cached, packet.bytes), model::Cause::bytes);
    }
    descriptor.status |= kPcnetOwned;
    put(offset, descriptor);
    ++receive_next_;
    ++received_;
    kernel_.queue_packet(packet);
  }
}

}  // namespace guest

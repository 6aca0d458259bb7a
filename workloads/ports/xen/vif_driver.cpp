#include "workloads/ports/xen/vif_driver.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "interface/hypercalls.h"
#include "model/execution.h"
#include "workloads/ports/xen/xen_port.h"

namespace guest {

namespace {

using Indexes = hv::SharedNetworkIndexes;

// Buffers refilled before the hypervisor is told: a quarter of the ring.
constexpr u32 kRefillsPerNotify = hv::kNetRingSize / 4;

// Answer of get_ring.
struct RingAnswer {
  u32 frame, mac_high, mac_low;
};

}  // namespace

VifDriver::VifDriver(XenPort& port, EventPage& events)
    : port_{port}, kernel_{port.kernel()}, events_{events}, memory_{kernel_} {}

u32 VifDriver::slot_address(u32 first_word, u32 index) const {
  return ring_ + (first_word + index % hv::kNetRingSize * 2) * static_cast<u32>(sizeof(u32));
}

model::Task<> VifDriver::start() {
  const u32 answer_address = port_.layout().arguments() + kArgumentNetwork;
  const s32 result = co_await model::hypercall(kernel_.machine(), hv::Hypercall::net_io_op, hv::NetIoOp::get_ring, kVif,
                                               answer_address);
  if (result < 0) kernel_.panic(fmt::format("no network interface: error {}", -result));
  const auto answer = memory_.get<RingAnswer>(answer_address);
  mac_ = u64{answer.mac_high} << 32 | answer.mac_low;

  ring_ = port_.start_info().spare_address + kSpareVifRing * hv::kPageSize;
  co_await port_.updates().update_entry(port_.entry_machine_address(ring_),
                                        hv::MachineFrame{answer.frame}.address() | kKernelPage);
  co_await port_.updates().flush();

  for (u16 id = 0; id < hv::kNetRingSize; ++id) {
    receive_pages_.push_back(kernel_.take_page());
    free_receives_.push_back(id);
    transmit_pages_.push_back(kernel_.take_page());
    free_transmits_.push_back(id);
  }
  lent_.resize(hv::kNetRingSize);
  std::reverse(free_transmits_.begin(), free_transmits_.end());  // id 0 first
  open_ = true;
  co_await interrupt();
}

// --- transmit --------------------------------------------------------------------------------------------------------

model::Task<bool> VifDriver::transmit(const sim::Packet& packet) {
  if (free_transmits_.empty()) co_return false;
  kernel_.charge(kernel_.paths().driver_transmit);
  const u16 id = free_transmits_.back();
  free_transmits_.pop_back();
  const GuestFrame page = transmit_pages_[id];
  // What lies behind the headers has no contents.
  const u32 kept = std::min<u32>(packet.bytes, static_cast<u32>(packet.header.size()));
  memory_.write(page.kernel_address(), packet.header.data(), kept);
  memory_.put(slot_address(hv::kNetTransmitWord, transmit_producer_),
              hv::NetTransmitRequest{id, packet.bytes, port_.machine_frame(page).address()});
  const u32 slot = transmit_producer_++;
  events_.store_index(kVif, offsetof(Indexes, tx_request_producer), transmit_producer_);
  ++transmitted_;

  reap_transmits();
  const u32 outstanding = transmit_producer_ - transmit_reaped_;
  events_.store_index(kVif, offsetof(Indexes, tx_event), transmit_reaped_ + outstanding / 2 + 1);
  // Only when everything before this packet was already done may the transmitter be idle.
  if (events_.load_index(kVif, offsetof(Indexes, tx_response_producer)) == slot) co_await push();
  co_return true;
}

void VifDriver::reap_transmits() {
  const u32 done = events_.load_index(kVif, offsetof(Indexes, tx_response_producer));
  if (done == transmit_reaped_) return;
  const u32 packets = done - transmit_reaped_;
  for (; transmit_reaped_ != done; ++transmit_reaped_) {
    const auto response = memory_.get<hv::NetTransmitResponse>(slot_address(hv::kNetTransmitWord, transmit_reaped_));
    if (response.status != static_cast<u8>(hv::NetStatus::ok)) ++bad_responses_;
    free_transmits_.push_back(response.id);
  }
  kernel_.transmit_queue().completed(packets);
}

// --- receive ---------------------------------------------------------------------------------------------------------

model::Task<> VifDriver::interrupt() {
  const KernelFile::Paths& paths = kernel_.paths();
  kernel_.charge(paths.driver_interrupt);
  reap_transmits();
  u32 done;
  do {
    done = events_.load_index(kVif, offsetof(Indexes, rx_response_producer));
    for (; receive_taken_ != done; ++receive_taken_) {
      take_packet(memory_.get<hv::NetReceiveResponse>(slot_address(hv::kNetReceiveWord, receive_taken_)));
    }
    if (!free_receives_.empty()) {
      if (!port_.updates().empty()) co_await port_.updates().flush();  // a buffer's mapping may be among them
      while (!free_receives_.empty()) post_buffer(receive_producer_++);
      events_.store_index(kVif, offsetof(Indexes, rx_request_producer), receive_producer_);
    }
    events_.store_index(kVif, offsetof(Indexes, rx_event), receive_taken_ + 1);  // with the next packet
    // A packet may have come between the look and the threshold.
  } while (events_.load_index(kVif, offsetof(Indexes, rx_response_producer)) != done);
  if (receive_producer_ - receive_announced_ > kRefillsPerNotify) {
    receive_announced_ = receive_producer_;
    co_await push();
  }
  co_await kernel_.run_soft_interrupts();
}

std::vector<GuestFrame> VifDriver::lent_pages() const {
  std::vector<GuestFrame> pages;
  for (std::size_t id = 0; id < lent_.size(); ++id) {
    if (lent_[id]) pages.push_back(receive_pages_[id]);
  }
  return pages;
}

void VifDriver::take_packet(const hv::NetReceiveResponse& response) {
  if (response.id >= lent_.size() || !lent_[response.id]) kernel_.panic("a packet in a buffer that was never posted");
  lent_[response.id] = false;
  free_receives_.push_back(response.id);
  const GuestFrame page = receive_pages_[response.id];
  if (response.status != static_cast<u8>(hv::NetStatus::ok)) {
    ++bad_responses_;
    return;
  }
  kernel_.charge(kernel_.paths().driver_receive);
  // Another frame is behind the page now; the page-table entry tells which.
  const u32 entry = memory_.load(port_.entry_virtual_address(page.kernel_address()));
  port_.set_machine_frame(page, hv::MachineFrame::of_address(entry));

  sim::Packet packet;
  packet.bytes = response.bytes;
  const u32 kept = std::min<u32>(response.bytes, static_cast<u32>(packet.header.size()));
  memory_.read(page.kernel_address() + response.offset, packet.header.data(), kept);
  ++received_;
  kernel_.queue_packet(packet);
}

void VifDriver::post_buffer(u32 slot) {
  kernel_.charge(kernel_.paths().driver_refill);
  const u16 id = free_receives_.back();
  free_receives_.pop_back();
  lent_[id] = true;
  memory_.put(slot_address(hv::kNetReceiveWord, slot),
              hv::NetReceiveRequest{id, 0, port_.entry_machine_address(receive_pages_[id].kernel_address())});
}

model::Task<> VifDriver::push() {
  const s32 result = co_await model::hypercall(kernel_.machine(), hv::Hypercall::net_io_op, hv::NetIoOp::push, kVif);
  if (result < 0) kernel_.panic(fmt::format("the network interface is gone: error {}", -result));
}

}  // namespace guest

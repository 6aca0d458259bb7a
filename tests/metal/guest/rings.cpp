#include "metal/guest/rings.h"

namespace guest {

namespace {

constexpr u32 kBlockPlace = 16, kNetworkPlace = 17;  // spare entries where the rings are mapped

u32 spare_address(u32 place) { return start_info->spare_address + place * kPageSize; }

bool map_ring(u32 place, u32 frame) {
  return hypercall(Hypercall::update_va_mapping, spare_address(place) >> kPageShift, frame << kPageShift | kP | kW,
                   kVaInvalidate) == 0;
}

}  // namespace

// --- block -----------------------------------------------------------------------------------------------------------

bool BlockRing::open() {
  if (hypercall(Hypercall::block_io_op, static_cast<u32>(BlockIoOp::get_ring), address_of(&frame_)) != 0) return false;
  if (bind_virq(Virq::block) == 0 || !map_ring(kBlockPlace, frame_)) return false;
  slots_ = at<BlockRingRequest>(spare_address(kBlockPlace));
  return true;
}

void BlockRing::put(const BlockRingRequest& request) {
  const u32 producer = indexes().request_producer;
  slots_[producer % kBlockRingSize] = request;
  indexes().request_producer = producer + 1;
}

BlockRingResponse BlockRing::take() {
  indexes().event = taken_ + 1;
  sleep_until([&] { return indexes().response_producer != taken_; });
  BlockRingResponse response;
  __builtin_memcpy(&response, &slots_[taken_++ % kBlockRingSize], sizeof response);
  return response;
}

BlockStatus BlockRing::perform(const BlockRingRequest& request) {
  put(request);
  signal();
  return static_cast<BlockStatus>(take().status);
}

BlockStatus BlockRing::perform(BlockRequestOp operation, u32 vbd, u64 sector, u32 page, u32 sectors) {
  return perform(block_request(operation, vbd, sector, frame_of_page(page) << kPageShift | sectors));
}

BlockRingRequest block_request(BlockRequestOp operation, u32 vbd, u64 sector, u32 segment) {
  BlockRingRequest request{};
  request.operation = static_cast<u8>(operation);
  request.segments = 1;
  request.vbd = static_cast<u16>(vbd);
  request.sector_low = low_word(sector);
  request.sector_high = high_word(sector);
  request.segment[0] = segment;
  return request;
}

// --- network ---------------------------------------------------------------------------------------------------------

bool NetworkRing::open() {
  u32 answer[3] = {};
  if (hypercall(Hypercall::net_io_op, static_cast<u32>(NetIoOp::get_ring), 0, address_of(answer)) != 0) return false;
  frame_ = answer[0];
  if (bind_virq(Virq::network) == 0 || !map_ring(kNetworkPlace, frame_)) return false;
  words_ = at<u32>(spare_address(kNetworkPlace));
  mac_ = join_words(answer[2], answer[1]);
  return true;
}

void NetworkRing::put(u32 machine_address, u32 bytes) {
  const u32 producer = indexes().tx_request_producer;
  u32* slot = words_ + kNetTransmitWord + producer % kNetRingSize * 2;
  slot[0] = (producer & 0xffff) | bytes << 16;
  slot[1] = machine_address;
  indexes().tx_request_producer = producer + 1;
}

void NetworkRing::push() { (void)hypercall(Hypercall::net_io_op, static_cast<u32>(NetIoOp::push), 0); }

NetStatus NetworkRing::sent() {
  indexes().tx_event = answers_taken_ + 1;
  sleep_until([&] { return indexes().tx_response_producer != answers_taken_; });
  return static_cast<NetStatus>(words_[kNetTransmitWord + answers_taken_++ % kNetRingSize * 2] >> 16 & 0xff);
}

NetStatus NetworkRing::send(u32 machine_address, u32 bytes) {
  put(machine_address, bytes);
  push();
  return sent();
}

void NetworkRing::lend(u16 id, u32 entry_address) {
  const u32 producer = indexes().rx_request_producer;
  u32* slot = words_ + kNetReceiveWord + producer % kNetRingSize * 2;
  slot[0] = id;
  slot[1] = entry_address;
  indexes().rx_request_producer = producer + 1;
}

NetworkRing::Received NetworkRing::received() {
  indexes().rx_event = receptions_taken_ + 1;
  sleep_until([&] { return indexes().rx_response_producer != receptions_taken_; });
  const u32* slot = words_ + kNetReceiveWord + receptions_taken_++ % kNetRingSize * 2;
  return {static_cast<u16>(slot[0]), static_cast<NetStatus>(slot[1] & 0xff), slot[0] >> 16};
}

void lend_page(NetworkRing& ring, u32 page) { ring.lend(static_cast<u16>(page), entry_of_page(page)); }

u32 received_page(const NetworkRing::Received& received) {
  const u32 page = received.id;
  const u32 entry = at<volatile u32>(page_address(start_info->table_first + page / 1024))[page % 1024];
  at<u32>(start_info->frame_list_address)[page] = entry >> kPageShift;
  return page;
}

}  // namespace guest

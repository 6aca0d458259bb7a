#include "workloads/ports/xen/vbd_driver.h"

#include <fmt/format.h>

#include <utility>

#include "hardware/block_device.h"
#include "interface/hypercalls.h"
#include "model/execution.h"
#include "workloads/ports/xen/xen_port.h"

namespace guest {

namespace {

using Indexes = hv::SharedBlockIndexes;

hv::BlockRequestOp operation_of(const BlockPiece& piece) {
  if (piece.direction == BlockDirection::read) return hv::BlockRequestOp::read;
  return piece.barrier ? hv::BlockRequestOp::write_barrier : hv::BlockRequestOp::write;
}

}  // namespace

VbdDriver::VbdDriver(XenPort& port, EventPage& events)
    : port_{port}, kernel_{port.kernel()}, events_{events}, memory_{kernel_} {
  for (u32 id = hv::kBlockRingSize; id-- > 0;) free_ids_.push_back(id);
}

u32 VbdDriver::slot_address(u32 index) const {
  return ring_ + index % hv::kBlockRingSize * static_cast<u32>(sizeof(hv::BlockRingRequest));
}

model::Task<> VbdDriver::start(std::span<const std::string> names) {
  const u32 answer = port_.layout().arguments() + kArgumentBlock;
  const s32 result =
      co_await model::hypercall(kernel_.machine(), hv::Hypercall::block_io_op, hv::BlockIoOp::get_ring, answer);
  if (result < 0) kernel_.panic(fmt::format("no block ring: error {}", -result));
  const hv::MachineFrame frame{memory_.load(answer)};
  ring_ = port_.start_info().spare_address + kSpareBlockRing * hv::kPageSize;
  co_await port_.updates().update_entry(port_.entry_machine_address(ring_), frame.address() | kKernelPage);
  co_await port_.updates().flush();
  for (std::size_t i = 0; i < names.size(); ++i) co_await probe(static_cast<u16>(i), names[i]);
  co_await interrupt();
}

model::Task<> VbdDriver::probe(u16 number, const std::string& name) {
  const u32 answer = port_.layout().arguments() + kArgumentBlock;
  const s32 result =
      co_await model::hypercall(kernel_.machine(), hv::Hypercall::block_io_op, hv::BlockIoOp::probe, number, answer);
  if (result < 0) kernel_.panic(fmt::format("no virtual block device {}: error {}", number, -result));
  const auto found = memory_.get<hv::VbdDescription>(answer);
  const u64 sectors = hv::join_words(found.sectors_low, found.sectors_high);
  vbds_.push_back(std::make_unique<Vbd>(*this, number, sectors, !without_barriers_.contains(number)));
  kernel_.add_disk(name, *vbds_.back(), 0, sectors, found.access == static_cast<u32>(hv::VbdAccess::read_write));
}

// --- the request function --------------------------------------------------------------------------------------------

// The entry that is being filled.
struct VbdDriver::Run {
  Vbd& vbd;
  RequestQueue& queue;
  Entry* entry = nullptr;  // null: none yet
  hv::BlockRingRequest request{};
};

model::Task<> VbdDriver::fill(Vbd& vbd, RequestQueue& queue) {
  Run run{vbd, queue};
  vbd.held_back = nullptr;
  while (const BlockRequest* head = queue.head()) {
    if (!has_room_for(*head)) {
      vbd.held_back = &queue;
      break;
    }
    BlockRequest& request = *queue.take_apart();
    for (Buffer* buffer : request.buffers) add(run, request, *buffer);
    queue.release(request);
  }
  if (run.entry == nullptr) co_return;
  close(run);
  events_.store_block(offsetof(Indexes, request_producer), producer_);
  ++notifications_;
  const s32 result = co_await model::hypercall(kernel_.machine(), hv::Hypercall::block_io_op, hv::BlockIoOp::signal);
  if (result < 0) kernel_.panic(fmt::format("the block ring is gone: error {}", -result));
}

// In entries of its own, if it continues none.
bool VbdDriver::has_room_for(const BlockRequest& request) const {
  const auto buffers = static_cast<u32>(request.buffers.size());
  return (buffers + hv::kMaxSegments - 1) / hv::kMaxSegments <= free_ids_.size();  // less those of the present run
}

void VbdDriver::add(Run& run, const BlockRequest& request, Buffer& buffer) {
  const auto continues = [&](const Entry& entry) {
    const BlockPiece& piece = entry.piece;
    return !piece.barrier && !request.barrier && piece.direction == request.direction &&
           piece.sector + piece.sectors == buffer.sector && entry.count < hv::kMaxSegments;
  };
  if (run.entry == nullptr || !continues(*run.entry)) {
    if (run.entry != nullptr) close(run);
    open(run, {request.direction, request.barrier, buffer.sector, 0});
  }
  kernel_.charge(kernel_.paths().vbd_buffer);
  Entry& entry = *run.entry;
  entry.piece.sectors += buffer.sectors;
  const u32 address = port_.machine_frame(buffer.frame).address() + buffer.first_sector * hw::kSectorBytes;
  run.request.segment[entry.count] = address | buffer.sectors;
  entry.buffers[entry.count++] = &buffer;
}

void VbdDriver::open(Run& run, const BlockPiece& piece) {
  kernel_.charge(kernel_.paths().vbd_request);
  const u32 id = free_ids_.back();
  free_ids_.pop_back();
  run.entry = &entries_[id];
  run.entry->queue = &run.queue;
  run.entry->piece = piece;
  run.entry->count = 0;
  run.request = {};
  run.request.id = id;
  run.request.operation = static_cast<u8>(operation_of(piece));
  run.request.vbd = run.vbd.number();
  run.request.sector_low = hv::low_word(piece.sector);
  run.request.sector_high = hv::high_word(piece.sector);
}

void VbdDriver::close(Run& run) {
  run.request.segments = static_cast<u8>(run.entry->count);
  memory_.put(slot_address(producer_++), run.request);
  ++entries_used_;
  run.queue.issue(run.entry->piece);
}

// --- the event -------------------------------------------------------------------------------------------------------

model::Task<> VbdDriver::interrupt() {
  kernel_.charge(kernel_.paths().vbd_interrupt);
  u32 done;
  do {
    done = events_.load_block(offsetof(Indexes, response_producer));
    for (; taken_ != done; ++taken_) take(memory_.get<hv::BlockRingResponse>(slot_address(taken_)));
    events_.store_block(offsetof(Indexes, event), taken_ + 1);  // with the next response
    // One may have come between the look and the threshold.
  } while (events_.load_block(offsetof(Indexes, response_producer)) != done);
  if (in_use() >= hv::kBlockRingSize / 2) co_return;
  for (const auto& vbd : vbds_) {
    if (vbd->held_back != nullptr) co_await fill(*vbd, *vbd->held_back);
  }
}

void VbdDriver::take(const hv::BlockRingResponse& response) {
  if (response.id >= entries_.size() || entries_[response.id].queue == nullptr) {
    kernel_.panic("a block response to nothing that was asked for");
  }
  kernel_.charge(kernel_.paths().vbd_response);
  Entry& entry = entries_[response.id];
  RequestQueue& queue = *std::exchange(entry.queue, nullptr);
  free_ids_.push_back(response.id);
  const auto status = static_cast<hv::BlockStatus>(response.status);
  if (status == hv::BlockStatus::bad_request) ++bad_responses_;
  queue.complete(entry.piece, std::span{entry.buffers}.first(entry.count), status != hv::BlockStatus::ok);
}

}  // namespace guest

// From the rings to requests whose frames are held.
#include "base/planted.h"
#include "domain.h"
#include "io/block.h"

namespace hv {
namespace {

constexpr u32 kSectorsPerFrame = kPageSize / hw::kSectorBytes;

}  // namespace

void BlockIo::queue(BlockInterface& interface) {
  if (interface.linked()) return;
  bool any = interface.ring.waiting(memory_) != 0;
  for (const Vbd& vbd : interface.vbds) {
    const WaitingWrite* first = vbd.waiting.front();
    any = any || (first != nullptr && vbd.may_start(static_cast<BlockRequestOp>(first->request.operation)));
  }
  if (any) queue_.push_back(interface);
}

void BlockIo::take_in(hw::Cpu& cpu) {
  while (started_ < kMaxStarted) {
    BlockInterface* interface = queue_.front();
    if (interface == nullptr) return;
    queue_.remove(*interface);
    for (u32 i = 0; i < kBatch && started_ < kMaxStarted && take_next(cpu, *interface);) ++i;
    queue(*interface);  // behind the others
  }
}

bool BlockIo::take_next(hw::Cpu& cpu, BlockInterface& interface) {
  for (Vbd& vbd : interface.vbds) {
    WaitingWrite* first = vbd.waiting.front();
    if (first == nullptr || !vbd.may_start(static_cast<BlockRequestOp>(first->request.operation))) continue;
    vbd.waiting.remove(*first);
    cpu.work(hw::Step::block_wait);
    start(cpu, interface, vbd, first->request);
    interface.free_places.push_back(*first);
    return true;
  }
  if (interface.ring.waiting(memory_) == 0) return false;

  cpu.work(hw::Step::block_request);
  const BlockRingRequest asked = interface.ring.take(memory_);
  ++interface.taken;
  const auto operation = static_cast<BlockRequestOp>(asked.operation);
  Vbd* vbd = interface.find(asked.vbd);
  if (vbd == nullptr || operation > BlockRequestOp::write_barrier ||
      (is_write(operation) && vbd->access == VbdAccess::read_only && !HV_PLANTED(read_only_written))) {
    answer(cpu, interface, asked, BlockStatus::bad_request);
  } else if (is_write(operation) && vbd->must_wait(operation)) {
    WaitingWrite& place = *interface.free_places.front();
    interface.free_places.remove(place);
    place.request = asked;
    vbd->waiting.push_back(place);
  } else {
    start(cpu, interface, *vbd, asked);
  }
  return true;
}

void BlockIo::start(hw::Cpu& cpu, BlockInterface& interface, Vbd& vbd, const BlockRingRequest& asked) {
  BlockRequest& request = *free_requests_.front();
  Extent parts[kMaxExtents];
  u32 sectors = 0;
  request.operation = static_cast<BlockRequestOp>(asked.operation);
  const bool sound = read_segments(asked, request, sectors);
  request.piece_count = sound ? vbd.translate({join_words(asked.sector_low, asked.sector_high), sectors}, parts) : 0;
  if (request.piece_count == 0 || !hold_frames(interface, request))
    return answer(cpu, interface, asked, BlockStatus::bad_request);

  free_requests_.remove(request);
  ++started_;
  request.in_use = true;
  request.interface = &interface;
  request.vbd = &vbd;
  request.id = asked.id;
  request.failed = false;
  request.pieces_left = request.piece_count;
  u32 first = 0;
  for (u32 i = 0; i < request.piece_count; ++i) {
    BlockPiece& piece = request.pieces[i];
    piece.request = &request;
    piece.alone = false;
    piece.first = first;
    piece.place = parts[i];
    first += static_cast<u32>(parts[i].sectors);
  }

  const bool barrier = request.operation == BlockRequestOp::write_barrier;
  ++vbd.requests;
  if (is_write(request.operation)) ++vbd.writes;
  if (barrier && !HV_PLANTED(barrier_passed)) vbd.barrier = true;
  cpu.work(hw::Step::block_segment, request.segment_count);
  if (barrier && vbd.unflushed && !HV_PLANTED(barrier_without_flush)) {
    request.flush = FlushState::queued;
    flushes_.push_back(request);
  } else {
    queue_pieces(cpu, request);
  }
}

// False: they are not what interface/block.h asks for.
bool BlockIo::read_segments(const BlockRingRequest& asked, BlockRequest& request, u32& sectors) const {
  if (asked.segments == 0 || asked.segments > kMaxSegments) return false;
  request.segment_count = asked.segments;
  for (u32 i = 0; i < asked.segments; ++i) {
    const u32 word = asked.segment[i];
    const u32 first = word % kPageSize / hw::kSectorBytes, count = word % hw::kSectorBytes;
    if (count == 0 || first + count > kSectorsPerFrame) return false;
    request.segments[i] = {MachineFrame::of_address(word), static_cast<u16>(first), static_cast<u16>(count)};
    sectors += count;
  }
  return true;
}

// What the disk will write must be and stay a page of data; what it reads must only stay. False: none is held.
bool BlockIo::hold_frames(BlockInterface& interface, BlockRequest& request) {
  for (u32 i = 0; i < request.segment_count; ++i) {
    const MachineFrame frame = request.segments[i].frame;
    const bool held = is_write(request.operation) || HV_PLANTED(read_into_any_type)
                          ? pages_.hold_payload(*interface.domain, frame)
                          : pages_.hold_target(*interface.domain, frame);
    if (!held) {
      release_frames(request, i);
      return false;
    }
    ++frames_held_;
  }
  return true;
}

void BlockIo::release_frames(const BlockRequest& request, u32 count) {
  frames_held_ -= count;
  for (u32 i = 0; i < count; ++i) {
    const MachineFrame frame = request.segments[i].frame;
    is_write(request.operation) || HV_PLANTED(read_into_any_type) ? pages_.release_payload(frame)
                                                                  : pages_.release_target(frame);
  }
}

void BlockIo::answer(hw::Cpu& cpu, BlockInterface& interface, const BlockRingRequest& asked, BlockStatus status) {
  cpu.work(hw::Step::block_answer);
  interface.ended.add(status);
  const BlockRingResponse response{asked.id, asked.operation, static_cast<u8>(status), 0, {}};
  if (interface.ring.respond(memory_, response)) events_.send_virq(*interface.domain->vcpus[0], Virq::block);
}

}  // namespace hv

#include "io/block.h"

#include "base/planted.h"
#include "domain.h"
#include "interface/shared_info.h"

namespace hv {
namespace {

RingPlace ring_place(const Domain& domain, MachineFrame ring) {
  return {ring,
          0,
          domain.shared_info,
          HV_SHARED_WORD(block.request_producer),
          HV_SHARED_WORD(block.response_producer),
          HV_SHARED_WORD(block.event)};
}

}  // namespace

u64 BlockIo::bytes_needed(bool disk, u32 max_domains) {
  return disk ? kMaxStarted * sizeof(BlockRequest) + u64{max_domains} * sizeof(BlockInterface) + 64 : 0;
}

BlockIo::BlockIo(hw::Machine& machine, Arena& arena, DomainTable& domains, MemoryManager& memory, EventChannels& events)
    : machine_{machine},
      memory_{machine.memory()},
      disk_{machine.block()},
      arena_{arena},
      domains_{domains},
      frames_{memory},
      pages_{memory},
      events_{events} {
  if (disk_ == nullptr) return;
  requests_ = arena.make<BlockRequest>(kMaxStarted);
  if (requests_ == nullptr) machine.stop("no room for block requests");
  for (u32 i = 0; i < kMaxStarted; ++i) free_requests_.push_back(requests_[i]);
}

// --- hypercall and control -------------------------------------------------------------------------------------------

HypercallResult BlockIo::block_io(Caller& caller, u32 op, u32 first, u32 second) {
  if (disk_ == nullptr) return Error::no_device;
  if (caller.domain.block == nullptr) return Error::invalid;
  BlockInterface& interface = *caller.domain.block;
  switch (static_cast<BlockIoOp>(op)) {
    case BlockIoOp::signal:
      caller.cpu.work(hw::Step::block_push);
      queue(interface);
      resume(caller.cpu);
      return HypercallResult::success();
    case BlockIoOp::get_ring: {
      const u32 frame = interface.ring_frame.number();
      if (!caller.cpu.copy_to_guest(first, &frame, sizeof frame)) return Error::bad_address;
      return HypercallResult::success();
    }
    case BlockIoOp::probe: {
      const Vbd* vbd = interface.find(first);
      if (vbd == nullptr) return Error::invalid;
      const u64 sectors = vbd->sectors();
      const VbdDescription description{low_word(sectors), high_word(sectors), static_cast<u32>(vbd->access)};
      if (!caller.cpu.copy_to_guest(second, &description, sizeof description)) return Error::bad_address;
      return HypercallResult::success();
    }
  }
  return Error::not_implemented;
}

HypercallResult BlockIo::create_vbd(Domain& domain, u32 id, u32 access) {
  if (disk_ == nullptr) return Error::no_device;
  if (id > 0xffff || access > static_cast<u32>(VbdAccess::read_write)) return Error::invalid;
  if (domain.block == nullptr) {
    const MachineFrame ring = frames_.share_frame(domain);
    if (ring == MachineFrame::none()) return Error::no_memory;
    BlockInterface* interface = unused_.front();
    if (interface != nullptr) {
      unused_.remove(*interface);
      new (interface) BlockInterface();
    } else if ((interface = arena_.make<BlockInterface>()) == nullptr) {
      return Error::no_memory;  // the ring page is the domain's, and goes with it
    }
    interface->domain = &domain;
    interface->ring_frame = ring;
    interface->ring.open(ring_place(domain, ring));
    domain.block = interface;
  }
  BlockInterface& interface = *domain.block;
  if (interface.find(id) != nullptr) return Error::busy;
  for (Vbd& vbd : interface.vbds) {
    if (vbd.in_use) continue;
    vbd.in_use = true;
    vbd.id = static_cast<u16>(id);
    vbd.access = static_cast<VbdAccess>(access);
    vbd.extent_count = 0;
    return HypercallResult::success();
  }
  return Error::no_space;
}

HypercallResult BlockIo::grow_vbd(Domain& domain, u32 id, const Extent& extent) {
  if (disk_ == nullptr) return Error::no_device;
  Vbd* vbd = domain.block == nullptr ? nullptr : domain.block->find(id);
  if (vbd == nullptr || extent.sectors == 0 || extent.sector >= disk_->sectors() ||
      extent.sectors > disk_->sectors() - extent.sector)
    return Error::invalid;
  if (vbd->extent_count == kMaxExtents) return Error::no_space;
  vbd->extents[vbd->extent_count++] = extent;
  return HypercallResult::success();
}

HypercallResult BlockIo::delete_vbd(Domain& domain, u32 id) {
  if (disk_ == nullptr) return Error::no_device;
  Vbd* vbd = domain.block == nullptr ? nullptr : domain.block->find(id);
  if (vbd == nullptr) return Error::invalid;
  if (vbd->requests != 0 || !vbd->waiting.empty()) return Error::busy;
  vbd->in_use = false;
  return HypercallResult::success();
}

void BlockIo::destroy_vbds(hw::Cpu& cpu, Domain& domain) {
  if (domain.block == nullptr) return;
  BlockInterface& interface = *domain.block;
  domain.block = nullptr;
  if (interface.linked()) queue_.remove(interface);
  for (Vbd& vbd : interface.vbds) vbd.waiting.for_each([&](WaitingWrite&) { ++interface.ended.dropped; });
  for (u32 i = 0; i < kMaxStarted; ++i)
    if (requests_[i].interface == &interface) abandon(requests_[i]);
  past_taken_ += interface.taken;
  past_ended_.add(interface.ended);
  unused_.push_back(interface);
  unblock(cpu);
  resume(cpu);
}

// --- from pieces to answers ------------------------------------------------------------------------------------------

void BlockIo::resume(hw::Cpu& cpu) {
  if (started_ < kResumeBelow) take_in(cpu);
  give_commands(cpu);
}

void BlockIo::queue_pieces(hw::Cpu& cpu, BlockRequest& request) {
  for (u32 i = 0; i < request.piece_count; ++i) {
    BlockPiece& piece = request.pieces[i];
    cpu.work(hw::Step::block_piece);
    if (is_write(request.operation)) writes_.push_back(piece);
    if (is_write(request.operation) && blocked(cpu, piece)) {
      piece.state = BlockPiece::State::blocked;
      blocked_.push_back(piece);
    } else {
      queue_piece(cpu, piece);
    }
  }
}

void BlockIo::queue_piece(hw::Cpu& cpu, BlockPiece& piece) {
  const u32 scanned = elevator_.insert(piece);
  if (scanned != 0) cpu.work(hw::Step::block_scan, scanned);
}

// Whether a write that started earlier has one of its sectors.
bool BlockIo::blocked(hw::Cpu& cpu, const BlockPiece& piece) const {
  u32 scanned = 0;
  const BlockPiece* earlier = writes_.front();
  for (; earlier != &piece && !earlier->overlaps(piece); earlier = writes_.next(*earlier)) ++scanned;
  if (scanned != 0) cpu.work(hw::Step::block_overlap, scanned);
  return earlier != &piece && !HV_PLANTED(overlap_unordered);
}

void BlockIo::unblock(hw::Cpu& cpu) {
  blocked_.for_each([&](BlockPiece& piece) {
    if (blocked(cpu, piece)) return;
    blocked_.remove(piece);
    queue_piece(cpu, piece);
  });
}

void BlockIo::give_commands(hw::Cpu& cpu) {
  if (disk_ == nullptr) return;
  while (commands_ < disk_->queue_depth()) {
    if (BlockRequest* request = flushes_.front(); request != nullptr) {
      cpu.work(hw::Step::block_command);
      give_flush(*request);
    } else if (BlockPiece* piece = elevator_.take_next(); piece != nullptr) {
      cpu.work(hw::Step::block_command);
      give_pieces(cpu, *piece);
    } else {
      return;
    }
    ++commands_;
  }
}

void BlockIo::give_flush(BlockRequest& request) {
  flushes_.remove(request);
  request.flush = FlushState::with_disk;
  hw::BlockCommand command;
  command.id = kFlushCommand + static_cast<u32>(&request - requests_);
  command.operation = hw::BlockOperation::flush;
  if (!disk_->submit(command)) machine_.stop("the disk refused a command that it has room for");
}

u32 BlockIo::id_of(const BlockPiece& piece) const {
  const BlockRequest& request = *piece.request;
  return static_cast<u32>(&request - requests_) * kMaxExtents + static_cast<u32>(&piece - request.pieces);
}

// All that were given before the oldest command are done, so whatever else is done has passed it.
bool BlockIo::fence_due() const {
  const BlockPiece* oldest = with_disk_.front();
  return oldest != nullptr && oldest->given >= fenced_ && done_ - oldest->given >= kMostPassed;
}

// A command of `first` and of those that continue it: the same domain's, so that nobody pays for a neighbour's error.
void BlockIo::give_pieces(hw::Cpu& cpu, BlockPiece& first) {
  const BlockRequest& request = *first.request;
  const bool barrier = request.operation == BlockRequestOp::write_barrier;
  hw::BlockCommand command;
  command.id = id_of(first);
  command.operation = is_write(request.operation) ? hw::BlockOperation::write : hw::BlockOperation::read;
  command.force_unit_access = barrier && disk_->caches_writes();
  if (fence_due()) {
    command.tag = hw::BlockTag::ordered;
    fenced_ = given_;
  }
  first.given = given_++;
  with_disk_.push_back(first);
  command.sector = first.place.sector;
  command.segments = segments_;

  const auto continues = [&](const BlockPiece& piece) {
    const BlockRequest& other = *piece.request;
    return other.interface == request.interface && other.operation == request.operation && !barrier && !first.alone &&
           !piece.alone && command.segment_count + other.segment_count <= hw::kMaxBlockSegments;
  };
  BlockPiece* last = nullptr;
  for (BlockPiece* piece = &first; piece != nullptr; piece = elevator_.take_adjacent(*last, continues)) {
    if (last != nullptr) {
      last->follower = piece;
      cpu.work(hw::Step::block_scan);
    }
    piece->state = BlockPiece::State::with_disk;
    piece->follower = nullptr;
    piece->request->for_each_segment(
        *piece, [&](const hw::BlockSegment& segment) { segments_[command.segment_count++] = segment; });
    command.sectors += static_cast<u32>(piece->place.sectors);
    last = piece;
  }
  if (!disk_->submit(command)) machine_.stop("the disk refused a command that it has room for");
}

void BlockIo::device_interrupt(hw::Cpu& cpu) {
  cpu.work(hw::Step::disk_poll);
  hw::BlockCompletion completion;
  while (disk_->next_completed(completion)) complete(cpu, completion);
  disk_->interrupt_done();
  unblock(cpu);
  resume(cpu);
}

void BlockIo::complete(hw::Cpu& cpu, const hw::BlockCompletion& completion) {
  const bool flush = completion.id >= kFlushCommand;
  const u32 number = flush ? completion.id - kFlushCommand : completion.id / kMaxExtents;
  if (number >= kMaxStarted) machine_.stop("the disk completed a command it was not given");
  BlockRequest& request = requests_[number];
  BlockPiece& first = request.pieces[completion.id % kMaxExtents];
  if (flush ? request.flush != FlushState::with_disk : first.state != BlockPiece::State::with_disk)
    machine_.stop("the disk completed a command it was not given");
  --commands_;
  cpu.work(hw::Step::block_done);
  if (flush) return complete_flush(cpu, request, completion.failed);
  with_disk_.remove(first);
  ++done_;

  // Whose sector it was that failed is found out by asking for each piece again.
  const bool again = completion.failed && first.follower != nullptr && request.interface != nullptr;
  for (BlockPiece* piece = &first; piece != nullptr;) {
    BlockPiece* following = piece->follower;
    if (again) {
      piece->alone = true;
      queue_piece(cpu, *piece);
    } else {
      piece->request->failed |= completion.failed;
      end_piece(*piece);
      if (piece->request->pieces_left == 0) end(cpu, *piece->request);
    }
    piece = following;
  }
}

// A barrier whose flush failed cannot keep its promise, so it does nothing.
void BlockIo::complete_flush(hw::Cpu& cpu, BlockRequest& request, bool failed) {
  request.flush = FlushState::none;
  if (request.interface == nullptr) return forget(request);
  if (!failed) {
    request.vbd->unflushed = false;
    return queue_pieces(cpu, request);
  }
  request.failed = true;
  request.pieces_left = 0;
  end(cpu, request);
}

void BlockIo::end_piece(BlockPiece& piece) {
  if (is_write(piece.request->operation)) writes_.remove(piece);
  piece.state = BlockPiece::State::apart;
  --piece.request->pieces_left;
}

void BlockIo::end(hw::Cpu& cpu, BlockRequest& request) {
  cpu.work(hw::Step::block_release, request.segment_count);
  if (request.interface != nullptr) {
    BlockInterface& interface = *request.interface;
    Vbd& vbd = *request.vbd;
    --vbd.requests;
    if (is_write(request.operation)) {
      --vbd.writes;
      if (request.operation == BlockRequestOp::write_barrier) vbd.barrier = false;
      if (request.operation == BlockRequestOp::write && disk_->caches_writes()) vbd.unflushed = true;
    }
    BlockRingRequest asked{};
    asked.id = request.id;
    asked.operation = static_cast<u8>(request.operation);
    answer(cpu, interface, asked, request.failed ? BlockStatus::io_error : BlockStatus::ok);
    queue(interface);
  }
  forget(request);
}

// The domain dies. What the disk already has, it does with frames that are held; nobody will be told.
void BlockIo::abandon(BlockRequest& request) {
  ++request.interface->ended.dropped;
  request.interface = nullptr;
  request.vbd = nullptr;
  if (request.flush != FlushState::none) request.pieces_left = 0;  // none of them has come that far
  if (request.flush == FlushState::queued) {
    flushes_.remove(request);
    request.flush = FlushState::none;
  }
  for (u32 i = 0; i < request.piece_count; ++i) {
    BlockPiece& piece = request.pieces[i];
    if (piece.state == BlockPiece::State::queued) {
      elevator_.remove(piece);
    } else if (piece.state == BlockPiece::State::blocked) {
      blocked_.remove(piece);
    } else {
      continue;
    }
    end_piece(piece);
  }
  if (request.pieces_left == 0 && request.flush == FlushState::none) forget(request);
}

void BlockIo::forget(BlockRequest& request) {
  if (!HV_PLANTED(block_frames_kept)) release_frames(request, request.segment_count);
  request.in_use = false;
  request.interface = nullptr;
  --started_;
  free_requests_.push_back(request);
}

// --- conservation ----------------------------------------------------------------------------------------------------

BlockAudit BlockIo::audit() const {
  BlockAudit audit;
  audit.taken = past_taken_;
  audit.ended = past_ended_;
  domains_.for_each([&](const Domain& domain) {
    if (domain.block == nullptr) return;
    audit.taken += domain.block->taken;
    audit.ended.add(domain.block->ended);
    for (const Vbd& vbd : domain.block->vbds) vbd.waiting.for_each([&](const WaitingWrite&) { ++audit.waiting; });
  });
  for (u32 i = 0; requests_ != nullptr && i < kMaxStarted; ++i) {
    const BlockRequest& request = requests_[i];
    if (!request.in_use) continue;
    if (request.interface != nullptr) ++audit.started;
    audit.segments += request.segment_count;
    if (request.flush == FlushState::with_disk) ++audit.with_disk;
    for (u32 k = 0; k < request.piece_count; ++k) {
      if (request.pieces[k].state != BlockPiece::State::with_disk) continue;
      if (request.pieces[k].follower == nullptr) ++audit.with_disk;  // the last of its command
    }
  }
  audit.frames = frames_held_;
  audit.commands = commands_;
  return audit;
}

bool BlockAudit::conserved() const {
  return taken == ended.total() + waiting + started && frames == segments && commands == with_disk;
}

}  // namespace hv

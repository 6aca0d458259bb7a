#include "workloads/kernel/block/request_queue.h"

#include <algorithm>

#include "workloads/kernel/kernel.h"

namespace guest {

namespace {

BlockPiece piece_of(const BlockRequest& request) {
  return {request.direction, request.barrier, request.sector, request.sectors};
}

}  // namespace

RequestQueue::RequestQueue(Kernel& kernel, BlockDriver& driver)
    : kernel_{kernel}, driver_{driver}, elevator_{{driver.most_request_sectors(), driver.most_request_buffers()}} {
  for (u32 slot = 2 * kRequests; slot-- > 0;) {  // the lowest is taken first
    requests_[slot].slot = slot;
    free_[slot / kRequests].push_back(&requests_[slot]);
  }
}

// --- users -----------------------------------------------------------------------------------------------------------

model::Task<> RequestQueue::submit(Buffer& buffer, BlockDirection direction, bool barrier) {
  if (barrier && !driver_.barriers()) kernel_.panic("a barrier for a disk that has none");
  while (buffer.locked) co_await wait(buffer);
  buffer.locked = true;
  buffer.failed = false;
  const BlockPiece piece{direction, barrier, buffer.sector, buffer.sectors};
  ++counts_.buffers[index(direction)];
  note(Action::queued, piece);

  kernel_.charge(kernel_.paths().block_submit);
  while (true) {
    Elevator::Place place{Elevator::Place::Kind::insert, elevator_.waiting().size(), 0};
    if (elevator_.empty()) {
      plugged_ = true;
    } else if (!barrier && merge(buffer, direction, place)) {
      note(Action::merged, piece);
      co_return;
    }
    if (!free_[index(direction)].empty()) {
      add(buffer, direction, barrier, place);
      note(Action::got, piece);
      note(Action::inserted, piece);
      co_return;
    }
    ++counts_.waits;
    co_await unplug();
    // Completions may have come meanwhile.
    if (free_[index(direction)].empty()) co_await kernel_.sleep_on(waiting_[index(direction)]);
  }
}

// Leaves the place to insert at in `place` if it finds nothing to merge with.
bool RequestQueue::merge(Buffer& buffer, BlockDirection direction, Elevator::Place& place) {
  place = elevator_.place(direction, buffer.sector, buffer.sectors);
  kernel_.charge(kernel_.paths().block_elevator, place.looked_at);
  if (place.kind == Elevator::Place::Kind::insert) return false;
  kernel_.charge(kernel_.paths().block_merge);
  ++counts_.merges[index(direction)];
  if (BlockRequest* joined = elevator_.extend(place, buffer)) free(*joined);
  return true;
}

void RequestQueue::add(Buffer& buffer, BlockDirection direction, bool barrier, const Elevator::Place& place) {
  kernel_.charge(kernel_.paths().block_request);
  BlockRequest& request = *free_[index(direction)].back();
  free_[index(direction)].pop_back();
  request.direction = direction;
  request.barrier = barrier;
  request.sector = buffer.sector;
  request.sectors = buffer.sectors;
  request.buffers.assign(1, &buffer);
  const bool read = direction == BlockDirection::read;
  request.may_be_passed = barrier ? 0 : read ? Elevator::kReadMayBePassed : Elevator::kWriteMayBePassed;
  elevator_.insert(request, place.at);
}

model::Task<> RequestQueue::wait(Buffer& buffer) {
  while (buffer.locked) {
    co_await unplug();
    if (buffer.locked) co_await kernel_.sleep_on(buffer.waiters);
  }
}

model::Task<> RequestQueue::unplug() {
  if (!plugged_) co_return;
  plugged_ = false;
  if (!elevator_.empty()) co_await driver_.start(*this);
}

// --- the driver ------------------------------------------------------------------------------------------------------

BlockRequest* RequestQueue::take() {
  BlockRequest* request = take_apart();
  if (request != nullptr) issue(piece_of(*request));
  return request;
}

const BlockRequest* RequestQueue::head() const {
  return plugged_ || elevator_.empty() ? nullptr : elevator_.waiting().front();
}

BlockRequest* RequestQueue::take_apart() {
  if (head() == nullptr) return nullptr;
  BlockRequest& request = elevator_.take_first();
  ++counts_.requests[index(request.direction)];
  return &request;
}

void RequestQueue::issue(const BlockPiece& piece) { note(Action::issued, piece); }

void RequestQueue::complete(BlockRequest& request, bool failed) {
  complete(piece_of(request), request.buffers, failed);
  release(request);
}

void RequestQueue::complete(const BlockPiece& piece, std::span<Buffer* const> buffers, bool failed) {
  note(Action::completed, piece, failed);
  for (Buffer* buffer : buffers) {
    counts_.sectors[index(piece.direction)] += buffer->sectors;
    end(*buffer, failed);
  }
}

void RequestQueue::end(Buffer& buffer, bool failed) {
  kernel_.charge(kernel_.paths().block_end);
  if (failed) ++counts_.failed;
  buffer.failed = failed;
  buffer.locked = false;
  while (Process* waiting = buffer.waiters.take_first()) kernel_.wake(*waiting);
  if (buffer.done) buffer.done(buffer);  // last: it may be gone then
}

void RequestQueue::release(BlockRequest& request) {
  kernel_.charge(kernel_.paths().block_release);
  free(request);
}

void RequestQueue::free(BlockRequest& request) {
  const std::size_t direction = index(request.direction);
  request.buffers.clear();
  free_[direction].push_back(&request);
  if (free_[direction].size() < kBatch) return;
  if (Process* waiting = waiting_[direction].take_first()) kernel_.wake(*waiting);
}

u32 RequestQueue::outstanding() const { return static_cast<u32>(requests_.size() - free_[0].size() - free_[1].size()); }

// --- the trace -------------------------------------------------------------------------------------------------------

void RequestQueue::trace(model::BlockTrace& to, model::BlockTrace::DeviceId device) {
  trace_ = &to;
  traced_as_ = device;
}

void RequestQueue::note(Action action, const BlockPiece& piece, bool failed) {
  if (trace_ == nullptr) return;
  // Two processors' software may run ahead of the event queue by different amounts.
  last_traced_ = std::max(last_traced_, kernel_.cpu().now());
  const bool write = piece.direction == BlockDirection::write;
  const Process& process = kernel_.current();
  trace_->event(traced_as_,
                {action, write, piece.barrier, failed, piece.sector, piece.sectors, process.id, process.name},
                last_traced_);
}

}  // namespace guest

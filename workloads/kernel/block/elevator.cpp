#include "workloads/kernel/block/elevator.h"

#include <algorithm>

namespace guest {

namespace {

// Whether `sector` belongs between two neighbours: within a sweep, or where one ends and the next begins.
bool in_between(u64 sector, const BlockRequest& before, const BlockRequest& behind) {
  if (before.sector < behind.sector) return before.sector < sector && sector < behind.sector;
  return sector > before.sector || sector < behind.sector;
}

}  // namespace

Elevator::Place Elevator::place(BlockDirection direction, u64 sector, u32 sectors) const {
  Place place{Place::Kind::insert, waiting_.size(), 0};
  bool sorted = false;
  for (std::size_t i = waiting_.size(); i-- > 0;) {
    const BlockRequest& request = *waiting_[i];
    ++place.looked_at;
    if (request.may_be_passed < sectors) break;
    if (!sorted && i + 1 < waiting_.size() && in_between(sector, request, *waiting_[i + 1])) {
      place.at = i + 1;
      sorted = true;
    }
    if (request.direction != direction || request.sectors + sectors > limits_.sectors ||
        request.buffers.size() >= limits_.buffers) {
      continue;
    }
    if (request.end() == sector) return {Place::Kind::append_to, i, place.looked_at};
    if (request.sector == sector + sectors) return {Place::Kind::prepend_to, i, place.looked_at};
  }
  return place;
}

void Elevator::pass(std::size_t first, u32 sectors) {
  for (std::size_t i = first; i < waiting_.size(); ++i) waiting_[i]->may_be_passed -= sectors;
}

void Elevator::insert(BlockRequest& request, std::size_t at) {
  pass(at, request.sectors);
  waiting_.insert(waiting_.begin() + static_cast<std::ptrdiff_t>(at), &request);
}

BlockRequest* Elevator::extend(const Place& place, Buffer& buffer) {
  BlockRequest& request = *waiting_[place.at];
  request.sectors += buffer.sectors;
  if (place.kind == Place::Kind::append_to) {
    request.buffers.push_back(&buffer);
    pass(place.at + 1, buffer.sectors);
    return join(place.at);
  }
  request.sector = buffer.sector;
  request.buffers.insert(request.buffers.begin(), &buffer);
  pass(place.at, buffer.sectors);  // what was asked of it before has to wait for this as well
  return place.at == 0 ? nullptr : join(place.at - 1);
}

BlockRequest* Elevator::join(std::size_t at) {
  if (at + 1 == waiting_.size()) return nullptr;
  BlockRequest& front = *waiting_[at];
  BlockRequest& back = *waiting_[at + 1];
  if (front.barrier || back.barrier || front.direction != back.direction || front.end() != back.sector ||
      front.sectors + back.sectors > limits_.sectors || front.buffers.size() + back.buffers.size() > limits_.buffers) {
    return nullptr;
  }
  front.sectors += back.sectors;
  front.buffers.insert(front.buffers.end(), back.buffers.begin(), back.buffers.end());
  front.may_be_passed = std::min(front.may_be_passed, back.may_be_passed);
  waiting_.erase(waiting_.begin() + static_cast<std::ptrdiff_t>(at) + 1);
  return &back;
}

BlockRequest& Elevator::take_first() {
  BlockRequest& first = *waiting_.front();
  waiting_.erase(waiting_.begin());
  return first;
}

}  // namespace guest

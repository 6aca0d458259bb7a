#include "io/elevator.h"

namespace hv {

u32 Elevator::insert(BlockPiece& piece) {
  const u64 sector = piece.place.sector;
  const bool ahead = sector >= position_;
  BlockPiece* after = ahead ? next_ : sorted_.front();
  u32 scanned = 0;
  for (; after != nullptr && after->place.sector <= sector; after = sorted_.next(*after)) ++scanned;
  if (after != nullptr) {
    sorted_.insert_before(*after, piece);
  } else {
    sorted_.push_back(piece);
  }
  if (ahead && after == next_) next_ = &piece;
  piece.arrival = turns_;
  piece.state = BlockPiece::State::queued;
  arrivals_.push_back(piece);
  return scanned;
}

void Elevator::remove(BlockPiece& piece) {
  if (next_ == &piece) next_ = sorted_.next(piece);
  sorted_.remove(piece);
  arrivals_.remove(piece);
  piece.state = BlockPiece::State::apart;
}

BlockPiece* Elevator::take_next() {
  BlockPiece* oldest = arrivals_.front();
  if (oldest == nullptr) return nullptr;
  const bool impatient = turns_ - oldest->arrival >= kPatience;
  BlockPiece* piece = impatient ? oldest : next_ != nullptr ? next_ : sorted_.front();
  ++turns_;
  position_ = piece->place.sector;
  next_ = sorted_.next(*piece);
  remove(*piece);
  return piece;
}

}  // namespace hv

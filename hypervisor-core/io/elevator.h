// The order in which pieces go to the disk: one way across it and back to the start (C-LOOK), so that the arm travels
// little; but whoever has been passed long enough goes next, so that a stream of neighbours cannot keep the arm.
#pragma once

#include "base/list.h"
#include "base/types.h"
#include "io/block_request.h"

namespace hv {

class Elevator {
 public:
  // Turns that a piece lets others go before it. Then it is served as soon as those that came before it have been.
  static constexpr u32 kPatience = 64;

  bool empty() const { return arrivals_.empty(); }
  u32 insert(BlockPiece& piece);  // returns the number of pieces looked at
  void remove(BlockPiece& piece);

  BlockPiece* take_next();  // null: there is none
  // The next on the way, taken out if it begins where `last` ends and `fits` says so; null: not so.
  template <class F>
  BlockPiece* take_adjacent(const BlockPiece& last, F fits) {
    BlockPiece* piece = next_;
    if (piece == nullptr || piece->place.sector != last.end() || !fits(*piece)) return nullptr;
    remove(*piece);
    position_ = piece->place.sector;
    return piece;
  }

 private:
  List<BlockPiece, ElevatorTag> sorted_;   // by place; equal places as they came
  List<BlockPiece, ArrivalTag> arrivals_;  // oldest first
  u64 position_ = 0;                       // where the piece taken last begins
  BlockPiece* next_ = nullptr;             // the first at or after position_ that came or comes after it; null: none
  u64 turns_ = 0;
};

}  // namespace hv

// The order in which pieces go to the disk, against a plain list that is searched.
#include "io/elevator.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <random>
#include <vector>

using namespace hv;

namespace {

// C-LOOK by the definition: the nearest at or after the arm, or else the lowest; equal ones as they came.
struct Reference {
  struct Entry {
    BlockPiece* piece;
    u64 sector;
    u64 number, turn;
  };
  std::vector<Entry> entries;
  u64 arm = 0, arm_number = 0, turns = 0, numbers = 0;

  void insert(BlockPiece& piece) { entries.push_back({&piece, piece.place.sector, ++numbers, turns}); }
  void remove(BlockPiece& piece) {
    std::erase_if(entries, [&](const Entry& each) { return each.piece == &piece; });
  }
  BlockPiece* take() {
    if (entries.empty()) return nullptr;
    const auto before = [](const Entry& a, const Entry& b) {
      return a.sector != b.sector ? a.sector < b.sector : a.number < b.number;
    };
    const auto oldest = std::min_element(entries.begin(), entries.end(),
                                         [](const Entry& a, const Entry& b) { return a.number < b.number; });
    auto chosen = entries.end();
    if (turns - oldest->turn >= Elevator::kPatience) {
      chosen = oldest;
    } else {
      for (auto each = entries.begin(); each != entries.end(); ++each) {
        const bool ahead = each->sector > arm || (each->sector == arm && each->number > arm_number);
        if (ahead && (chosen == entries.end() || before(*each, *chosen))) chosen = each;
      }
      if (chosen == entries.end()) chosen = std::min_element(entries.begin(), entries.end(), before);
    }
    ++turns;
    arm = chosen->sector;
    arm_number = chosen->number;
    BlockPiece* piece = chosen->piece;
    entries.erase(chosen);
    return piece;
  }
};

}  // namespace

TEST_CASE("pieces go one way across the disk and back to the start") {
  Elevator elevator;
  BlockPiece pieces[5];
  const u64 sectors[] = {500, 100, 300, 200, 400};
  for (u32 i = 0; i < 5; ++i) pieces[i].place = {sectors[i], 8};
  for (u32 i = 0; i < 3; ++i) elevator.insert(pieces[i]);
  CHECK(elevator.take_next() == &pieces[1]);
  CHECK(elevator.take_next() == &pieces[2]);
  elevator.insert(pieces[3]);  // behind the arm
  elevator.insert(pieces[4]);  // before it
  CHECK(elevator.take_next() == &pieces[4]);
  CHECK(elevator.take_next() == &pieces[0]);
  CHECK(elevator.take_next() == &pieces[3]);
  CHECK(elevator.take_next() == nullptr);
  CHECK(elevator.empty());
}

TEST_CASE("the order is that of a plain list on random streams, with pieces taken back") {
  for (u32 seed = 1; seed <= 50; ++seed) {
    CAPTURE(seed);
    std::mt19937 random{seed};
    Elevator elevator;
    Reference reference;
    std::vector<BlockPiece> pieces(200);
    std::vector<BlockPiece*> free;
    for (BlockPiece& piece : pieces) free.push_back(&piece);
    for (int step = 0; step < 3000; ++step) {
      const u32 action = random() % 16;
      if (action < 8 && !free.empty()) {
        BlockPiece& piece = *free.back();
        free.pop_back();
        piece.place = {random() % 300, 8};
        elevator.insert(piece);
        reference.insert(piece);
      } else if (action == 8 && !reference.entries.empty()) {
        BlockPiece& piece = *reference.entries[random() % reference.entries.size()].piece;
        elevator.remove(piece);
        reference.remove(piece);
        free.push_back(&piece);
      } else {
        BlockPiece* expected = reference.take();
        BlockPiece* taken = elevator.take_next();
        REQUIRE(taken == expected);
        if (taken != nullptr) free.push_back(taken);
      }
    }
  }
}

TEST_CASE("a stream of neighbours cannot keep the arm: a piece is passed by 64 turns at most") {
  Elevator elevator;
  BlockPiece far, stream[4];
  far.place = {0, 8};
  u64 next = 1'000;
  const auto stream_on = [&](BlockPiece& piece) {
    piece.place = {next += 8, 8};
    elevator.insert(piece);
  };
  for (BlockPiece& piece : stream) stream_on(piece);
  REQUIRE(elevator.take_next() == &stream[0]);
  stream_on(stream[0]);
  elevator.insert(far);
  u32 passed = 0;
  for (BlockPiece* piece = elevator.take_next(); piece != &far; piece = elevator.take_next(), ++passed) {
    REQUIRE(passed < 1'000);
    stream_on(*piece);
  }
  CHECK(passed >= Elevator::kPatience);
  CHECK(passed <= Elevator::kPatience + 4);  // and those that were there before it
}

TEST_CASE("only what begins where the last one ends is adjacent") {
  Elevator elevator;
  BlockPiece pieces[4];
  const u64 sectors[] = {100, 108, 117, 116};
  for (u32 i = 0; i < 4; ++i) {
    pieces[i].place = {sectors[i], 8};
    elevator.insert(pieces[i]);
  }
  const auto any = [](const BlockPiece&) { return true; };
  BlockPiece* first = elevator.take_next();
  REQUIRE(first == &pieces[0]);
  CHECK(elevator.take_adjacent(*first, [](const BlockPiece&) { return false; }) == nullptr);
  CHECK(elevator.take_adjacent(*first, any) == &pieces[1]);
  CHECK(elevator.take_adjacent(pieces[1], any) == &pieces[3]);
  CHECK(elevator.take_adjacent(pieces[3], any) == nullptr);
  CHECK(elevator.take_next() == &pieces[2]);
}

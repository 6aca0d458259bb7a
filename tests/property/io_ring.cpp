// A hostile guest writes anything into its side of a ring. Whatever it does, the core touches only the ring's own
// words, takes no more than the ring holds, and every request taken gets one response.
#include <doctest/doctest.h>

#include <map>
#include <random>
#include <set>

#include "interface/network.h"
#include "io/ring.h"
#include "support/fake_machine.h"

using namespace hv;

TEST_CASE("with hostile indexes the ring stays within its words and loses no count") {
  constexpr u32 kSlots = 16, kFirst = 100, kIndexes = 40;
  for (u32 seed = 1; seed <= 200; ++seed) {
    CAPTURE(seed);
    std::mt19937 random{seed};
    test::FakeMemory memory{2};
    Ring<NetTransmitRequest, NetTransmitResponse, kSlots> ring;
    const MachineFrame frame{1};
    ring.open({frame, kFirst, frame, kIndexes, kIndexes + 1, kIndexes + 2});
    // A canary everywhere but in the ring.
    for (u32 i = 0; i < kEntriesPerTable; ++i) {
      const bool inside = (i >= kFirst && i < kFirst + 2 * kSlots) || (i >= kIndexes && i < kIndexes + 3);
      memory.set_word(frame.address() + 4 * i, inside ? 0 : 0xc0ffee00 + i);
    }
    u32 taken = 0, answered = 0, honest = 0;
    std::multiset<u16> open;
    for (int step = 0; step < 300; ++step) {
      switch (random() % 4) {
        case 0: {  // the guest: sometimes honest, sometimes not
          const u32 kind = random() % 6;
          honest = answered + random() % (kSlots + 1);
          const u32 value = kind == 0   ? static_cast<u32>(random())
                            : kind == 1 ? taken - 1
                            : kind == 2 ? taken + kSlots + 1
                                        : honest;
          memory.set_word(frame.address() + 4 * kIndexes, value);
          memory.set_word(frame.address() + 4 * (kIndexes + 1), static_cast<u32>(random()));
          for (u32 i = 0; i < 2 * kSlots; ++i) {
            memory.set_word(frame.address() + 4 * (kFirst + i), static_cast<u32>(random()));
          }
          break;
        }
        case 1:
        case 2: {  // the core takes what is there
          const u32 producer = memory.word(frame.address() + 4 * kIndexes);
          const u32 waiting = ring.waiting(memory);
          const bool sane = producer - answered <= kSlots && producer - answered >= taken - answered;
          REQUIRE(waiting == (sane ? producer - taken : 0));
          for (u32 i = 0; i < waiting; ++i) {
            const u32 slot = frame.address() + 4 * (kFirst + 2 * (taken % kSlots));
            const u16 expected = static_cast<u16>(memory.word(slot));
            const NetTransmitRequest request = ring.take(memory);
            REQUIRE(request.id == expected);
            open.insert(request.id);
            ++taken;
          }
          break;
        }
        case 3:
          while (!open.empty() && random() % 3 != 0) {
            auto any = std::next(open.begin(), static_cast<int>(random() % open.size()));
            const u32 threshold = random() % 2 == 0 ? answered + 1 : static_cast<u32>(random());
            memory.set_word(frame.address() + 4 * (kIndexes + 2), threshold);
            const bool event = ring.respond(memory, {*any, 0, 0, 0});
            const u32 slot = frame.address() + 4 * (kFirst + 2 * (answered % kSlots));
            REQUIRE(static_cast<u16>(memory.word(slot)) == *any);
            ++answered;
            REQUIRE(event == (threshold == answered));
            REQUIRE(memory.word(frame.address() + 4 * (kIndexes + 1)) == answered);
            open.erase(any);
          }
          break;
      }
      REQUIRE(ring.outstanding() == open.size());
      REQUIRE(open.size() <= kSlots);
    }
    for (u32 i = 0; i < kEntriesPerTable; ++i) {
      const bool inside = (i >= kFirst && i < kFirst + 2 * kSlots) || (i >= kIndexes && i < kIndexes + 3);
      if (!inside) REQUIRE(memory.word(frame.address() + 4 * i) == 0xc0ffee00 + i);
    }
  }
}

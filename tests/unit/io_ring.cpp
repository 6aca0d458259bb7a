// The ring between a guest and the core, seen from the guest's side of the shared words.
#include "io/ring.h"

#include <doctest/doctest.h>

#include "interface/network.h"
#include "support/fake_machine.h"

using namespace hv;

namespace {

// Slots in frame 1, indexes in the first words of frame 2.
struct RingUnderTest {
  test::FakeMemory memory{3};
  Ring<NetTransmitRequest, NetTransmitResponse, 8> ring;

  RingUnderTest() { ring.open({MachineFrame{1}, 16, MachineFrame{2}, 0, 1, 2}); }
  u32 slot_address(u32 index) const { return MachineFrame{1}.address() + (16 + 2 * (index % 8)) * 4; }
  void request(u32 index, u16 id, u32 address) {
    memory.set_word(slot_address(index), u32{id} | 100u << 16);
    memory.set_word(slot_address(index) + 4, address);
  }
  void set_producer(u32 value) { memory.set_word(MachineFrame{2}.address(), value); }
  u32 response_producer() { return memory.word(MachineFrame{2}.address() + 4); }
  void set_event(u32 value) { memory.set_word(MachineFrame{2}.address() + 8, value); }
};

}  // namespace

TEST_CASE("requests are taken in order, as they were at that moment") {
  RingUnderTest t;
  t.request(0, 7, 0x5000);
  t.request(1, 9, 0x6000);
  t.set_producer(2);
  REQUIRE(t.ring.waiting(t.memory) == 2);
  const NetTransmitRequest first = t.ring.take(t.memory);
  t.request(0, 1, 0xdead000);  // too late
  CHECK(first.id == 7);
  CHECK(first.bytes == 100);
  CHECK(first.machine_address == 0x5000);
  CHECK(t.ring.take(t.memory).id == 9);
  CHECK(t.ring.waiting(t.memory) == 0);
  CHECK(t.ring.outstanding() == 2);
}

TEST_CASE("responses use the slots in the order of answering, not of asking") {
  RingUnderTest t;
  t.request(0, 7, 0);
  t.request(1, 9, 0);
  t.set_producer(2);
  (void)t.ring.take(t.memory);
  (void)t.ring.take(t.memory);
  (void)t.ring.respond(t.memory, {9, 0, 0, 0});
  CHECK((t.memory.word(t.slot_address(0)) & 0xffff) == 9);
  CHECK(t.response_producer() == 1);
  (void)t.ring.respond(t.memory, {7, 2, 0, 0});
  CHECK(t.memory.word(t.slot_address(1)) == (7u | 2u << 16));
  CHECK(t.response_producer() == 2);
  CHECK(t.ring.outstanding() == 0);
}

TEST_CASE("the guest gets an event exactly when the response producer reaches its threshold") {
  RingUnderTest t;
  t.set_producer(8);
  for (int i = 0; i < 8; ++i) (void)t.ring.take(t.memory);
  t.set_event(3);
  CHECK_FALSE(t.ring.respond(t.memory, {}));  // 1
  CHECK_FALSE(t.ring.respond(t.memory, {}));  // 2
  CHECK(t.ring.respond(t.memory, {}));        // 3
  CHECK_FALSE(t.ring.respond(t.memory, {}));  // 4
  t.set_event(3);                             // behind: never
  CHECK_FALSE(t.ring.respond(t.memory, {}));
}

TEST_CASE("a full ring can be taken, and no more until something was answered") {
  RingUnderTest t;
  t.set_producer(8);
  CHECK(t.ring.waiting(t.memory) == 8);
  for (int i = 0; i < 8; ++i) (void)t.ring.take(t.memory);
  CHECK(t.ring.waiting(t.memory) == 0);
  t.set_producer(9);  // its slot holds an unanswered request
  CHECK(t.ring.waiting(t.memory) == 0);
  (void)t.ring.respond(t.memory, {});
  CHECK(t.ring.waiting(t.memory) == 1);
}

TEST_CASE("a producer that claims more than the ring holds, or goes back, offers nothing") {
  RingUnderTest t;
  t.set_producer(9);
  CHECK(t.ring.waiting(t.memory) == 0);
  t.set_producer(0xffffffff);
  CHECK(t.ring.waiting(t.memory) == 0);
  t.set_producer(4);
  for (int i = 0; i < 4; ++i) (void)t.ring.take(t.memory);
  t.set_producer(2);
  CHECK(t.ring.waiting(t.memory) == 0);
}

TEST_CASE("the guest cannot move the core's own producer") {
  RingUnderTest t;
  t.set_producer(1);
  (void)t.ring.take(t.memory);
  t.memory.set_word(MachineFrame{2}.address() + 4, 1000);
  (void)t.ring.respond(t.memory, {});
  CHECK(t.response_producer() == 1);
}

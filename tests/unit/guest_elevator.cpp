// The elevator against a second one, written from the rules alone.
#include <doctest/doctest.h>

#include <algorithm>
#include <list>
#include <memory>
#include <optional>
#include <vector>

#include "sim/random.h"
#include "workloads/kernel/block/elevator.h"

namespace {

using guest::BlockDirection;
using guest::BlockRequest;
using guest::Buffer;
using guest::Elevator;
using guest::u32;
using guest::u64;

constexpr u32 kMostSectors = 128, kMostBuffers = 16;

// An elevator with requests and buffers that live as long as it.
struct Queue {
  // The request that the buffer is in now.
  void add(BlockDirection direction, u64 sector, u32 sectors, bool barrier = false) {
    buffers.push_back(std::make_unique<Buffer>());
    Buffer& buffer = *buffers.back();
    buffer.sector = sector;
    buffer.sectors = sectors;
    Elevator::Place place{Elevator::Place::Kind::insert, elevator.waiting().size(), 0};
    if (!barrier) place = elevator.place(direction, sector, sectors);
    if (place.kind != Elevator::Place::Kind::insert) {
      elevator.extend(place, buffer);
      ++merges;
      return;
    }
    requests.push_back(std::make_unique<BlockRequest>());
    BlockRequest& request = *requests.back();
    request.direction = direction;
    request.barrier = barrier;
    request.sector = sector;
    request.sectors = sectors;
    request.buffers.assign(1, &buffer);
    const bool read = direction == BlockDirection::read;
    request.may_be_passed = barrier ? 0 : read ? Elevator::kReadMayBePassed : Elevator::kWriteMayBePassed;
    elevator.insert(request, place.at);
  }
  void read(u64 sector, u32 sectors = 8) { add(BlockDirection::read, sector, sectors); }
  void write(u64 sector, u32 sectors = 8) { add(BlockDirection::write, sector, sectors); }

  std::vector<u64> order() const {
    std::vector<u64> sectors;
    for (const BlockRequest* request : elevator.waiting()) sectors.push_back(request->sector);
    return sectors;
  }

  Elevator elevator{{kMostSectors, kMostBuffers}};
  std::vector<std::unique_ptr<BlockRequest>> requests;
  std::vector<std::unique_ptr<Buffer>> buffers;
  int merges = 0;
};

// The rules once more: single sectors as a set of runs, everything looked for from scratch.
struct Reference {
  struct Item {
    bool write, barrier;
    u64 begin, end;
    long budget;
    int parts;
  };
  std::list<Item> items;

  void add(bool write, u64 begin, u32 sectors, bool barrier) {
    const u64 end = begin + sectors;
    if (barrier) {
      items.push_back({write, true, begin, end, 0, 1});
      return;
    }
    // What may be passed is the tail in which everybody can bear it.
    auto fence = items.end();
    while (fence != items.begin() && std::prev(fence)->budget >= static_cast<long>(sectors)) --fence;
    for (auto item = items.end(); item != fence;) {  // the newest first
      --item;
      const bool fits = item->write == write && item->end - item->begin + sectors <= kMostSectors &&
                        item->parts + 1 <= static_cast<int>(kMostBuffers);
      if (fits && item->end == begin) {
        item->end = end;
        ++item->parts;
        charge(std::next(item), sectors);
        join(item);
        return;
      }
      if (fits && item->begin == end) {
        item->begin = begin;
        ++item->parts;
        charge(item, sectors);
        if (item != items.begin()) join(std::prev(item));
        return;
      }
    }
    auto place = items.end();
    for (auto next = items.end(); next != fence;) {
      const auto before = std::prev(next);
      if (next != items.end() && between(begin, *before, *next)) {
        place = next;
        break;
      }
      next = before;
    }
    charge(place, sectors);
    items.insert(place, {write, false, begin, end, write ? 16'384 : 8'192, 1});
  }

  static bool between(u64 sector, const Item& before, const Item& behind) {
    const bool sweep_goes_on = before.begin < behind.begin;
    const bool above = sector > before.begin, below = sector < behind.begin;
    return sweep_goes_on ? above && below : above || below;
  }
  void charge(std::list<Item>::iterator from, u32 sectors) {
    for (; from != items.end(); ++from) from->budget -= sectors;
  }
  void join(std::list<Item>::iterator front) {
    const auto back = std::next(front);
    if (back == items.end() || front->barrier || back->barrier || front->write != back->write ||
        front->end != back->begin || back->end - front->begin > kMostSectors ||
        front->parts + back->parts > static_cast<int>(kMostBuffers)) {
      return;
    }
    front->end = back->end;
    front->parts += back->parts;
    front->budget = std::min(front->budget, back->budget);
    items.erase(back);
  }
};

}  // namespace

TEST_CASE("requests are sorted into one sweep upwards, and what is below it into the next") {
  Queue queue;
  for (const u64 sector : {1000, 5000, 3000, 9000, 100, 4000, 200}) queue.read(sector);
  // The first stays the first: nothing is put before it. 100 and 200 come after the sweep.
  CHECK(queue.order() == std::vector<u64>{1000, 3000, 4000, 5000, 9000, 100, 200});
}

TEST_CASE("neighbours become one request, from behind, from before, and when a gap closes") {
  Queue queue;
  queue.write(1000);
  queue.write(1008);
  queue.write(992);
  CHECK(queue.order() == std::vector<u64>{992});
  queue.write(1024);
  CHECK(queue.order() == std::vector<u64>{992, 1024});
  queue.write(1016);  // closes the gap
  REQUIRE(queue.order() == std::vector<u64>{992});
  const BlockRequest& all = *queue.elevator.waiting().front();
  CHECK(all.sectors == 40);
  std::vector<u64> sectors;
  for (const Buffer* buffer : all.buffers) sectors.push_back(buffer->sector);
  CHECK(sectors == std::vector<u64>{992, 1000, 1008, 1016, 1024});
}

TEST_CASE("a request grows to the driver's 128 sectors, reads do not join writes") {
  Queue queue;
  for (u64 i = 0; i < 20; ++i) queue.write(i * 8);
  CHECK(queue.order() == std::vector<u64>{0, 128});
  CHECK(queue.elevator.waiting()[0]->sectors == 128);
  CHECK(queue.elevator.waiting()[1]->sectors == 32);
  queue.read(160);
  CHECK(queue.order() == std::vector<u64>{0, 128, 160});
}

TEST_CASE("a read bears to be passed by 8192 sectors, then it is a fence") {
  Queue queue;
  queue.read(0);
  queue.read(1'000'000);
  // 128 sectors each, ever lower: all sort in before the second, 64 times.
  for (u64 i = 0; i < 80; ++i) queue.read(900'000 - i * 1000, 128);
  const std::vector<u64> order = queue.order();
  const auto fence = std::find(order.begin(), order.end(), 1'000'000);
  CHECK(fence - order.begin() == 1 + 64);
  CHECK(order.end() - fence == 1 + 16);
}

TEST_CASE("a write bears 16384 sectors") {
  Queue queue;
  queue.write(0);
  queue.write(1'000'000);
  for (u64 i = 0; i < 140; ++i) queue.read(900'000 - i * 1000, 128);
  const std::vector<u64> order = queue.order();
  // The reads among themselves run into their own fences first, so count what is before the write.
  const auto fence = std::find(order.begin(), order.end(), 1'000'000);
  CHECK(fence - order.begin() <= 1 + 16'384 / 128);
  CHECK(fence - order.begin() > 1 + 8'192 / 128 - 1);
}

TEST_CASE("nothing passes a barrier or is merged with it") {
  Queue queue;
  queue.write(5000);
  queue.add(BlockDirection::write, 5008, 8, true);
  queue.write(5016);
  queue.read(100);
  queue.read(5000 - 8);
  CHECK(queue.order() == std::vector<u64>{5000, 5008, 5016, 100, 4992});
  CHECK(queue.merges == 0);
}

TEST_CASE("200 random streams come out in the order of a second implementation of the rules") {
  const sim::Random random{7};
  int merges = 0, taken = 0;
  for (int run = 0; run < 200; ++run) {
    sim::RandomStream stream = random.stream("elevator." + std::to_string(run));
    Queue queue;
    Reference reference;
    const u64 range = run % 2 == 0 ? 400 : 100'000;  // crowded, or wide
    for (int step = 0; step < 300; ++step) {
      if (!queue.elevator.empty() && stream.chance(1, 4)) {
        const BlockRequest& first = queue.elevator.take_first();
        REQUIRE(!reference.items.empty());
        REQUIRE(first.sector == reference.items.front().begin);
        REQUIRE(first.end() == reference.items.front().end);
        reference.items.pop_front();
        ++taken;
        continue;
      }
      const bool write = stream.chance(1, 2), barrier = stream.chance(1, 40);
      const u64 sector = stream.below(range) * 8;
      const u32 sectors = 8 * (1 + static_cast<u32>(stream.below(8)));
      queue.add(write ? BlockDirection::write : BlockDirection::read, sector, sectors, barrier);
      reference.add(write, sector, sectors, barrier);
      REQUIRE(queue.elevator.waiting().size() == reference.items.size());
      auto item = reference.items.begin();
      for (const BlockRequest* request : queue.elevator.waiting()) {
        REQUIRE(request->sector == item->begin);
        REQUIRE(request->end() == item->end);
        REQUIRE(static_cast<long>(request->may_be_passed) == item->budget);
        ++item;
      }
    }
    merges += queue.merges;
  }
  CHECK(merges > 1000);
  CHECK(taken > 5000);
}

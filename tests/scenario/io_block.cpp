// Virtual block devices through the whole core: what a guest asks, what the disk is told, what comes back.
#include <doctest/doctest.h>

#include "interface/memory.h"
#include "support/block_guest.h"

using namespace hv;
using test::BlockGuest;
using test::CoreHost;
using test::finish;
using test::finish_all;

namespace {

constexpr auto kRead = BlockRequestOp::read, kWrite = BlockRequestOp::write, kBarrier = BlockRequestOp::write_barrier;
constexpr u32 kOk = 0, kBad = 1, kError = 2;
constexpr u32 kKilobytes = 1024;
constexpr s32 kEnosys = -38, kEnodev = -19, kEinval = -22, kEbusy = -16, kEnospc = -28, kEperm = -1;

// Domain 0 and two guests, each with VBD 1 of 10 000 sectors.
struct DiskHost : CoreHost {
  DiskHost() : CoreHost{{.disk = true}} {
    REQUIRE(first.add_vbd(1, {{10'000, 10'000}}) == 0);
    REQUIRE(second.add_vbd(1, {{30'000, 10'000}}) == 0);
  }
  ~DiskHost() { check(); }
  void check() {
    const char* violation = audit(*core);
    CHECK_MESSAGE(violation == nullptr, violation);
  }
  test::FakeDisk& disk() { return machine.disk; }
  const hw::BlockCommand& command(std::size_t index) { return disk().commands.at(index).command; }
  s32 control(ControlCommand command, DomainId domain, std::initializer_list<u32> words = {}) {
    ControlOp op{};
    op.command = static_cast<u32>(command);
    op.version = kControlVersion;
    op.domain = domain;
    std::copy(words.begin(), words.end(), op.words);
    return CoreHost::control(op);
  }
  const FrameInfo& info(MachineFrame frame) { return core->memory().frames().info(frame); }

  BlockGuest first{*this, kKilobytes}, second{*this, kKilobytes};
};

u32 only_status(BlockGuest& guest) {
  const auto answers = guest.answers();
  REQUIRE(answers.size() == 1);
  return answers[0].status;
}

// One request that must be refused at once, with nothing asked of the disk.
void check_refused(DiskHost& host, const BlockRingRequest& request) {
  const u32 before = host.disk().submitted;
  host.first.put(request);
  REQUIRE(host.first.signal() == 0);
  CHECK(only_status(host.first) == kBad);
  CHECK(host.disk().submitted == before);
  host.check();
}

}  // namespace

TEST_CASE("a write goes from a guest's pages to its part of the disk and comes back with one event") {
  DiskHost host;
  BlockGuest& guest = host.first;
  const u32 port = host.bind_virq(guest.domain, Virq::block);
  host.take_events(guest.domain);
  guest.set_event(1);
  for (u32 sector = 0; sector < 3; ++sector) guest.write(5, sector + 2, 100 + sector);
  guest.put(77, kWrite, 1, 40, {{5, 2, 3}});
  REQUIRE(guest.signal() == 0);

  REQUIRE(host.disk().commands.size() == 1);
  CHECK(host.command(0).operation == hw::BlockOperation::write);
  CHECK(host.command(0).sector == 10'040);
  CHECK(host.command(0).sectors == 3);
  CHECK_FALSE(host.command(0).force_unit_access);
  CHECK(host.disk().commands[0].segments[0].frame == guest.frame(5));
  CHECK(host.info(guest.frame(5)).total_count == 2);
  CHECK(guest.answers().empty());
  CHECK_FALSE(host.pending(guest.domain, port));

  finish(host);
  const auto answers = guest.answers();
  REQUIRE(answers.size() == 1);
  CHECK(answers[0].id == 77);
  CHECK(answers[0].operation == static_cast<u8>(kWrite));
  CHECK(answers[0].status == kOk);
  CHECK(host.pending(guest.domain, port));
  CHECK(host.info(guest.frame(5)).total_count == 1);
  for (u32 sector = 0; sector < 3; ++sector) CHECK(host.disk().contents(10'040 + sector) == 100 + sector);
  CHECK(host.disk().interrupts_done == 1);

  guest.put(78, kRead, 1, 41, {{6, 0, 2}});
  REQUIRE(guest.signal() == 0);
  CHECK(host.info(guest.frame(6)).type_count == 2);  // mapped writable, and written by the disk
  finish(host);
  CHECK(only_status(guest) == kOk);
  CHECK(guest.read(6, 0) == 101);
  CHECK(guest.read(6, 1) == 102);
  CHECK(host.info(guest.frame(6)).type_count == 1);
}

TEST_CASE("a request may cross extents, but not the end of the VBD") {
  DiskHost host;
  BlockGuest& guest = host.first;
  REQUIRE(guest.add_vbd(9, {{50'000, 4}, {60'000, 1}, {70'000, 20}}) == 0);
  for (u32 sector = 0; sector < 8; ++sector) guest.write(1, sector, 10 + sector);
  guest.put(1, kWrite, 9, 2, {{1, 0, 5}, {1, 5, 3}});
  REQUIRE(guest.signal() == 0);
  CHECK(host.disk().commands.size() == 3);
  finish_all(host);
  CHECK(only_status(guest) == kOk);
  const u64 places[] = {50'002, 50'003, 60'000, 70'000, 70'001, 70'002, 70'003, 70'004};
  for (u32 sector = 0; sector < 8; ++sector) CHECK(host.disk().contents(places[sector]) == 10 + sector);

  check_refused(host, guest.request(2, kRead, 9, 18, {{1, 0, 8}}));  // 25 sectors in all
  check_refused(host, guest.request(3, kRead, 9, ~u64{0} - 3, {{1, 0, 8}}));
  guest.put(4, kRead, 9, 17, {{1, 0, 8}});
  REQUIRE(guest.signal() == 0);
  finish_all(host);
  CHECK(only_status(guest) == kOk);
}

TEST_CASE("what is no request of this domain is refused and touches nobody") {
  DiskHost host;
  BlockGuest& guest = host.first;
  REQUIRE(guest.add_vbd(2, {{80'000, 100}}, VbdAccess::read_only) == 0);
  const auto sound = [&] { return guest.request(1, kRead, 1, 0, {{1}}); };
  const auto with = [&](auto change) {
    BlockRingRequest request = sound();
    change(request);
    check_refused(host, request);
  };
  with([](auto& r) { r.segments = 0; });
  with([](auto& r) { r.segments = 13; });
  with([](auto& r) { r.segments = 255; });
  with([](auto& r) { r.operation = 3; });
  with([](auto& r) { r.operation = 255; });
  with([](auto& r) { r.vbd = 3; });
  with([](auto& r) { r.sector_high = 1; });
  with([](auto& r) { r.segment[0] &= ~511u; });                              // no sectors
  with([](auto& r) { r.segment[0] = (r.segment[0] & ~511u) | 9; });          // more than a page
  with([](auto& r) { r.segment[0] = ((r.segment[0] & ~511u) + 512) | 8; });  // across the page's end
  with([](auto& r) { r.segment[0] |= 511; });
  with([](auto& r) { r.segment[0] = 0xfffff000 | 8; });                 // no RAM
  with([](auto& r) { r.segment[0] = MachineFrame{3}.address() | 8; });  // the hypervisor's
  with([&](auto& r) { r.segment[0] = host.second.frame(1).address() | 8; });
  with([&](auto& r) {  // a good segment before the bad one is let go
    r.segments = 2;
    r.segment[1] = host.second.frame(1).address() | 8;
  });
  CHECK(host.info(guest.frame(1)).total_count == 1);
  CHECK(host.info(host.second.frame(1)).total_count == 1);
  with([](auto& r) { r.vbd = 2, r.operation = static_cast<u8>(kWrite); });
  with([](auto& r) { r.vbd = 2, r.operation = static_cast<u8>(kBarrier); });
  guest.put(9, kRead, 2, 0, {{1}});
  REQUIRE(guest.signal() == 0);
  finish_all(host);
  CHECK(only_status(guest) == kOk);
}

TEST_CASE("the disk never writes a page table, and what it writes becomes none meanwhile") {
  DiskHost host;
  BlockGuest& guest = host.first;
  const MachineFrame table = MachineFrame::of_address(
      host.machine.ram.word(guest.domain.vcpus[0]->directory.address() + (guest.address(0) >> 22) * 4));
  REQUIRE(host.info(table).type == FrameType::l1);
  const u64 digest = host.machine.ram.digest(table);
  BlockRingRequest request = guest.request(1, kRead, 1, 0, {{1}});
  request.segment[0] = table.address() | 8;
  check_refused(host, request);
  CHECK(host.machine.ram.digest(table) == digest);
  request.operation = static_cast<u8>(kWrite);  // to the disk: anybody may keep a copy of its own page table
  guest.put(request);
  REQUIRE(guest.signal() == 0);
  finish_all(host);
  CHECK(only_status(guest) == kOk);

  guest.put(2, kRead, 1, 0, {{4}});
  REQUIRE(guest.signal() == 0);
  const MachineFrame target = guest.frame(4);
  REQUIRE(host.call(guest.domain, Hypercall::update_va_mapping, {guest.address(4) >> kPageShift, 0, 0}) == 0);
  CHECK(host.info(target).total_count == 1);  // the disk's
  CHECK_FALSE(host.core->memory().tables().take(target, FrameType::l1));
  u32 number = target.number();
  host.put(guest.domain, host.scratch(guest.domain), number);
  CHECK(host.call(guest.domain, Hypercall::dom_mem_op,
                  {static_cast<u32>(DomMemOp::decrease), host.scratch(guest.domain), 1}) < 0);
  finish_all(host);
  CHECK(only_status(guest) == kOk);
  CHECK(host.info(target).total_count == 0);
}

TEST_CASE("a descriptor changed after it was taken, and a ring page that the disk overwrites, hurt nobody") {
  DiskHost host;
  BlockGuest& guest = host.first;
  guest.put(1, kWrite, 1, 0, {{1}});
  guest.write(1, 0, 55);
  REQUIRE(guest.signal() == 0);
  BlockRingRequest other = guest.request(99, kRead, 7, 5'000, {{2}});
  other.segment[0] = host.second.frame(0).address() | 8;
  guest.set_slot(0, other);
  finish_all(host);
  const auto answers = guest.answers();
  REQUIRE(answers.size() == 1);
  CHECK(answers[0].id == 1);
  CHECK(host.disk().contents(10'000) == 55);

  // A read into its own ring page: its requests become what was on the disk.
  other = guest.request(2, kRead, 1, 0, {{1}});
  other.segment[0] = guest.domain.block->ring_frame.address() | 8;
  guest.put(other);
  REQUIRE(guest.signal() == 0);
  finish_all(host);
  CHECK(guest.responses() == 2);
  host.second.put(3, kWrite, 1, 0, {{1}});
  REQUIRE(host.second.signal() == 0);
  finish_all(host);
  CHECK(only_status(host.second) == kOk);
}

TEST_CASE("an index that claims more requests than the ring has offers none") {
  DiskHost host;
  for (const u32 claim : {65u, 1'000u, 0x8000'0000u, ~0u}) {
    host.first.set_producer(claim);
    REQUIRE(host.first.signal() == 0);
    CHECK(host.first.responses() == 0);
    CHECK(host.disk().submitted == 0);
  }
}

TEST_CASE("neighbours of one domain go as one command, those of two do not") {
  DiskHost host;
  BlockGuest &first = host.first, &second = host.second;
  REQUIRE(second.add_vbd(2, {{10'032, 100}}) == 0);  // behind what the first domain writes
  for (u32 i = 0; i < 4; ++i) first.put(i, kWrite, 1, 8 * i, {{i}});
  first.put(4, kRead, 1, 32, {{4}});  // not in one with writes
  REQUIRE(first.signal() == 0);
  second.put(0, kWrite, 2, 0, {{0}});
  REQUIRE(second.signal() == 0);
  REQUIRE(host.disk().commands.size() == 3);
  CHECK(host.command(0).sectors == 32);
  CHECK(host.disk().commands[0].segments.size() == 4);
  CHECK(host.command(1).operation == hw::BlockOperation::read);
  CHECK(host.command(2).sectors == 8);
  finish_all(host);
  CHECK(first.answers().size() == 5);
  CHECK(only_status(second) == kOk);
}

TEST_CASE("a bad sector fails the request it is in, not those that went in one command with it") {
  DiskHost host;
  BlockGuest& guest = host.first;
  host.disk().bad_sectors.insert(10'013);
  for (u32 i = 0; i < 4; ++i) {
    guest.write(i, 0, 40 + i);
    guest.put(i, kWrite, 1, 8 * i, {{i}});
  }
  REQUIRE(guest.signal() == 0);
  CHECK(host.disk().commands.size() == 1);
  finish(host);
  CHECK(guest.answers().empty());
  CHECK(host.disk().commands.size() == 4);
  finish_all(host);
  const auto answers = guest.answers();
  REQUIRE(answers.size() == 4);
  for (const auto& answer : answers) CHECK(answer.status == (answer.id == 1 ? kError : kOk));
  for (const u32 i : {0u, 2u, 3u}) CHECK(host.disk().contents(10'000 + 8 * i) == 40 + i);
  for (u32 page = 0; page < 4; ++page) CHECK(host.info(guest.frame(page)).total_count == 1);
}

TEST_CASE("a barrier waits for the writes before it and holds those after it; reads, other VBDs and domains pass") {
  DiskHost host;
  BlockGuest& guest = host.first;
  REQUIRE(guest.add_vbd(2, {{50'000, 1'000}}) == 0);
  guest.put(1, kWrite, 1, 0, {{1}});
  guest.put(2, kBarrier, 1, 1'000, {{2}});
  guest.put(3, kWrite, 1, 2'000, {{3}});
  guest.put(4, kRead, 1, 3'000, {{4}});
  guest.put(5, kWrite, 2, 0, {{5}});
  guest.put(6, kBarrier, 1, 4'000, {{6}});
  REQUIRE(guest.signal() == 0);
  host.second.put(7, kBarrier, 1, 0, {{1}});
  REQUIRE(host.second.signal() == 0);

  const auto sectors = [&] {
    std::vector<u64> sectors;
    for (const auto& each : host.disk().commands) sectors.push_back(each.command.sector);
    return sectors;
  };
  CHECK(sectors() == std::vector<u64>{10'000, 13'000, 50'000, 30'000});
  finish(host, 3);
  CHECK(only_status(host.second) == kOk);
  finish(host, 2);
  finish(host, 1);
  CHECK(sectors() == std::vector<u64>{10'000});
  finish(host);
  CHECK(sectors() == std::vector<u64>{11'000});
  CHECK_FALSE(host.command(0).force_unit_access);
  finish(host);
  CHECK(sectors() == std::vector<u64>{12'000});
  finish(host);
  CHECK(sectors() == std::vector<u64>{14'000});
  finish(host);
  CHECK(host.disk().flushes == 0);
  CHECK(guest.answers().size() == 6);
}

TEST_CASE("with a disk that caches writes, a barrier flushes what its VBD has written and writes through the cache") {
  DiskHost host;
  host.disk().cache = true;
  BlockGuest& guest = host.first;
  guest.put(1, kWrite, 1, 0, {{1}});
  guest.put(2, kBarrier, 1, 1'000, {{2}});
  guest.put(3, kBarrier, 1, 2'000, {{3}});
  REQUIRE(guest.signal() == 0);
  finish(host);
  CHECK(host.disk().cached() == 8);
  REQUIRE(host.disk().commands.size() == 1);
  CHECK(host.command(0).operation == hw::BlockOperation::flush);
  finish(host);
  CHECK(host.disk().medium.size() == 8);
  CHECK(host.command(0).force_unit_access);
  finish(host);
  CHECK(host.disk().medium.size() == 16);
  CHECK(host.command(0).operation == hw::BlockOperation::write);  // nothing was written since the flush
  finish(host);
  CHECK(guest.answers().size() == 3);
  CHECK(host.disk().flushes == 1);
}

TEST_CASE("an earlier write that fails does not fail the barrier") {
  DiskHost host;
  host.disk().bad_sectors.insert(10'000);
  host.first.put(1, kWrite, 1, 0, {{1}});
  host.first.put(2, kBarrier, 1, 1'000, {{2}});
  REQUIRE(host.first.signal() == 0);
  finish_all(host);
  const auto answers = host.first.answers();
  REQUIRE(answers.size() == 2);
  CHECK(answers[0].status == kError);
  CHECK(answers[1].id == 2);
  CHECK(answers[1].status == kOk);
}

TEST_CASE("of two writes to one sector the later goes to the disk when the earlier has ended") {
  DiskHost host;
  BlockGuest& guest = host.first;
  guest.write(1, 0, 11);
  guest.write(2, 0, 22);
  guest.put(1, kWrite, 1, 0, {{1}});
  guest.put(2, kWrite, 1, 0, {{2, 0, 1}});
  guest.put(3, kWrite, 1, 100, {{3}});
  REQUIRE(guest.signal() == 0);
  REQUIRE(host.disk().commands.size() == 2);
  finish(host, 1);
  CHECK(host.disk().commands.size() == 1);
  finish(host);
  finish(host);
  CHECK(host.disk().contents(10'000) == 22);
  CHECK(guest.answers().size() == 3);
}

TEST_CASE("64 requests are on their way at most, 16 of a domain in turn, and more are taken below 32") {
  DiskHost host;
  host.disk().depth = 1;
  BlockGuest third{host, kKilobytes};
  REQUIRE(third.add_vbd(1, {{90'000, 10'000}}) == 0);
  for (u32 i = 0; i < 64; ++i) host.first.put(i, kRead, 1, 100 * i, {{i % BlockGuest::kPages}});
  REQUIRE(host.first.signal() == 0);  // alone it may have all
  CHECK(host.core->block().audit().started == 64);
  for (u32 i = 0; i < 40; ++i) {
    host.second.put(i, kRead, 1, 100 * i, {{i}});
    third.put(i, kRead, 1, 100 * i, {{i}});
  }
  REQUIRE(host.second.signal() == 0);
  REQUIRE(third.signal() == 0);
  CHECK(host.core->block().audit().started == 64);
  for (u32 i = 0; i < 32; ++i) finish(host);
  CHECK(host.core->block().audit().started == 32);
  CHECK(host.second.domain.block->taken == 0);
  finish(host);
  CHECK(host.core->block().audit().started == 31 + 33);  // 16 and 16, and again the first of them
  CHECK(host.second.domain.block->taken == 17);
  CHECK(third.domain.block->taken == 16);
  CHECK(host.disk().commands.size() == 1);
  finish_all(host);
  CHECK(host.first.answers().size() == 64);
  CHECK(host.second.answers().size() == 40);
  CHECK(third.answers().size() == 40);
}

TEST_CASE("a domain destroyed with I/O in flight: its frames stay until the disk is done, the rest is dropped") {
  DiskHost host;
  host.disk().depth = 2;
  BlockGuest& guest = host.first;
  for (u32 i = 0; i < 3; ++i) guest.put(i, kRead, 1, 1'000 * i, {{i}});
  guest.put(3, kWrite, 1, 5'000, {{3}});
  guest.put(4, kBarrier, 1, 6'000, {{4}});
  REQUIRE(guest.signal() == 0);
  host.second.put(1, kWrite, 1, 0, {{1}});
  REQUIRE(host.second.signal() == 0);
  CHECK(host.disk().commands.size() == 2);
  const MachineFrame reading = guest.frame(0), queued = guest.frame(2);
  FrameTable& frames = host.core->memory().frames();
  const u32 free_before = frames.free_count();
  const DomainId id = guest.domain.id;

  REQUIRE(host.control(ControlCommand::destroy_domain, id) == 0);
  host.pass(20'000'000);
  CHECK(host.core->domains().find(id) == nullptr);
  CHECK(frames.info(reading).owner == kOwnerOrphan);
  CHECK(frames.info(queued).owner == kOwnerFree);
  CHECK(frames.orphans().count == 2);
  host.check();
  finish_all(host);
  CHECK(frames.info(reading).owner == kOwnerFree);
  CHECK(frames.orphans().count == 0);
  CHECK(frames.free_count() >= free_before + kKilobytes / 4);
  CHECK(only_status(host.second) == kOk);
  CHECK(host.core->block().audit().ended.dropped == 5);
  CHECK(host.core->block().audit().segments == 0);

  // Its place is taken by another one.
  BlockGuest next{host, kKilobytes};
  REQUIRE(next.add_vbd(1, {{10'000, 10'000}}) == 0);
  next.put(1, kWrite, 1, 0, {{1}});
  REQUIRE(next.signal() == 0);
  finish_all(host);
  CHECK(only_status(next) == kOk);
}

TEST_CASE("a write of a destroyed domain that the disk still has is over before a later one to the same place") {
  DiskHost host;
  BlockGuest& guest = host.first;
  guest.write(1, 0, 11);
  guest.put(1, kWrite, 1, 0, {{1}});
  REQUIRE(guest.signal() == 0);
  REQUIRE(host.control(ControlCommand::destroy_domain, guest.domain.id) == 0);
  REQUIRE(host.second.add_vbd(2, {{10'000, 100}}) == 0);
  host.second.write(2, 0, 22);
  host.second.put(1, kWrite, 2, 0, {{2}});
  REQUIRE(host.second.signal() == 0);
  CHECK(host.disk().commands.size() == 1);
  finish_all(host);
  CHECK(host.disk().contents(10'000) == 22);
}

TEST_CASE("VBDs are made by domain 0, which may have one over all of the disk") {
  DiskHost host;
  const DomainId id = host.first.domain.id;
  CHECK(host.control(ControlCommand::create_vbd, id, {1, 1}) == kEbusy);
  CHECK(host.control(ControlCommand::create_vbd, id, {0x10000, 1}) == kEinval);
  CHECK(host.control(ControlCommand::create_vbd, id, {5, 2}) == kEinval);
  CHECK(host.control(ControlCommand::grow_vbd, id, {5, 0, 0, 1, 0}) == kEinval);
  const u32 size = static_cast<u32>(host.disk().size);
  CHECK(host.control(ControlCommand::grow_vbd, id, {1, size - 1, 0, 2, 0}) == kEinval);
  CHECK(host.control(ControlCommand::grow_vbd, id, {1, 2, 0, ~0u, ~0u}) == kEinval);
  CHECK(host.control(ControlCommand::grow_vbd, id, {1, 2, 0, 0, 0}) == kEinval);
  for (u32 i = 1; i < kMaxExtents; ++i) CHECK(host.control(ControlCommand::grow_vbd, id, {1, i, 0, 1, 0}) == 0);
  CHECK(host.control(ControlCommand::grow_vbd, id, {1, 9, 0, 1, 0}) == kEnospc);
  for (u32 i = 1; i < kMaxVbdsPerDomain; ++i) CHECK(host.control(ControlCommand::create_vbd, id, {1 + i, 0}) == 0);
  CHECK(host.control(ControlCommand::create_vbd, id, {99, 0}) == kEnospc);

  host.first.put(1, kRead, 1, 0, {{1}});
  REQUIRE(host.first.signal() == 0);
  CHECK(host.control(ControlCommand::delete_vbd, id, {1}) == kEbusy);
  finish_all(host);
  CHECK(host.control(ControlCommand::delete_vbd, id, {1}) == 0);
  CHECK(host.control(ControlCommand::delete_vbd, id, {1}) == kEinval);
  CHECK(host.control(ControlCommand::create_vbd, id, {0xffff, 0}) == 0);

  ControlOp op{};
  op.command = static_cast<u32>(ControlCommand::disk_info);
  op.version = kControlVersion;
  REQUIRE(static_cast<CoreHost&>(host).control(op) == 0);
  CHECK(join_words(op.words[0], op.words[1]) == host.disk().size);
  CHECK(host.control(ControlCommand::create_vbd, kDomainSelf, {0, 1}) == 0);
  CHECK(host.control(ControlCommand::grow_vbd, kDomainSelf, {0, 0, 0, op.words[0], op.words[1]}) == 0);
  const u32 scratch = host.scratch(host.domain0());
  REQUIRE(host.call(host.domain0(), Hypercall::block_io_op, {static_cast<u32>(BlockIoOp::probe), 0, scratch}) == 0);
  const auto probed = host.get<VbdDescription>(host.domain0(), scratch);
  CHECK(probed.sectors_low == size);
  CHECK(probed.sectors_high == 0);
  CHECK(probed.access == static_cast<u32>(VbdAccess::read_write));
  REQUIRE(host.call(host.domain0(), Hypercall::block_io_op, {static_cast<u32>(BlockIoOp::get_ring), scratch}) == 0);
  CHECK(host.word(host.domain0(), scratch) == host.domain0().block->ring_frame.number());

  ControlOp forbidden{};
  forbidden.command = static_cast<u32>(ControlCommand::create_vbd);
  forbidden.version = kControlVersion;
  CHECK(host.call_with(host.first.domain, Hypercall::dom0_op, forbidden) == kEperm);
  CHECK(host.call(host.first.domain, Hypercall::block_io_op, {1}) == kEnosys);
  CHECK(host.call(host.first.domain, Hypercall::block_io_op, {static_cast<u32>(BlockIoOp::probe), 77, scratch}) ==
        kEinval);
}

TEST_CASE("a machine without a disk has no VBDs, and nothing else is different") {
  CoreHost host;
  BlockGuest guest{host, kKilobytes};
  CHECK(guest.add_vbd(1, {}) == kEnodev);
  CHECK(guest.signal() == kEnodev);
  ControlOp op{};
  op.command = static_cast<u32>(ControlCommand::disk_info);
  op.version = kControlVersion;
  CHECK(host.control(op) == kEnodev);
  CHECK(guest.domain.block == nullptr);
  CHECK(audit(*host.core) == nullptr);
}

TEST_CASE("a disk that prefers whoever came last lets 32 others pass a command, and then those it has already") {
  DiskHost host;
  host.first.put(1, kRead, 1, 5000, {{0}});
  REQUIRE(host.first.signal() == 0);
  u32 next = 2;
  const auto flood = [&] {  // not next to each other, so that nothing is merged
    host.second.put(next, kRead, 1, next % 300 * 16, {{next % BlockGuest::kPages}});
    ++next;
    REQUIRE(host.second.signal() == 0);
  };
  for (u32 i = 0; i < 8; ++i) flood();

  u32 passed = 0;
  while (host.first.answers().empty()) {
    REQUIRE(passed < 200);
    // The newest that no ordered tag holds back: all before the first such tag, or that command itself.
    const auto& commands = host.disk().commands;
    std::size_t chosen = 0;
    while (chosen + 1 < commands.size() && commands[chosen + 1].command.tag == hw::BlockTag::simple) ++chosen;
    if (chosen != 0) ++passed;
    finish(host, chosen);
    if (host.second.answers().size() == 1) flood();
  }
  CHECK(passed == 32 + 7);
  finish_all(host);
}

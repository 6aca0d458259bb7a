#include "model/nic.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <vector>

using hv::MachineFrame;
using model::CoalescingProfile, model::InterruptRouter, model::MachineFile, model::Nic, model::PhysicalMemory;
using sim::Cycles, sim::Duration, sim::Time;

namespace {

constexpr hv::u32 kLine = 16;

// A link that takes 10 us for every frame and keeps what was sent.
class TestWire final : public sim::OutsideWorld {
 public:
  struct Sent {
    sim::Packet packet;
    Time at;
  };
  sim::StationId attach(sim::Endpoint& endpoint, const sim::LinkSettings&) override {
    card = &endpoint;
    return 0;
  }
  Time send(sim::StationId, const sim::Packet& packet, Time at) override {
    sent.push_back({packet, at});
    free_ = std::max(free_, at) + Duration::microseconds(10);
    return free_;
  }
  const sim::TrafficCounts& counts() const override { return counts_; }
  void advance(Time) override {}

  sim::Endpoint* card = nullptr;
  std::vector<Sent> sent;

 private:
  Time free_;
  sim::TrafficCounts counts_;
};

struct TestDriver final : model::DriverCpu {
  explicit TestDriver(sim::EventQueue& queue) : queue{queue} {}
  Time local_time() const override { return queue.now() + ahead; }
  void charge(Cycles cycles) override { charged += cycles; }
  sim::EventQueue& queue;
  Duration ahead;
  Cycles charged;
};

class Bench {
 public:
  explicit Bench(CoalescingProfile profile) : nic{file, profile, kLine, 0x00065b000001, queue, memory, router, driver} {
    nic.connect(wire);
    router.unmask(kLine);
  }

  void post(hv::u32 count) {
    for (hv::u32 i = 0; i < count; ++i) REQUIRE(nic.post_receive(MachineFrame{next_frame++}));
  }
  void arrive(std::uint16_t bytes = 100) {
    sim::Packet packet;
    packet.bytes = bytes;
    for (std::size_t i = 0; i < packet.header.size(); ++i) packet.header[i] = static_cast<std::uint8_t>(i + 1);
    wire.card->receive(packet, queue.now());
  }
  bool transmit(hv::u32 id) {
    hw::TransmitDescriptor descriptor;
    descriptor.id = id;
    descriptor.header_bytes = 60;
    return nic.transmit(descriptor);
  }
  void until_us(std::int64_t us) { queue.run_until(Time::at(Duration::microseconds(us))); }
  void until_just_before_us(std::int64_t us) {
    queue.run_until(Time::at(Duration::microseconds(us) - Duration::picoseconds(1)));
  }
  hv::u32 drain() {
    hv::u32 taken = 0, id;
    hw::ReceiveCompletion completion;
    while (nic.next_received(completion)) ++taken;
    while (nic.next_transmitted(id)) ++taken;
    return taken;
  }
  std::uint64_t interrupts() const { return nic.counts().interrupts; }

  const MachineFile file = MachineFile::load(RINGZERO_SOURCE_DIR "/model/machines/dell2650.json");
  sim::EventQueue queue;
  PhysicalMemory memory{1024};
  TestDriver driver{queue};
  bool pending = false;
  InterruptRouter router{[this](hv::CpuId, hv::u32, bool now_pending) { pending = now_pending; }};
  TestWire wire;
  Nic nic;
  hv::u32 next_frame = 100;
};

}  // namespace

TEST_CASE("Xen's driver: a lone frame interrupts 72 us after it arrived, not a picosecond earlier") {
  Bench bench{CoalescingProfile::xen};
  bench.post(4);
  bench.until_us(100);
  bench.arrive();
  bench.until_us(150);
  bench.arrive();  // a second one does not start the clock anew
  bench.until_just_before_us(172);
  CHECK_FALSE(bench.pending);
  CHECK(bench.drain() == 0);  // and is not to be seen either
  bench.until_us(172);
  CHECK(bench.pending);
  CHECK(bench.drain() == 2);
}

TEST_CASE("Xen's driver: the eighth frame interrupts at once") {
  Bench bench{CoalescingProfile::xen};
  bench.post(20);
  for (int i = 0; i < 7; ++i) bench.arrive();
  CHECK_FALSE(bench.pending);
  bench.arrive();
  CHECK(bench.pending);
  CHECK(bench.drain() == 8);
  bench.nic.interrupt_done();
  bench.until_us(1000);  // the 72 us of the first frame died with the interrupt
  CHECK(bench.interrupts() == 1);
}

TEST_CASE("Linux's driver with NAPI: the first frame interrupts at once") {
  Bench bench{CoalescingProfile::linux24_napi};
  bench.post(2);
  bench.arrive();
  CHECK(bench.pending);
  CHECK(bench.drain() == 1);
}

TEST_CASE("in the handler other limits hold: five frames or 25 us make new ones visible, without an interrupt") {
  Bench bench{CoalescingProfile::xen};
  bench.post(40);
  for (int i = 0; i < 8; ++i) bench.arrive();
  CHECK(bench.drain() == 8);
  for (int i = 0; i < 4; ++i) bench.arrive();
  CHECK(bench.drain() == 0);
  bench.arrive();
  CHECK(bench.drain() == 5);
  bench.arrive();
  bench.until_just_before_us(25);
  CHECK(bench.drain() == 0);
  bench.until_us(25);
  CHECK(bench.drain() == 1);
  CHECK(bench.interrupts() == 1);
  bench.nic.interrupt_done();
  CHECK_FALSE(bench.pending);
  CHECK(bench.interrupts() == 1);
}

TEST_CASE("a handler that leaves visible completions behind is interrupted again as soon as it is done") {
  Bench bench{CoalescingProfile::xen};
  bench.post(40);
  for (int i = 0; i < 13; ++i) bench.arrive();  // 8, then 5 more in the handler
  hw::ReceiveCompletion completion;
  CHECK(bench.nic.next_received(completion));
  bench.nic.interrupt_done();
  CHECK(bench.interrupts() == 2);
  CHECK(bench.pending);
  CHECK(bench.drain() == 12);
  bench.nic.interrupt_done();
  CHECK_FALSE(bench.pending);
}

TEST_CASE("a frame that came too late to be seen in the handler still interrupts") {
  Bench bench{CoalescingProfile::xen};
  bench.post(40);
  for (int i = 0; i < 8; ++i) bench.arrive();
  bench.drain();
  bench.arrive();
  bench.nic.interrupt_done();
  CHECK_FALSE(bench.pending);
  bench.until_us(72);
  CHECK(bench.pending);
  CHECK(bench.drain() == 1);
}

TEST_CASE("transmit completions wait for 300 us or 75 frames with Xen's driver, 150 us or 5 with Linux's") {
  {
    Bench bench{CoalescingProfile::xen};
    CHECK(bench.transmit(1));  // on the wire until 10 us
    bench.until_just_before_us(310);
    CHECK_FALSE(bench.pending);
    bench.until_us(310);
    CHECK(bench.pending);
    CHECK(bench.drain() == 1);
  }
  {
    Bench bench{CoalescingProfile::linux24_napi};
    CHECK(bench.transmit(1));
    bench.until_just_before_us(160);
    CHECK_FALSE(bench.pending);
    bench.until_us(160);
    CHECK(bench.pending);
  }
  {
    Bench bench{CoalescingProfile::linux24_napi};
    for (hv::u32 id = 0; id < 5; ++id) CHECK(bench.transmit(id));
    bench.until_just_before_us(50);
    CHECK_FALSE(bench.pending);
    bench.until_us(50);
    CHECK(bench.pending);
    hv::u32 id;
    for (hv::u32 expected = 0; expected < 5; ++expected) {
      CHECK(bench.nic.next_transmitted(id));
      CHECK(id == expected);
    }
  }
}

TEST_CASE("a receive interrupt shows the transmit completions that were waiting, and the other way round") {
  Bench bench{CoalescingProfile::xen};
  bench.post(1);
  bench.transmit(9);
  bench.until_us(20);
  bench.arrive();
  bench.until_us(92);
  CHECK(bench.pending);
  CHECK(bench.drain() == 2);
  bench.nic.interrupt_done();
  bench.until_us(1000);
  CHECK(bench.interrupts() == 1);
}

TEST_CASE("a frame without a posted buffer is dropped and counted") {
  Bench bench{CoalescingProfile::linux24_napi};
  bench.post(1);
  bench.arrive();
  bench.arrive();
  bench.arrive();
  CHECK(bench.nic.counts().arrived == 3);
  CHECK(bench.nic.counts().received == 1);
  CHECK(bench.nic.counts().dropped_no_buffer == 2);
  CHECK(bench.nic.conserved());
}

TEST_CASE("the rings are bounded: 200 posted buffers, 511 transmits not yet collected") {
  Bench bench{CoalescingProfile::xen};
  bench.post(200);
  CHECK_FALSE(bench.nic.post_receive(MachineFrame{900}));
  for (hv::u32 id = 0; id < 511; ++id) CHECK(bench.transmit(id));
  CHECK_FALSE(bench.transmit(511));
  bench.until_us(100'000);
  CHECK_FALSE(bench.transmit(511));  // sent, but the driver has not looked
  hv::u32 id;
  CHECK(bench.nic.next_transmitted(id));
  CHECK(bench.transmit(511));
  CHECK(bench.nic.counts().transmit_rejected == 2);
  CHECK(bench.nic.conserved());
}

TEST_CASE("frames land in posted buffers in order, header bytes first, nothing behind them") {
  Bench bench{CoalescingProfile::linux24_napi};
  bench.memory.store(101 * 4096 + 20, 0xdddddddd);
  bench.post(2);
  bench.arrive(1514);
  bench.arrive(18);
  hw::ReceiveCompletion completion;
  REQUIRE(bench.nic.next_received(completion));
  CHECK(completion.frame.number() == 100);
  CHECK(completion.bytes == 1514);
  CHECK(bench.memory.load(100 * 4096) == 0x04030201);
  CHECK(bench.memory.load(100 * 4096 + 76) == 0x504f4e4d);
  CHECK(bench.memory.load(100 * 4096 + 80) == 0);
  REQUIRE(bench.nic.next_received(completion));
  CHECK(completion.frame.number() == 101);
  CHECK(completion.bytes == 18);
  CHECK(bench.memory.load(101 * 4096 + 16) == 0x00001211);
  CHECK(bench.memory.load(101 * 4096 + 20) == 0xdddddddd);
}

TEST_CASE("a frame goes out at the driver's local time, with header and the payload's first bytes") {
  Bench bench{CoalescingProfile::xen};
  bench.until_us(5);
  bench.driver.ahead = Duration::microseconds(3);
  bench.memory.store(300 * 4096 + 8, 0x44332211);
  hw::TransmitDescriptor descriptor;
  descriptor.header_bytes = 42;
  descriptor.header[41] = 0x99;
  descriptor.payload_frame = MachineFrame{300};
  descriptor.payload_offset = 8;
  descriptor.payload_bytes = 500;
  CHECK(bench.nic.transmit(descriptor));
  REQUIRE(bench.wire.sent.size() == 1);
  CHECK(bench.wire.sent[0].at == Time::at(Duration::microseconds(8)));
  CHECK(bench.wire.sent[0].packet.bytes == 542);
  CHECK(bench.wire.sent[0].packet.header[41] == 0x99);
  CHECK(bench.wire.sent[0].packet.header[42] == 0x11);
  CHECK(bench.wire.sent[0].packet.header[45] == 0x44);
}

TEST_CASE("the driver pays for the registers it touches") {
  Bench bench{CoalescingProfile::linux24_napi};
  bench.transmit(0);
  CHECK(bench.driver.charged == Cycles{540});  // three posted writes, 75 ns each: the descriptor's two, and the index
  bench.post(1);
  bench.arrive();
  bench.drain();
  CHECK(bench.driver.charged ==
        Cycles{540 + 340 + 170});  // its header missed the cache, its completion every other time
  bench.nic.interrupt_done();
  // Two reads of 600 ns and five writes, and the status block missed.
  CHECK(bench.driver.charged == Cycles{540 + 340 + 170 + 2 * 1440 + 5 * 180 + 340});
}

TEST_CASE("the driver in the hypervisor pays for its code, a packet in two pieces is two descriptors") {
  Bench bench{CoalescingProfile::xen};
  hw::TransmitDescriptor descriptor;
  descriptor.header_bytes = 42;
  descriptor.payload_frame = MachineFrame{300};
  descriptor.payload_bytes = 100;
  CHECK(bench.nic.transmit(descriptor));
  const std::int64_t sent = 300 * 16 / 10 + 5 * 180;  // the driver's code, and registers
  CHECK(bench.driver.charged == Cycles{sent});
  bench.nic.interrupt_done();
  CHECK(bench.driver.charged == Cycles{sent + 1440 + 3 * 180 + 340});
}

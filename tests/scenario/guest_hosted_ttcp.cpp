// TCP of a guest below which a Linux host drives the card: both directions and both packet sizes, event by event.
#include <doctest/doctest.h>

#include <map>
#include <string>

#include "support/guest_host.h"
#include "workloads/ports/vmware/workstation_file.h"

namespace {

using guest::System;
using sim::Duration;
using Direction = guest::TtcpSettings::Direction;

constexpr std::int64_t kBytes = 8 << 20;

class Stream {
 public:
  Stream(System system, Direction direction, std::uint32_t mtu, const guest::WorkstationFile* workstation = nullptr) {
    guest::TtcpSettings ttcp;
    ttcp.direction = direction;
    ttcp.mtu = mtu;
    ttcp.bytes = kBytes;
    guest::GuestSpec guest;
    guest.name = "ttcp";
    guest.memory_bytes = 32 << 20;
    guest.programs = {ttcp};
    guest.network = true;
    guest::HostSpec spec = test::host_of(system, {guest});
    spec.workstation_file = workstation;
    guest::Host host{std::move(spec)};
    host.boot();
    for (int i = 0; i < 100 && !host.finished(); ++i) host.run_for(Duration::milliseconds(50));
    REQUIRE(host.finished());
    host.run_for(Duration::milliseconds(500));  // the ends say goodbye
    for (const guest::Metric& metric : host.metrics()) counts_[metric.name] = metric.value;
    for (const guest::ProgramResult& value : host.results(0)) {
      if (value.name == "ttcp.rate") rate_ = value.value;
    }
    wrong_ = host.audit();
  }
  std::int64_t operator[](const std::string& name) const { return counts_.at(name); }
  double rate() const { return rate_; }  // 2^20 bit/s
  const std::optional<std::string>& wrong() const { return wrong_; }

 private:
  std::map<std::string, std::int64_t> counts_;
  double rate_ = 0;
  std::optional<std::string> wrong_;
};

double per(std::int64_t events, std::int64_t frames) {
  return static_cast<double>(events) / static_cast<double>(frames);
}

}  // namespace

TEST_CASE("hosted: ttcp sends and receives at both packet sizes, everything arrives, and what is lost is counted") {
  for (const System system : {System::vmware, System::uml}) {
    for (const Direction direction : {Direction::transmit, Direction::receive}) {
      for (const auto& [packet, wire] : {std::pair{1500u, 897.87}, std::pair{500u, 794.14}}) {
        const std::uint32_t mtu = packet;  // clang 14 captures no binding
        CAPTURE(static_cast<int>(system));
        CAPTURE(static_cast<int>(direction));
        CAPTURE(mtu);
        const Stream stream{system, direction, mtu};
        const bool sends = direction == Direction::transmit;
        const std::int64_t segments = (kBytes + mtu - 53) / (mtu - 52);
        CHECK(stream.rate() > 10);
        CHECK(stream.rate() < wire * 1.01);
        CHECK(stream["peer.0.bytes_read"] == (sends ? kBytes : 0));
        CHECK(stream[sends ? "kernel.packets_transmitted" : "kernel.packets_received"] >= segments);
        CHECK(stream["nic.dropped"] == 0);
        CHECK(stream["kernel.transmit_dropped"] == 0);
        if (stream["kernel.receive_dropped"] == 0) CHECK(stream["peer.0.retransmitted"] == 0);
        CHECK(!stream.wrong());
        MESSAGE(stream.rate(), ", dropped on the way in: ", stream["kernel.receive_dropped"],
                ", sent again: ", stream["peer.0.retransmitted"]);
      }
    }
  }
}

TEST_CASE(
    "vmware: every access to the card and to the interrupt controller in a stream belongs to a frame or a handler") {
  for (const Direction direction : {Direction::transmit, Direction::receive}) {
    CAPTURE(static_cast<int>(direction));
    const Stream stream{System::vmware, direction, 1500};
    const std::int64_t handlers = stream["vmware.card_interrupts"], sent = stream["kernel.packets_transmitted"],
                       received = stream["kernel.packets_received"], ticks = stream["kernel.ticks"];
    // A handler saves and restores the address register; each access to the data register has one before it.
    CHECK(stream["vmware.card_address_accesses"] == stream["vmware.card_data_accesses"] + 2 * handlers);
    // A frame to be sent takes one; a handler two, and two more for each time that it finds something.
    const std::int64_t found = (stream["vmware.card_data_accesses"] - sent - 2 * handlers) / 2;
    CHECK(stream["vmware.card_data_accesses"] == sent + 2 * handlers + 2 * found);
    CHECK(found >= handlers);
    CHECK(stream["vmware.port_accesses"] == 5 * handlers + 3 * ticks);
    CHECK(handlers < sent + received);  // what is there together is taken together
    MESSAGE("per frame: ", per(stream["vmware.world_switches"], sent + received), " world switches, ",
            per(handlers, sent + received), " virtual interrupts");
  }
}

TEST_CASE("vmware: frames that wait for each other save world switches; the third takes the others with it") {
  guest::WorkstationFile alone = guest::WorkstationFile::workstation32();
  alone.set("vmware.combined_sends", 1);
  const Stream each{System::vmware, Direction::transmit, 1500, &alone},
      three{System::vmware, Direction::transmit, 1500};
  CHECK(each["vmware.combined_sends"] == 0);
  CHECK(each["vmware.world_switches"] >= each["kernel.packets_transmitted"]);
  const std::int64_t sent = three["kernel.packets_transmitted"], combined = three["vmware.combined_sends"];
  CHECK(combined > sent / 2);
  CHECK(combined < sent);  // beyond two of three: a card's interrupt switched worlds before the third
  CHECK(three["vmware.world_switches"] < each["vmware.world_switches"]);
  CHECK(three.rate() > each.rate());
  CHECK(!each.wrong());
  MESSAGE("world switches per frame ", per(each["vmware.world_switches"], each["kernel.packets_transmitted"]), " and ",
          per(three["vmware.world_switches"], sent));
}

TEST_CASE(
    "uml: a frame is one host call each way; a burst is a signal, a read that finds nothing, and at most two polls") {
  for (const Direction direction : {Direction::transmit, Direction::receive}) {
    CAPTURE(static_cast<int>(direction));
    const Stream stream{System::uml, direction, 1500};
    const std::int64_t frames = stream["kernel.packets_transmitted"] + stream["kernel.packets_received"];
    CHECK(stream["uml.frame_writes"] == stream["kernel.packets_transmitted"]);
    const std::int64_t bursts = stream["uml.frame_reads"] - stream["kernel.packets_received"];
    CHECK(bursts > 0);
    CHECK(bursts <= stream["kernel.packets_received"]);
    const std::int64_t system_calls = stream["uml.switches"] / 4, ticks = stream["kernel.ticks"];
    const std::int64_t others = stream["uml.calls"] - 9 * system_calls;
    CHECK(others >= bursts);  // one poll that finds it
    CHECK(others <= 3 * bursts + 12 * ticks + 4 * (system_calls + bursts));
    const double masks = per(stream["uml.signal_masks"], frames);
    MESSAGE("per frame: ", masks, " changes of the signal mask, ", per(bursts, frames), " bursts");
    CHECK(masks > 8);  // sending alone: the driver's pair and the buffer's
    CHECK(masks < 80);
  }
}

TEST_CASE("hosted: of a burst that fits the host's queue every ping is answered, the last ones too") {
  constexpr std::size_t kClients = 60;
  for (const System system : {System::vmware, System::uml}) {
    CAPTURE(static_cast<int>(system));
    guest::HostSpec spec = test::host_of(system, {test::echo_guest("echo")});
    for (std::size_t i = 0; i < kClients; ++i) {  // all at the same moments
      spec.clients.push_back(test::fixed_client("echo", Duration::milliseconds(50)));
      spec.clients.back().start = Duration::milliseconds(3);
      spec.clients.back().timeout = Duration::milliseconds(40);
    }
    guest::Host host{std::move(spec)};
    host.boot();
    host.run_for(Duration::milliseconds(500));
    Duration slowest;
    for (std::size_t i = 0; i < kClients; ++i) {
      CHECK(host.client(i).samples().size() == 10);
      for (const auto& sample : host.client(i).samples()) slowest = std::max(slowest, sample.latency);
    }
    CHECK(slowest < Duration::milliseconds(20));
    CHECK(!host.audit());
  }
}

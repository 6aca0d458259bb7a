// A guest below which a Linux host drives the card: UDP echo, event by event.
#include <doctest/doctest.h>

#include <map>
#include <string>

#include "support/guest_host.h"
#include "workloads/ports/vmware/workstation_file.h"

namespace {

using guest::System;
using sim::Duration;

constexpr std::int64_t kPings = 50, kTicksPerPing = 2;

// So many pings, one every 20 ms, of a guest that does nothing else; or, silent, the same time without any.
class Echo {
 public:
  explicit Echo(System system, bool pinged = true, const guest::WorkstationFile* workstation = nullptr) {
    constexpr Duration kInterval = Duration::milliseconds(10) * kTicksPerPing;
    guest::HostSpec spec = test::host_of(system, {test::echo_guest("echo")});
    spec.workstation_file = workstation;
    if (pinged) {
      spec.clients = {test::fixed_client("echo", kInterval)};
      spec.clients[0].start = Duration::milliseconds(3);  // between two ticks
    }
    host_.emplace(std::move(spec));
    host_->boot();
    host_->run_for(kInterval * kPings);
    for (const guest::Metric& metric : host_->metrics()) counts_[metric.name] = metric.value;
  }
  std::int64_t operator[](const std::string& name) const { return counts_.at(name); }
  const guest::Host& host() const { return *host_; }

 private:
  std::optional<guest::Host> host_;
  std::map<std::string, std::int64_t> counts_;
};

}  // namespace

TEST_CASE("hosted: every ping of a guest on a hosted monitor or in a host's process is answered, and none is lost") {
  for (const System system : {System::vmware, System::uml}) {
    CAPTURE(static_cast<int>(system));
    const Echo echo{system};
    CHECK(echo["client.0.sent"] == kPings);
    CHECK(echo["client.0.replies"] == kPings);
    CHECK(echo["kernel.packets_received"] == kPings);
    CHECK(echo["kernel.packets_transmitted"] == kPings);
    CHECK(echo["kernel.receive_dropped"] == 0);
    CHECK(echo["kernel.transmit_dropped"] == 0);
    CHECK(!echo.host().audit());
  }
}

TEST_CASE("vmware: a ping is 13 accesses to the card's address register, 9 to its data, and two virtual interrupts") {
  const Echo echo{System::vmware}, silent{System::vmware, false};
  const auto each = [&](const char* name) { return (echo[name] - silent[name]) / kPings; };
  // In each of the two handlers: the address read and put back, status read, acknowledged, read again, interrupts on.
  // For the answer one more.
  CHECK(each("vmware.card_address_accesses") == 2 * 6 + 1);
  CHECK(each("vmware.card_data_accesses") == 2 * 4 + 1);
  CHECK(each("vmware.card_interrupts") == 2);  // it has come; the answer is sent
  CHECK(each("vmware.port_accesses") == 2 * 5);
  CHECK(each("vmware.world_switches") == 2);  // to the process that sends, and back from and to sleep
  CHECK(echo["vmware.combined_sends"] == 0);  // worlds are not switched often
}

TEST_CASE("vmware: without the monitor's emulation of status accesses, each of them switches worlds") {
  guest::WorkstationFile file = guest::WorkstationFile::workstation32();
  file.set("vmware.status_switches", 1);
  const Echo echo{System::vmware, true, &file}, silent{System::vmware, false, &file};
  CHECK(echo["client.0.replies"] == kPings);
  CHECK((echo["vmware.world_switches"] - silent["vmware.world_switches"]) / kPings == 1 + 9);
}

TEST_CASE("uml: a ping is a read that finds it, a read that finds nothing, two polls, and a write") {
  const Echo echo{System::uml}, silent{System::uml, false};
  const auto each = [&](const char* name) { return (echo[name] - silent[name]) / kPings; };
  CHECK(each("uml.frame_reads") == 2);
  CHECK(each("uml.frame_writes") == 1);
  CHECK(each("uml.switches") == 2 * 4);  // the process's two system calls
  // These two; sleeping again, the signal, the polls, and the timers of the idle process given back and forth.
  CHECK(each("uml.calls") == 2 * 9 + 1 + 1 + 2 + 2 * 2);
  MESSAGE("changes of the signal mask in a ping: ", each("uml.signal_masks"));
  CHECK(each("uml.signal_masks") > 60);
}

TEST_CASE("hosted: a ping takes longer below a host than on bare hardware") {
  const auto round_trip = [](System system) {
    const Echo echo{system};
    return echo.host().client(0).samples().back().latency;
  };
  const Duration native = round_trip(System::native), vmware = round_trip(System::vmware),
                 uml = round_trip(System::uml);
  MESSAGE("native ", native.nanoseconds(), ", vmware ", vmware.nanoseconds(), ", uml ", uml.nanoseconds(), " ns");
  CHECK(vmware > native);
  CHECK(uml > native);
}

TEST_CASE(
    "hosted: of a burst longer than the host's queue the rest is dropped there, and every ping is accounted for") {
  constexpr std::size_t kClients = 150;
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
    std::uint64_t sent = 0, answered = 0, lost = 0;
    for (std::size_t i = 0; i < kClients; ++i) {
      sent += host.client(i).sent();
      answered += host.client(i).samples().size();
      lost += host.client(i).lost();
    }
    MESSAGE("of ", sent, " pings ", lost, " lost");
    CHECK(sent == 10 * kClients);
    CHECK(answered + lost == sent);
    CHECK(lost > 0);
    CHECK(static_cast<std::int64_t>(lost) == test::count_of(host, "kernel.receive_dropped"));
    CHECK(!host.audit());
  }
}

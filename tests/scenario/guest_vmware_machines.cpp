// Several virtual machines on one VMware Workstation host: who has the processors, the drive and the card.
#include <doctest/doctest.h>

#include <map>
#include <string>

#include "support/guest_host.h"

namespace {

using guest::RawDiskSettings;
using guest::System;
using sim::Duration;

constexpr double kSecond = 1e9;  // ns

// Booted, run for so long, audited; then its metrics.
class Run {
 public:
  Run(std::vector<guest::GuestSpec> guests, std::uint32_t cpus, Duration duration,
      std::vector<guest::ClientSpec> clients = {}) {
    guest::HostSpec spec = test::host_of(System::vmware, std::move(guests), cpus);
    spec.drive = &test::ultrastar();
    spec.clients = std::move(clients);
    host_.emplace(std::move(spec));
    host_->boot();
    CHECK(host_->audit() == std::nullopt);
    for (int i = 0; i < 10; ++i) {
      host_->run_for(duration / 10);
      CHECK(host_->audit() == std::nullopt);
    }
    for (const guest::Metric& metric : host_->metrics()) metrics_[metric.name] = metric.value;
  }
  std::int64_t operator[](const std::string& name) const { return metrics_.at(name); }
  double cpu_time(const std::string& guest) const {
    return static_cast<double>((*this)["guest." + guest + ".cpu_time"]);
  }
  double work(std::size_t guest) const { return static_cast<double>(host_->useful_cycles(guest)); }
  const guest::Host& host() const { return *host_; }

 private:
  std::optional<guest::Host> host_;
  std::map<std::string, std::int64_t> metrics_;
};

guest::GuestSpec computing(const std::string& name) { return test::computing_guest(name, 32); }

guest::GuestSpec idle(const std::string& name) {
  guest::GuestSpec spec = computing(name);
  spec.programs.clear();
  return spec;
}

guest::GuestSpec on_disk(const std::string& name, RawDiskSettings::Operation operation) {
  guest::GuestSpec spec = idle(name);
  const bool write = operation == RawDiskSettings::Operation::write;
  using Access = guest::DiskSpec::Access;
  spec.disks = {{"hda", write ? 64u << 20 : 1u << 20, write ? Access::read_write : Access::read_only}};
  RawDiskSettings load;
  load.operation = operation;
  load.count = 300;
  spec.programs = {load};
  return spec;
}

}  // namespace

TEST_CASE("vmware: two machines that compute share one processor by halves") {
  const Run run{{computing("a"), computing("b")}, 1, Duration::seconds(2)};
  CHECK(run.cpu_time("a") == doctest::Approx(kSecond).epsilon(0.08));
  CHECK(run.cpu_time("a") + run.cpu_time("b") == doctest::Approx(2 * kSecond).epsilon(0.001));
  CHECK(run.work(0) == doctest::Approx(run.work(1)).epsilon(0.08));
  // Slices of 60 ms, and when both are used up the one that has just run comes first: its address space is loaded.
  CHECK(run["guest.a.switches_in"] >= 7);
  CHECK(run["guest.a.switches_in"] <= 9);
  // A machine's timer catches up with what it has slept through.
  CHECK(run["guest.a.ticks"] >= 187);
  CHECK(run["guest.a.ticks"] <= 213);
}

TEST_CASE("vmware: on two processors each of two machines has its own, and three share them by thirds") {
  const Run two{{computing("a"), computing("b")}, 2, Duration::seconds(1)};
  CHECK(two.cpu_time("a") == doctest::Approx(kSecond).epsilon(0.001));
  CHECK(two.cpu_time("b") == doctest::Approx(kSecond).epsilon(0.001));
  CHECK(two["guest.a.switches_in"] + two["guest.b.switches_in"] == 0);
  const Run three{{computing("a"), computing("b"), computing("c")}, 2, Duration::seconds(3)};
  for (const char* name : {"a", "b", "c"}) {
    CAPTURE(name);
    CHECK(three.cpu_time(name) == doctest::Approx(2 * kSecond).epsilon(0.05));
  }
}

TEST_CASE("vmware: a machine whose guest halts leaves its processor to the other, but for its ticks") {
  const Run run{{computing("a"), idle("b")}, 1, Duration::seconds(1)};
  CHECK(run.cpu_time("a") > 0.98 * kSecond);
  CHECK(run["guest.b.switches_in"] == doctest::Approx(100).epsilon(0.02));
  CHECK(run["guest.b.ticks"] == doctest::Approx(100).epsilon(0.02));
  CHECK(run["cpu.0.idle"] == 0);
  const Run both{{idle("a"), idle("b")}, 1, Duration::seconds(1)};
  CHECK(static_cast<double>(both["cpu.0.idle"]) > 0.97 * 2.4e9);
}

TEST_CASE("vmware: two machines on one drive have their own parts of it, and one cache and one queue") {
  using Operation = RawDiskSettings::Operation;
  const Run run{{on_disk("a", Operation::read), on_disk("b", Operation::read)}, 2, Duration::seconds(10)};
  CHECK(run.host().finished());
  // Of 256 pages each; none of one is found for the other.
  CHECK(run["host.pages_read"] > 256);
  CHECK(run["host.pages_read"] <= 512);
  CHECK(run["host.disk_calls"] >= 598);
  const Run written{{on_disk("a", Operation::write), on_disk("b", Operation::write)}, 1, Duration::seconds(40)};
  CHECK(written.host().finished());
  CHECK(written["host.pages_written_back"] > 590);  // random ones of 64 MiB: hardly any twice
  CHECK(written["host.pages_written_back"] <= 610);
}

TEST_CASE("vmware: a page that two machines read of one disk at once comes from the drive once, and both wait for it") {
  std::vector<guest::GuestSpec> guests = {on_disk("a", RawDiskSettings::Operation::read),
                                          on_disk("b", RawDiskSettings::Operation::read)};
  for (guest::GuestSpec& guest : guests) {
    guest.disks = {{"hda", 4096, guest::DiskSpec::Access::read_only, 0}};
    auto& load = std::get<RawDiskSettings>(guest.programs.front());
    load.pattern = RawDiskSettings::Pattern::sequential;
    load.count = 1;
  }
  const Run run{std::move(guests), 2, Duration::seconds(1)};
  CHECK(run.host().finished());
  CHECK(run["drive.reads"] == 1);
  for (std::size_t i = 0; i < 2; ++i) {
    for (const guest::ProgramResult& result : run.host().results(i)) {
      if (result.name == "raw_disk.latency_mean") CHECK(result.value > 1);  // ms
    }
  }
}

TEST_CASE("vmware: frames reach the machine that they are for, whichever processor it has") {
  for (const std::uint32_t cpus : {1u, 2u}) {
    CAPTURE(cpus);
    std::vector<guest::GuestSpec> guests = {computing("busy"), test::echo_guest("a", 32), test::echo_guest("b", 32)};
    const Run run{
        std::move(guests),
        cpus,
        Duration::seconds(1),
        {test::fixed_client("a", Duration::milliseconds(10)), test::fixed_client("b", Duration::milliseconds(20))}};
    CHECK(run["client.0.replies"] >= 98);
    CHECK(run["client.1.replies"] >= 48);
    CHECK(run["client.0.lost"] + run["client.1.lost"] == 0);
    CHECK(run["guest.a.packets_received"] >= 98);
    CHECK(run["guest.a.packets_received"] <= 101);
    CHECK(run["guest.b.packets_received"] <= 51);
    CHECK(run["guest.busy.packets_received"] == 0);
  }
}

TEST_CASE("vmware: a frame wakes a machine that sleeps at once, beside one that computes too: it has time left") {
  for (const std::uint32_t cpus : {1u, 2u}) {
    CAPTURE(cpus);
    std::vector<guest::GuestSpec> guests = {computing("busy"), test::echo_guest("a", 32), idle("b")};
    const Run run{std::move(guests), cpus, Duration::seconds(1), {test::fixed_client("a", Duration::milliseconds(7))}};
    CHECK(run.host().client(0).samples().size() >= 140);
    Duration longest{};
    for (const guest::UdpSample& sample : run.host().client(0).samples()) longest = std::max(longest, sample.latency);
    MESSAGE(longest.nanoseconds(), " ns");
    CHECK(longest < Duration::milliseconds(1));
  }
}

TEST_CASE("vmware: what several machines cannot have is refused by name") {
  const auto refused = [](std::vector<guest::GuestSpec> guests, const std::string& part) {
    try {
      guest::Host{test::host_of(System::vmware, std::move(guests))};
    } catch (const guest::SpecError& error) {
      CHECK_MESSAGE(std::string{error.what()}.find(part) != std::string::npos, error.what());
      return;
    }
    FAIL("not refused: ", part);
  };
  refused({test::computing_guest("a", 896), test::computing_guest("b", 896)}, "b: 896 MiB do not fit any more");
  refused({test::computing_guest("a", 33), computing("b")}, "a: memory of a virtual machine must be whole 4 MiB");
  refused({test::computing_guest("a", 900), computing("b")}, "a: 900 MiB: of several");
  refused({computing("a"), test::computing_guest("b", 8)}, "b: 8 MiB of memory is too small");
  guest::GuestSpec two_cpus = computing("b");
  two_cpus.vcpus = 2;
  refused({computing("a"), two_cpus}, "b: 2 virtual CPUs");
}

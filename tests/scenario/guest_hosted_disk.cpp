// A disk of a guest below which a Linux host drives it through its cache.
#include <doctest/doctest.h>

#include <map>
#include <string>

#include "support/guest_host.h"
#include "workloads/ports/uml/uml_file.h"
#include "workloads/ports/vmware/workstation_file.h"

namespace {

using guest::RawDiskSettings;
using guest::System;
using sim::Duration;

constexpr auto kRandom = RawDiskSettings::Pattern::random;
constexpr auto kSequential = RawDiskSettings::Pattern::sequential;
constexpr auto kRead = RawDiskSettings::Operation::read;
constexpr auto kWrite = RawDiskSettings::Operation::write;
constexpr auto kMixed = RawDiskSettings::Operation::mixed;
constexpr System kHosted[] = {System::vmware, System::uml};

RawDiskSettings settings(RawDiskSettings::Pattern pattern, RawDiskSettings::Operation operation, std::uint64_t count) {
  RawDiskSettings result;
  result.pattern = pattern;
  result.operation = operation;
  result.count = count;
  return result;
}

class Run {
 public:
  struct Choices {
    std::uint64_t disk_bytes = 4ull << 30;
    guest::DiskSpec::Access access = guest::DiskSpec::Access::read_write;
    const guest::WorkstationFile* workstation = nullptr;
    const guest::UmlFile* uml = nullptr;
    Duration after{};  // the end
    std::vector<std::uint64_t> bad_sectors{};
  };
  Run(System system, RawDiskSettings load) : Run{system, std::move(load), Choices{}} {}
  Run(System system, RawDiskSettings load, const Choices& choices) {
    guest::GuestSpec guest;
    guest.name = "disk";
    guest.memory_bytes = 32 << 20;
    guest.disks = {{"hda", choices.disk_bytes, choices.access}};
    guest.programs = {std::move(load)};
    guest::HostSpec spec = test::host_of(system, {guest});
    spec.drive = &test::ultrastar();
    spec.workstation_file = choices.workstation;
    spec.uml_file = choices.uml;
    spec.bad_sectors = choices.bad_sectors;
    guest::Host host{std::move(spec)};
    host.boot();
    const sim::Time last = host.now() + Duration::seconds(200);
    while (!host.finished() && host.now() < last) host.run_for(Duration::milliseconds(10));
    REQUIRE(host.finished());
    host.run_for(choices.after);
    for (const guest::Metric& metric : host.metrics()) counts_[metric.name] = metric.value;
    for (const guest::ProgramResult& result : host.results(0)) results_[result.name] = result.value;
    CHECK(!host.audit());
  }
  std::int64_t operator[](const std::string& name) const { return counts_.at(name); }
  double result(const std::string& name) const { return results_.at("raw_disk." + name); }

 private:
  std::map<std::string, std::int64_t> counts_;
  std::map<std::string, double> results_;
};

// 256 pages, and no file system on them.
const Run::Choices kSmall{.disk_bytes = 1 << 20, .access = guest::DiskSpec::Access::read_only};

}  // namespace

TEST_CASE(
    "hosted: random reads of a disk much larger than the host's cache take what the drive takes, and little more") {
  const double native = Run{System::native, settings(kRandom, kRead, 300)}.result("latency_mean");
  for (const System system : kHosted) {
    CAPTURE(static_cast<int>(system));
    const Run run{system, settings(kRandom, kRead, 300)};
    CHECK(run.result("requests") == 300);
    CHECK(run.result("failed") == 0);
    CHECK(run["drive.reads"] + run["host.pages_found"] >= 299);
    CHECK(run.result("latency_mean") > native - 0.2);
    CHECK(run.result("latency_mean") < native + 0.5);
    MESSAGE(run.result("latency_mean"), " ms, native ", native);
  }
}

TEST_CASE("hosted: what was read once is in the host's cache and does not come to the drive again") {
  for (const System system : kHosted) {
    CAPTURE(static_cast<int>(system));
    const Run run{system, settings(kRandom, kRead, 3000), kSmall};
    CHECK(run["host.pages_read"] <= 256);
    CHECK(run["host.pages_read"] + run["host.pages_found"] >= 2999);
    CHECK(run.result("latency_mean") < 0.5);  // ms, most of them without the drive
    MESSAGE(run.result("latency_mean"), " ms");
  }
}

TEST_CASE("hosted: a write is over when the host's cache has it; 30 to 40 s later all of it has reached the drive") {
  for (const System system : kHosted) {
    CAPTURE(static_cast<int>(system));
    const Run soon{system, settings(kRandom, kWrite, 500)};
    CHECK(soon.result("latency_mean") < 0.5);  // ms
    CHECK(soon["drive.writes"] == 0);
    CHECK(soon["host.pages_dirty"] > 490);
    Run::Choices wait;
    wait.after = Duration::seconds(40);
    const Run late{system, settings(kRandom, kWrite, 500), wait};
    CHECK(late["host.pages_dirty"] == 0);
    CHECK(late["host.pages_written_back"] == soon["host.pages_dirty"]);
    CHECK(late["drive.writes"] > 400);
  }
}

TEST_CASE("hosted: a stream of writes that fills the host's cache comes down to the pace of the drive") {
  guest::WorkstationFile workstation = guest::WorkstationFile::workstation32();
  workstation.set("vmware.cache_pages", 4096);
  guest::UmlFile uml = guest::UmlFile::skas3();
  uml.set("uml.cache_pages", 4096);
  Run::Choices choices;
  choices.workstation = &workstation;
  choices.uml = &uml;
  for (const System system : kHosted) {
    CAPTURE(static_cast<int>(system));
    RawDiskSettings load = settings(kSequential, kWrite, 1500);
    load.block_bytes = 64 << 10;  // 96 MB through 16
    const Run run{system, load, choices};
    CHECK(run["host.pages_written_back"] > 1500 * 16 - 4096);
    CHECK(run["host.pages_dirty"] <= 4096 * 61 / 100 + 128);
    CHECK(run["drive.writes"] < 1500);  // page joined to page, up to 128
    if (system == System::vmware) CHECK(run["host.disk_throttled"] > 0);
    MESSAGE(run.result("bandwidth"), " MB/s, throttled ", run["host.disk_throttled"]);
  }
}

TEST_CASE("vmware: a request is 15 port accesses and a switch to the process, its interrupt 5 and 5 more") {
  const Run run{System::vmware, settings(kRandom, kMixed, 500)};
  const std::int64_t requests = run["vmware.disk_requests"];
  CHECK(requests >= 499);
  CHECK(run["vmware.disk_interrupts"] == requests);
  CHECK(run["vmware.disk_port_accesses"] == 20 * requests);
  CHECK(run["vmware.port_accesses"] == 5 * requests + 3 * run["kernel.ticks"]);
  CHECK(run["vmware.world_switches"] >= requests);
  CHECK(run["host.disk_calls"] == requests);
}

TEST_CASE("vmware: a process that looks once a tick makes each request wait for that") {
  guest::WorkstationFile file = guest::WorkstationFile::workstation32();
  file.set("vmware.disk_notice_ticks", 1);
  Run::Choices polled = kSmall;
  polled.workstation = &file;
  const Run run{System::vmware, settings(kRandom, kRead, 300), polled};
  CHECK(run.result("latency_mean") > 9);  // ms
  CHECK(run.result("latency_mean") < 21);
}

TEST_CASE("vmware: a large read is cut into requests of 64 KB; uml: into single pages") {
  RawDiskSettings load = settings(kSequential, kRead, 8);
  load.block_bytes = 256 << 10;
  const Run vmware{System::vmware, load};
  CHECK(vmware["vmware.disk_requests"] >= 28);
  CHECK(vmware["vmware.disk_requests"] <= 32);
  const Run uml{System::uml, load};
  CHECK(uml["uml.block_calls"] >= 7 * 64);
  CHECK(uml["uml.block_calls"] <= 8 * 64);
}

TEST_CASE("hosted: a sector that cannot be read fails the guest's read, again and again, and nothing else") {
  for (const System system : kHosted) {
    CAPTURE(static_cast<int>(system));
    Run::Choices choices = kSmall;
    choices.bad_sectors = {800};
    const Run run{system, settings(kRandom, kRead, 2000), choices};
    CHECK(run.result("failed") > 0);
    CHECK(run.result("failed") < 100);
  }
}

TEST_CASE("hosted: a disk without a drive is refused by name") {
  for (const System system : kHosted) {
    guest::GuestSpec guest;
    guest.name = "disk";
    guest.memory_bytes = 32 << 20;
    guest.disks = {{"hda", 1 << 20}};
    guest.programs = {settings(kRandom, kRead, 1)};
    CHECK_THROWS_AS(guest::Host{test::host_of(system, {guest})}, guest::SpecError);
  }
}

// A disk from a program down to the drive: on bare hardware and through a virtual block device.
#include <doctest/doctest.h>

#include "support/guest_host.h"

namespace {

using guest::RawDiskSettings;
using guest::System;
using sim::Duration;

guest::GuestSpec disk_guest(const std::string& name, RawDiskSettings settings, std::uint64_t megabytes = 32) {
  guest::GuestSpec spec;
  spec.name = name;
  spec.memory_bytes = megabytes << 20;
  spec.disks = {{"xvda", 4ull << 30}};
  spec.programs = {std::move(settings)};
  return spec;
}

guest::HostSpec disk_host(System system, std::vector<guest::GuestSpec> guests, std::uint32_t cpus = 1) {
  guest::HostSpec spec = test::host_of(system, std::move(guests), cpus);
  spec.drive = &test::ultrastar();
  return spec;
}

RawDiskSettings settings(RawDiskSettings::Pattern pattern, RawDiskSettings::Operation operation, std::uint64_t count) {
  RawDiskSettings result;
  result.pattern = pattern;
  result.operation = operation;
  result.count = count;
  return result;
}

double result_of(const guest::Host& host, const std::string& name, std::size_t guest = 0) {
  for (const guest::ProgramResult& result : host.results(guest)) {
    if (result.name == "raw_disk." + name) return result.value;
  }
  throw std::out_of_range{"no result " + name};
}

void run_to_the_end(guest::Host& host, Duration limit = Duration::seconds(200)) {
  host.boot();
  const sim::Time last = host.now() + limit;
  while (!host.finished() && host.now() < last) host.run_for(Duration::milliseconds(10));
  REQUIRE(host.finished());
}

constexpr auto kRandom = RawDiskSettings::Pattern::random;
constexpr auto kSequential = RawDiskSettings::Pattern::sequential;
constexpr auto kRead = RawDiskSettings::Operation::read;
constexpr auto kWrite = RawDiskSettings::Operation::write;

}  // namespace

TEST_CASE("random reads take a seek, half a rotation and little else, on bare hardware and in a domain") {
  double native_ms = 0;
  for (const System system : {System::native, System::xen}) {
    CAPTURE(static_cast<int>(system));
    guest::Host host{disk_host(system, {disk_guest("disk", settings(kRandom, kRead, 500))})};
    run_to_the_end(host);
    CHECK(result_of(host, "requests") == 500);
    CHECK(result_of(host, "failed") == 0);
    const double mean = result_of(host, "latency_mean");
    // Half a rotation is 3 ms; seeks within 4 of 146 GB are short; software is some 0.03 ms.
    CHECK(mean > 3.0);
    CHECK(mean < 9.0);
    if (system == System::native) native_ms = mean;
    if (system == System::xen) {
      CHECK(mean > native_ms - 0.2);  // the same places on the same drive
      CHECK(mean < native_ms + 0.2);
    }
    const std::string kernel = system == System::xen ? "guest.disk" : "kernel";
    // The first may have begun before the host counts as booted.
    CHECK(test::count_of(host, kernel + ".disk_reads") >= 499);
    CHECK(test::count_of(host, kernel + ".disk_reads") <= 500);
    CHECK(test::count_of(host, kernel + ".disk_read_bytes") == 500 * 4096);
    CHECK(test::count_of(host, kernel + ".disk_merges") == 0);
    CHECK(test::count_of(host, "drive.reads") == 500);
    CHECK(!host.audit());
  }
}

TEST_CASE("a large request is one command of merged buffers on bare hardware, and ring entries of twelve in a domain") {
  for (const System system : {System::native, System::xen}) {
    CAPTURE(static_cast<int>(system));
    RawDiskSettings large = settings(kSequential, kRead, 8);
    large.block_bytes = 256 << 10;
    guest::Host host{disk_host(system, {disk_guest("disk", large)})};
    run_to_the_end(host);
    const std::string kernel = system == System::xen ? "guest.disk" : "kernel";
    // 64 buffers each: 512 sectors are one SCSI request, or four of a VBD's 128.
    // The first of the eight may have been queued before the host counts as booted.
    const std::int64_t requests = test::count_of(host, kernel + ".disk_reads");
    const std::int64_t each = system == System::xen ? 4 : 1;
    CHECK(requests >= 7 * each);
    CHECK(requests <= 8 * each);
    CHECK(test::count_of(host, kernel + ".disk_merges") == requests / each * (64 - each));
    CHECK(test::count_of(host, kernel + ".disk_read_bytes") == 8 * 262'144);
    CHECK(!host.audit());
  }
}

TEST_CASE("a bad sector is an error of the program's read, and of nothing else") {
  for (const System system : {System::native, System::xen}) {
    CAPTURE(static_cast<int>(system));
    guest::HostSpec spec = disk_host(system, {disk_guest("disk", settings(kSequential, kRead, 100))});
    spec.bad_sectors = {8 * 42 + 3};
    guest::Host host{std::move(spec)};
    run_to_the_end(host);
    CHECK(result_of(host, "requests") == 100);
    CHECK(result_of(host, "failed") == 1);
    const std::string kernel = system == System::xen ? "guest.disk" : "kernel";
    CHECK(test::count_of(host, kernel + ".disk_errors") == 1);
    CHECK(!host.audit());
  }
}

TEST_CASE("sequential reads of several processes run at the rate of the medium") {
  for (const System system : {System::native, System::xen}) {
    CAPTURE(static_cast<int>(system));
    RawDiskSettings stream = settings(kSequential, kRead, 2000);
    stream.block_bytes = 64 << 10;
    stream.depth = 8;
    guest::Host host{disk_host(system, {disk_guest("disk", stream, 64)})};
    run_to_the_end(host);
    CHECK(result_of(host, "bandwidth") > 50);
    CHECK(result_of(host, "bandwidth") < 70);
    CHECK(!host.audit());
  }
}

TEST_CASE("a writer at depth 100 fills its queue of 64 requests and the rest waits, and all is written") {
  for (const System system : {System::native, System::xen}) {
    CAPTURE(static_cast<int>(system));
    RawDiskSettings deep = settings(kRandom, kWrite, 1000);
    deep.depth = 100;
    guest::Host host{disk_host(system, {disk_guest("disk", deep, 64)})};
    run_to_the_end(host);
    CHECK(result_of(host, "requests") == 1000);
    const std::string kernel = system == System::xen ? "guest.disk" : "kernel";
    CHECK(test::count_of(host, kernel + ".disk_waits") > 0);
    CHECK(test::count_of(host, kernel + ".disk_written_bytes") == 1000 * 4096);
    CHECK(!host.audit());
  }
}

TEST_CASE(
    "beside a hog a reader's waits are bounded: by the driver's ordered tags on bare hardware, by the core's fences") {
  for (const System system : {System::native, System::xen}) {
    CAPTURE(static_cast<int>(system));
    RawDiskSettings hog = settings(kSequential, kWrite, 0);
    hog.count.reset();
    hog.block_bytes = 64 << 10;
    hog.depth = 64;
    guest::Host host{
        disk_host(system, {disk_guest("hog", hog, 64), disk_guest("reader", settings(kRandom, kRead, 200))}, 2)};
    host.boot();
    while (result_of(host, "requests", 1) < 200 && host.now() < sim::Time::at(Duration::seconds(120))) {
      host.run_for(Duration::milliseconds(100));
    }
    CHECK(result_of(host, "requests", 1) == 200);
    // At most 500 commands of the hog pass it on bare hardware. In domains 32 do until the fence, and then what the
    // disk has by then; neighbours are merged into commands of up to 512 KB there, which take 8 ms.
    CHECK(result_of(host, "latency_max", 1) < (system == System::xen ? 400 : 1000));
    if (system == System::xen) {
      CHECK(test::count_of(host, "guest.reader.disk_reads") >= 199);  // the first may be older than the metrics
      CHECK(test::count_of(host, "guest.reader.disk_reads") <= 200);
    }
    CHECK(!host.audit());
  }
}

TEST_CASE("what cannot be laid out on the drive is refused by name") {
  const auto refused = [](guest::HostSpec spec, const char* why) {
    CHECK_THROWS_WITH_AS(guest::Host{std::move(spec)}, doctest::Contains(why), guest::SpecError);
  };
  guest::GuestSpec large = disk_guest("large", {});
  large.disks[0].bytes = 200ull << 30;
  refused(disk_host(System::xen, {large}), "large: disk \"xvda\" of 200.00 GiB");
  guest::GuestSpec a = disk_guest("a", {}), b = disk_guest("b", {});
  b.disks[0].offset = 2ull << 30;
  refused(disk_host(System::xen, {a, b}), "b: disk \"xvda\" overlaps a/xvda");
  guest::HostSpec none = disk_host(System::native, {a});
  none.drive = nullptr;
  refused(std::move(none), "a: disk \"xvda\" needs a drive");
  a.disks[0].access = b.disks[0].access = guest::DiskSpec::Access::read_only;
  CHECK_NOTHROW(guest::Host{disk_host(System::xen, {a, b})});
}

// The program file_io on whole hosts: what it measures, and what it refuses.
#include <doctest/doctest.h>

#include "support/guest_host.h"

namespace {

using guest::FileIoSettings;
using guest::System;
using sim::Duration;

constexpr auto kRead = FileIoSettings::Operation::read;
constexpr auto kMixed = FileIoSettings::Operation::mixed;
constexpr auto kRandom = FileIoSettings::Pattern::random;

guest::HostSpec host_with(System system, FileIoSettings settings) {
  guest::GuestSpec spec;
  spec.name = "files";
  spec.memory_bytes = 64 << 20;
  spec.disks = {{"xvda", 4ull << 30}};
  spec.programs = {settings};
  guest::HostSpec host = test::host_of(system, {spec});
  host.drive = &test::ultrastar();
  return host;
}

class Results {
 public:
  Results(System system, const FileIoSettings& settings) : host_{host_with(system, settings)} {
    host_.boot();
    while (!host_.finished() && host_.now() < sim::Time::at(Duration::seconds(100))) {
      host_.run_for(Duration::milliseconds(10));
    }
    REQUIRE(host_.finished());
    CHECK(!host_.audit());
    CHECK((*this)["failed"] == 0);
  }
  double operator[](const std::string& name) const {
    for (const guest::ProgramResult& result : host_.results(0)) {
      if (result.name == "file_io." + name) return result.value;
    }
    throw std::out_of_range{"no result " + name};
  }

 private:
  guest::Host host_;
};

}  // namespace

TEST_CASE("a file is read from the disk the first time and from memory after that") {
  for (const System system : {System::native, System::xen}) {
    CAPTURE(static_cast<int>(system));
    FileIoSettings once;
    once.operation = kRead;
    once.block_bytes = 64 << 10;
    once.count = 256;  // all of it
    const Results cold{system, once};
    CHECK(cold["calls"] == 256);
    CHECK(cold["bandwidth"] > 40);
    CHECK(cold["bandwidth"] < 70);
    CHECK(cold["call_max"] > 1);

    FileIoSettings again = once;
    again.count = 10 * 256;
    const Results warm{system, again};
    CHECK(warm["bandwidth"] > 4 * cold["bandwidth"]);
    CHECK(warm["call_median"] < 0.3);
  }
}

TEST_CASE("fsync every ten writes waits for the disk a tenth as often as O_SYNC does") {
  for (const System system : {System::native, System::xen}) {
    CAPTURE(static_cast<int>(system));
    FileIoSettings writes;
    writes.count = 100;
    writes.sync_every = 10;
    const Results grouped{system, writes};
    CHECK(grouped["syncs"] == 10);
    CHECK(grouped["call_mean"] < 0.1);
    CHECK(grouped["sync_mean"] > 8);
    CHECK(grouped["sync_mean"] < 30);

    writes.sync_every = 0;
    writes.synchronous = true;
    const Results each{system, writes};
    CHECK_THROWS(each["syncs"]);
    CHECK(each["call_mean"] > 8);
    CHECK(each["call_mean"] < 30);
    CHECK(grouped["bandwidth"] > 5 * each["bandwidth"]);
  }
}

TEST_CASE("random reads and writes of a file in time") {
  FileIoSettings settings;
  settings.operation = kMixed;
  settings.pattern = kRandom;
  settings.file_bytes = 100 << 20;
  settings.block_bytes = 10'000;  // over the edges of pages
  settings.duration = Duration::seconds(2);
  const Results results{System::native, settings};
  CHECK(results["calls"] > 2 / 0.020);
  CHECK(results["call_median"] > 3);  // most wait for a seek
  CHECK(results["call_median"] < 20);
}

TEST_CASE("a file that has no room or no disk is refused by name") {
  const auto refused = [](guest::HostSpec spec, const char* why) {
    CHECK_THROWS_WITH_AS(guest::Host{std::move(spec)}, doctest::Contains(why), guest::SpecError);
  };
  FileIoSettings settings;
  guest::HostSpec none = host_with(System::xen, settings);
  none.guests[0].disks[0].access = guest::DiskSpec::Access::read_only;
  refused(none, "files: file_io needs a disk that it may write");
  settings.file_bytes = 4ull << 30;
  refused(host_with(System::xen, settings), "files: file_io with a file of 4294967296 bytes: expected at most");
  settings.file_bytes = 4096;
  settings.block_bytes = 8192;
  refused(host_with(System::xen, settings), "files: file_io with blocks of 8192 bytes: expected at most the file");
}

// The application benchmarks on whole hosts: what they have the kernel do per unit of work, against the counts of the
// real programs (docs/applications.md).
#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>

#include "support/guest_host.h"
#include "support/temporary_folder.h"
#include "workloads/programs/osdb/osdb_profile.h"
#include "workloads/programs/spec_int/spec_int_profile.h"

namespace {

using guest::OsdbSettings;
using guest::System;
using sim::Duration;

guest::HostSpec host_with(System system, guest::ProgramSpec program, std::uint32_t cpus = 1) {
  guest::GuestSpec spec;
  spec.name = "bench";
  spec.memory_bytes = 256 << 20;
  spec.disks = {{"xvda", 4ull << 30}};
  spec.disks.front().barriers = false;
  spec.programs = {std::move(program)};
  guest::HostSpec host = test::host_of(system, {spec}, cpus);
  host.drive = &test::ultrastar();
  return host;
}

class Results {
 public:
  Results(System system, guest::ProgramSpec program) : host_{host_with(system, std::move(program))} {
    host_.boot();
    while (!host_.finished() && host_.now() < sim::Time::at(Duration::seconds(200))) {
      host_.run_for(Duration::milliseconds(10));
    }
    REQUIRE(host_.finished());
    CHECK(!host_.audit());
  }
  double operator[](const std::string& name) const {
    for (const guest::ProgramResult& result : host_.results(0)) {
      if (result.name == name) return result.value;
    }
    throw std::out_of_range{"no result " + name};
  }

 private:
  guest::Host host_;
};

OsdbSettings osdb(OsdbSettings::Query query, std::uint32_t users = 10) {
  OsdbSettings settings;
  settings.query = query;
  settings.users = users;
  settings.warmup = Duration::milliseconds(100);
  settings.duration = Duration::milliseconds(400);
  return settings;
}

}  // namespace

TEST_CASE("SPEC CINT2000 without a kernel would score what its work says, and loses little to one") {
  auto profile = guest::SpecIntProfile::standard();
  profile.set("spec_int.work", 400e6);
  profile.set("spec_int.sample", 48e6);
  guest::SpecIntSettings settings;
  settings.profile = std::make_shared<const guest::SpecIntProfile>(profile);
  constexpr double kAlone = 100 * 2.4e9 / 400e6;
  const Results native{System::native, settings};
  CHECK(native["spec_int.score"] < kAlone);
  CHECK(native["spec_int.score"] > 0.95 * kAlone);
  CHECK(native["spec_int.ratio.mcf"] == doctest::Approx(native["spec_int.score"]).epsilon(0.05));
  CHECK(native["spec_int.run_time"] == doctest::Approx(19'100 * 100 / kAlone).epsilon(0.05));
}

TEST_CASE("dbench makes the calls per operation that the real program makes") {
  if (!std::filesystem::exists("/usr/share/dbench/client.txt")) {
    MESSAGE("skipped: Debian's package dbench is not installed");
    return;
  }
  guest::DbenchSettings settings;
  settings.operations = 5000;
  for (const System system : {System::native, System::xen}) {
    const Results dbench{system, settings};
    // The program of version 4 makes 2.69 (counted); this one seeks before it moves data, 0.36 more.
    CHECK(dbench["dbench.system_calls"] == doctest::Approx(2.69 + 0.36).epsilon(0.1));
    CHECK(dbench["dbench.page_faults"] < 0.1);
    CHECK(dbench["dbench.switches"] < 0.1);
    CHECK(dbench["dbench.otherwise"] <= 0.01 * 5000);
    CHECK(dbench["dbench.operations"] == 5000);
  }
}

TEST_CASE("dbench moves the bytes of its load file, and leaves what was deleted deleted") {
  const test::TemporaryFolder folder;
  const std::string load = (folder.path() / "load.txt").string();
  std::ofstream{load} << "Mkdir \"\\c\" NT_STATUS_OK\n"
                         "NTCreateX \"\\c\\a\" 0x40 0x2 1 NT_STATUS_OK\n"
                         "WriteX 1 0 60000 60000 NT_STATUS_OK\n"
                         "ReadX 1 10000 50000 50000 NT_STATUS_OK\n"
                         "Close 1 NT_STATUS_OK\n"
                         "Rename \"\\c\\a\" \"\\c\\b\" NT_STATUS_OK\n"
                         "QUERY_PATH_INFORMATION \"\\c\\a\" 1 NT_STATUS_OBJECT_NAME_NOT_FOUND\n"
                         "Unlink \"\\c\\b\" 0 NT_STATUS_OK\n"
                         "FIND_FIRST \"\\c\\*\" 260 1366 0 NT_STATUS_NO_SUCH_FILE\n";
  guest::DbenchSettings settings;
  settings.load = load;
  const Results dbench{System::native, settings};
  CHECK(dbench["dbench.operations"] == 9);
  CHECK(dbench["dbench.otherwise"] == 0);
  settings.load = (folder.path() / "none.txt").string();
  CHECK_THROWS_AS(guest::Host{host_with(System::native, settings)}, guest::SpecError);
}

TEST_CASE("a C file of the kernel build takes the processes, calls, faults and switches that were counted") {
  guest::KernelBuildSettings settings;
  settings.files = 3;
  for (const System system : {System::native, System::xen}) {
    const Results build{system, settings};
    // Driver, three stages, a shell and its subshell; a make for three files, and a linker with its shell for six.
    CHECK(build["kernel_build.forks"] > 6);
    CHECK(build["kernel_build.forks"] < 7);
    CHECK(build["kernel_build.system_calls"] > 1200);
    CHECK(build["kernel_build.system_calls"] < 2500);
    CHECK(build["kernel_build.page_faults"] > 2000);
    CHECK(build["kernel_build.page_faults"] < 4500);
    CHECK(build["kernel_build.switches"] > 150);
    CHECK(build["kernel_build.switches"] < 400);
  }
}

TEST_CASE("a select by a cursor: 22 calls of the server and 15 of the client, ten switches, no forks") {
  const Results select{System::native, osdb(OsdbSettings::Query::cursor)};
  CHECK(select["osdb.system_calls"] == doctest::Approx(21.7 + 15).epsilon(0.05));
  CHECK(select["osdb.switches"] == doctest::Approx(10).epsilon(0.25));
  CHECK(select["osdb.page_faults"] < 0.4);
  CHECK(select["osdb.forks"] == 0);
  CHECK(select["osdb.syncs"] == 0);
}

TEST_CASE("a plain select makes one round trip") {
  const Results select{System::native, osdb(OsdbSettings::Query::plain)};
  CHECK(select["osdb.system_calls"] == doctest::Approx(10.6 + 3).epsilon(0.06));
  CHECK(select["osdb.switches"] < 3);
}

TEST_CASE("a scan reads 190 blocks for a tuple") {
  const Results scan{System::native, osdb(OsdbSettings::Query::full_scan)};
  CHECK(scan["osdb.system_calls"] == doctest::Approx(213 + 15).epsilon(0.05));
  CHECK(scan["osdb.page_faults"] < 1.3);
}

TEST_CASE("a connection for each tuple: a fork, 330 faults, 250 calls") {
  for (const System system : {System::native, System::xen}) {
    const Results connection{system, osdb(OsdbSettings::Query::new_connection)};
    CHECK(connection["osdb.forks"] == doctest::Approx(1).epsilon(0.1));
    CHECK(connection["osdb.page_faults"] > 300);
    CHECK(connection["osdb.page_faults"] < 500);
    CHECK(connection["osdb.system_calls"] == doctest::Approx(247 + 11).epsilon(0.12));
    CHECK(connection["osdb.switches"] == doctest::Approx(9).epsilon(0.5));
  }
}

TEST_CASE("an update syncs the log, alone for each commit, together with others when there are ten users") {
  const Results one{System::native, osdb(OsdbSettings::Query::update, 1)};
  CHECK(one["osdb.syncs"] == doctest::Approx(1).epsilon(0.15));  // at most one more than tuples, or less
  CHECK(one["osdb.system_calls"] == doctest::Approx(42.4 + 9).epsilon(0.2));
  const Results ten{System::native, osdb(OsdbSettings::Query::update, 10)};
  CHECK(ten["osdb.syncs"] < 0.9);
  CHECK(ten["osdb.rate"] > one["osdb.rate"]);
}

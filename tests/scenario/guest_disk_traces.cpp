// A program's disk requests from end to end: what other people's tools say of their trace, and the trace as a workload.
#include <doctest/doctest.h>

#include <cstdio>
#include <map>
#include <nlohmann/json.hpp>

#include "experiments/traces/blktrace_writer.h"
#include "support/guest_host.h"
#include "support/tools.h"
#include "workloads/programs/disk_workload.h"

using guest::RawDiskSettings, guest::System;
using model::BlockTraceEvent;
using sim::Duration, sim::Time;

namespace {

// Passes everything on to the writer, and has its own idea of how long the drive takes.
class Watch final : public model::BlockTrace {
 public:
  explicit Watch(runner::BlktraceWriter& writer) : writer_{writer} {}

  DeviceId add_device(const std::string& name) override {
    const DeviceId device = writer_.add_device(name);
    if (name == "sda") drive_ = device;
    return device;
  }
  void event(DeviceId device, const BlockTraceEvent& event, Time at) override {
    writer_.event(device, event, at);
    if (device != drive_) return;
    if (event.action == BlockTraceEvent::Action::issued) issued_[event.sector] = at;
    if (event.action == BlockTraceEvent::Action::completed) {
      total_ = total_ + (at - issued_.at(event.sector));
      ++completed_;
      (event.write ? written_ : read_) += event.sectors * 512;
    }
  }
  void passed(Time now) override { writer_.passed(now); }

  std::int64_t completed() const { return completed_; }
  std::uint64_t bytes_read() const { return read_; }
  std::uint64_t bytes_written() const { return written_; }
  double mean_seconds() const { return total_.to_seconds() / static_cast<double>(completed_); }

 private:
  runner::BlktraceWriter& writer_;
  DeviceId drive_ = ~0u;
  std::map<std::uint64_t, Time> issued_;
  Duration total_;
  std::int64_t completed_ = 0;
  std::uint64_t read_ = 0, written_ = 0;
};

guest::HostSpec disk_host(System system, RawDiskSettings settings) {
  guest::GuestSpec spec;
  spec.name = "disk";
  spec.memory_bytes = 32u << 20;
  spec.disks = {{"xvda", 4ull << 30}};
  spec.programs = {std::move(settings)};
  guest::HostSpec host = test::host_of(system, {spec});
  host.drive = &test::ultrastar();
  return host;
}

// Until the program has finished; its results by name.
std::map<std::string, double> run(guest::HostSpec spec, model::BlockTrace& trace) {
  spec.block_trace = &trace;
  guest::Host host{spec};
  host.boot();
  for (int i = 0; i < 10'000 && !host.finished(); ++i) host.run_for(Duration::milliseconds(10));
  REQUIRE(host.finished());
  std::map<std::string, double> results;
  for (const guest::ProgramResult& result : host.results(0)) results[result.name] = result.value;
  return results;
}

// btt's mean time at the drive. Its table of that name has rows of programs first, then one of each device.
double mean_at_drive(const std::string& btt) {
  const std::string row = "\n(  8,  0)";
  for (std::size_t table = btt.find("  D2C  "); table != std::string::npos; table = btt.find("  D2C  ", table + 1)) {
    const std::size_t end = btt.find("\n\n", table), at = btt.find(row, table);
    if (at >= end) continue;
    double least = 0, mean = 0;
    REQUIRE(std::sscanf(btt.c_str() + at + row.size(), "%lf %lf", &least, &mean) == 2);
    return mean;
  }
  FAIL("btt has no time at the drive");
  return 0;
}

}  // namespace

TEST_CASE("blkrawverify accepts a program's trace; btt's time at the drive and the program's latency agree with ours") {
  if (!test::have_tool("blkrawverify") || !test::have_tool("blkparse") || !test::have_tool("btt")) return;
  for (const System system : {System::native, System::xen}) {
    CAPTURE(static_cast<int>(system));
    const test::TemporaryFolder folder;
    runner::BlktraceWriter writer{folder.path() / "t"};
    Watch watch{writer};
    RawDiskSettings settings;
    settings.operation = RawDiskSettings::Operation::mixed;
    settings.count = 300;
    const auto results = run(disk_host(system, settings), watch);
    writer.finish();
    CHECK(watch.completed() == 300);
    CHECK(test::run_tool(folder.path(), "blkrawverify t").status == 0);
    REQUIRE(test::run_tool(folder.path(), "blkparse -q -i t -d merged").status == 0);
    REQUIRE(test::run_tool(folder.path(), "btt -i merged -o all -A").status == 0);
    const std::string all = test::text_of(folder.path() / "all.avg");
    const double at_drive = mean_at_drive(all);
    CHECK(at_drive == doctest::Approx(watch.mean_seconds()).epsilon(1e-6 / watch.mean_seconds()));
    // What the program sees is longer by what is above: natively the kernel alone, whose queue is what sda tells of.
    const double software = results.at("raw_disk.latency_mean") / 1e3 - at_drive;
    CHECK(software > 1e-6);
    CHECK(software < 200e-6);
  }
}

TEST_CASE("a trace of one system is a workload of another: the same requests, bytes and directions") {
  const test::TemporaryFolder folder;
  RawDiskSettings settings;
  settings.operation = RawDiskSettings::Operation::mixed;
  settings.count = 200;
  settings.block_bytes = 16384;
  runner::BlktraceWriter writer{folder.path() / "t"};
  Watch first{writer};
  run(disk_host(System::xen, settings), first);
  writer.finish();
  CHECK(first.bytes_read() + first.bytes_written() == 200 * 16384);

  RawDiskSettings recorded;
  recorded.trace = (folder.path() / "t").string();
  recorded.trace_device = "202,16";
  const std::size_t accesses = guest::load_disk_workload(recorded.trace, recorded.trace_device).size();
  for (const System system : {System::native, System::xen}) {
    CAPTURE(static_cast<int>(system));
    runner::BlktraceWriter unread{folder.path() / "again"};
    Watch again{unread};
    CHECK(run(disk_host(system, recorded), again).at("raw_disk.requests") == accesses);
    CHECK(again.bytes_read() == first.bytes_read());
    CHECK(again.bytes_written() == first.bytes_written());
  }
}

TEST_CASE("what fio would have asked of a disk is asked of ours: as many bytes read and written as fio says") {
  if (!test::have_tool("fio")) return;
  const test::TemporaryFolder folder;
  const test::ToolRun fio = test::run_tool(folder.path(),
                                           "fio --name=r --ioengine=null --filename=xvda --filesize=64m --size=1m "
                                           "--bs=8k --rw=randrw --write_iolog=log --output-format=json");
  REQUIRE(fio.status == 0);
  const auto job = nlohmann::json::parse(fio.out.substr(fio.out.find('{')))["jobs"][0];
  RawDiskSettings settings;
  settings.trace = (folder.path() / "log").string();
  runner::BlktraceWriter writer{folder.path() / "t"};
  Watch watch{writer};
  CHECK(run(disk_host(System::xen, settings), watch).at("raw_disk.requests") == 128);
  CHECK(watch.bytes_read() == job["read"]["io_bytes"]);
  CHECK(watch.bytes_written() == job["write"]["io_bytes"]);
}

// Traces as other people's programs read them.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "experiments/traces/blktrace_writer.h"
#include "experiments/traces/pcap_writer.h"
#include "support/guest_host.h"
#include "support/tools.h"
#include "workloads/kernel/network/datagram.h"
#include "workloads/programs/disk_workload.h"

using guest::System;
using sim::Duration;
using sim::Time;
using Action = model::BlockTraceEvent::Action;

namespace {

// Frames that tshark finds malformed, or with a checksum that is there and wrong. -1: it cannot read the file.
int bad_frames(const std::filesystem::path& folder, const std::string& file) {
  const test::ToolRun run =
      test::run_tool(folder, "tshark -r " + file +
                                 " -o ip.check_checksum:TRUE -o tcp.check_checksum:TRUE -o udp.check_checksum:TRUE -Y "
                                 "'_ws.malformed || ip.checksum.status != 1 || (tcp && tcp.checksum.status != 1) || "
                                 "(udp && udp.checksum.status == 0)'");
  return run.status == 0 ? static_cast<int>(std::ranges::count(run.out, '\n')) : -1;
}

// The times of the frames of one interface, as tshark prints them.
std::vector<std::string> times_at(const std::filesystem::path& folder, const std::string& interface) {
  const test::ToolRun run = test::run_tool(
      folder, "tshark -r f -T fields -e frame.time_epoch -Y 'frame.interface_name == \"" + interface + "\"'");
  std::vector<std::string> times;
  for (std::size_t at = 0, end; (end = run.out.find('\n', at)) != std::string::npos; at = end + 1) {
    times.push_back(run.out.substr(at, end - at));
  }
  return times;
}

guest::HostSpec two_echo_guests(System system) {
  auto second = test::echo_guest("b");
  second.programs = {guest::UdpEchoSettings{.port = 8}};
  auto spec = test::host_of(system, {test::echo_guest("a"), second}, 2);
  spec.clients = {test::fixed_client("a", Duration::milliseconds(1)),
                  test::fixed_client("b", Duration::microseconds(300))};
  spec.clients[1].port = 8;
  spec.clients[1].payload_bytes = 1000;
  return spec;
}

std::uint64_t fingerprint_of(const guest::HostSpec& spec) {
  guest::Host host{spec};
  host.boot();
  host.run_for(Duration::milliseconds(55));
  return host.fingerprint();
}

// What a queue of a guest and the drive behind it would say of 200 requests, three of four of them reads.
void two_hundred_requests(runner::BlktraceWriter& writer) {
  const auto drive = writer.add_device("sda"), disk = writer.add_device("vbd1.0");
  for (int i = 0; i < 200; ++i) {
    model::BlockTraceEvent event{.write = i % 4 == 0, .sector = 8ull * (i * 7919 % 100'000), .sectors = 8};
    const auto tell = [&](auto device, Action action, std::uint32_t process, std::int64_t microseconds) {
      event.action = action;
      event.process = process;
      event.process_name = process == 0 ? "" : "raw_disk";
      writer.event(device, event, Time::at(Duration::microseconds(1000 * i + microseconds)));
    };
    tell(disk, Action::queued, 5, 1);
    tell(disk, Action::got, 5, 2);
    tell(disk, Action::inserted, 5, 3);
    tell(disk, Action::issued, 5, 101);
    tell(drive, Action::queued, 0, 111);
    tell(drive, Action::issued, 0, 121);
    tell(drive, Action::completed, 0, 591);
    tell(disk, Action::completed, 0, 601);
  }
  writer.finish();
}

}  // namespace

TEST_CASE("a capture of two guests' pings is in order and sound, and has every frame that anybody counted") {
  if (!test::have_tool("capinfos") || !test::have_tool("tshark")) return;
  for (const System system : {System::native, System::xen}) {
    const test::TemporaryFolder folder;
    runner::PcapWriter writer{folder.path() / "f"};
    guest::HostSpec spec = two_echo_guests(system);
    writer.attach(spec);
    guest::Host host{spec};
    host.boot();
    host.run_for(Duration::milliseconds(55));
    writer.finish();

    const test::ToolRun info = test::run_tool(folder.path(), "capinfos -o -c f");
    CHECK(info.status == 0);
    CHECK(info.out.find("Strict time order:   True") != std::string::npos);
    CHECK(bad_frames(folder.path(), "f") == 0);

    const auto wire = static_cast<std::int64_t>(times_at(folder.path(), "wire").size());
    CHECK(wire > 400);
    CHECK(wire == test::count_of(host, "nic.received") + test::count_of(host, "nic.dropped") +
                      test::count_of(host, "nic.transmitted"));
    if (system == System::xen) {
      const auto first = static_cast<std::int64_t>(times_at(folder.path(), "vif1.0").size());
      const auto second = static_cast<std::int64_t>(times_at(folder.path(), "vif2.0").size());
      CHECK(first ==
            test::count_of(host, "guest.a.packets_received") + test::count_of(host, "guest.a.packets_transmitted"));
      CHECK(second ==
            test::count_of(host, "guest.b.packets_received") + test::count_of(host, "guest.b.packets_transmitted"));
    } else {
      CHECK(times_at(folder.path(), "eth0").size() > 400);
    }
  }
}

TEST_CASE("a captured stream is sound, and is as fast as ttcp says") {
  if (!test::have_tool("tshark")) return;
  for (const System system : {System::native, System::xen}) {
    CAPTURE(static_cast<int>(system));
    constexpr std::int64_t kBytes = 2 << 20;
    const test::TemporaryFolder folder;
    runner::PcapWriter writer{folder.path() / "f"};
    guest::TtcpSettings ttcp;
    ttcp.mtu = 500;
    ttcp.bytes = kBytes;
    guest::GuestSpec stream;
    stream.name = "ttcp";
    stream.memory_bytes = 32 << 20;
    stream.programs = {ttcp};
    stream.network = true;
    guest::HostSpec spec = test::host_of(system, {stream});
    writer.attach(spec);
    guest::Host host{spec};
    host.boot();
    for (int i = 0; i < 100 && !host.finished(); ++i) host.run_for(Duration::milliseconds(20));
    REQUIRE(host.finished());
    writer.finish();
    CHECK(bad_frames(folder.path(), "f") == 0);

    // Of the second half, when the buffers are full: so many segments in so much time.
    const test::ToolRun run = test::run_tool(
        folder.path(),
        "tshark -r f -T fields -e frame.time_epoch -e tcp.len -Y 'frame.interface_name == \"wire\" && tcp.len > 0'");
    std::vector<std::pair<double, double>> segments;  // when, and bytes
    std::istringstream lines{run.out};
    for (double at = 0, bytes = 0; lines >> at >> bytes;) segments.emplace_back(at, bytes);
    REQUIRE(segments.size() >= kBytes / 448);
    const std::size_t half = segments.size() / 2;
    double bytes = 0;
    for (std::size_t i = half + 1; i < segments.size(); ++i) bytes += segments[i].second;
    const double rate = 8 * bytes / (segments.back().first - segments[half].first) / (1 << 20);
    for (const guest::ProgramResult& result : host.results(0)) {
      if (result.name == "ttcp.rate") CHECK(rate == doctest::Approx(result.value).epsilon(0.01));
    }
  }
}

TEST_CASE("a run is the same whether it is traced or not") {
  for (const System system : {System::native, System::xen}) {
    const test::TemporaryFolder folder;
    runner::PcapWriter packets{folder.path() / "f"};
    runner::BlktraceWriter requests{folder.path() / "f"};
    guest::HostSpec spec = two_echo_guests(system);
    const std::uint64_t without = fingerprint_of(spec);
    packets.attach(spec);
    requests.attach(spec);
    CHECK(fingerprint_of(spec) == without);
  }
}

TEST_CASE("the check of captures sees a frame with a wrong checksum, and a file that is cut off") {
  if (!test::have_tool("tshark")) return;
  const test::TemporaryFolder folder;
  guest::Datagram datagram;
  datagram.source = {0x0a000001, 7};
  datagram.destination = {0x0a010001, 1000};
  datagram.payload_bytes = 300;
  const sim::Packet good = guest::build_packet(datagram);
  sim::Packet bad = good;
  bad.header[24] ^= 1;  // the header checksum
  for (const bool planted : {false, true}) {
    runner::PcapWriter writer{folder.path() / "f"};
    const auto wire = writer.add_interface("wire");
    for (int i = 0; i < 10; ++i) {
      writer.frame(wire, planted && i == 3 ? bad : good, Time::at(Duration::microseconds(i)));
    }
    writer.finish();
    CHECK(bad_frames(folder.path(), "f") == (planted ? 1 : 0));
  }
  std::filesystem::resize_file(folder.path() / "f", std::filesystem::file_size(folder.path() / "f") - 10);
  CHECK(bad_frames(folder.path(), "f") == -1);
}

TEST_CASE("blkrawverify accepts a trace, btt measures in it what was written, by device and by process") {
  if (!test::have_tool("blkrawverify") || !test::have_tool("blkparse") || !test::have_tool("btt")) return;
  const test::TemporaryFolder folder;
  runner::BlktraceWriter writer{folder.path() / "f"};
  two_hundred_requests(writer);
  CHECK(test::run_tool(folder.path(), "blkrawverify f").status == 0);
  const test::ToolRun text = test::run_tool(folder.path(), "blkparse -q -i f -d merged");
  CHECK(text.out.find("202,16   1        4     0.000001000     1  Q   W 0 + 8 [raw_disk]") != std::string::npos);
  CHECK(text.out.find("8,0    0        0     0.000000000     0  m   N sda") != std::string::npos);
  REQUIRE(test::run_tool(folder.path(), "btt -i merged -o all -A").status == 0);
  const std::string all = test::text_of(folder.path() / "all.avg");
  for (const std::string line : {"(202, 16)         0.000500000   0.000500000   0.000500000         200",     // D2C
                                 "(  8,  0)         0.000470000   0.000470000   0.000470000         200",     // D2C
                                 "raw_disk          0.000098000   0.000098000   0.000098000         200",     // I2D
                                 "(202, 16)         0.000600000   0.000600000   0.000600000         200"}) {  // Q2C
    CAPTURE(line);
    CHECK(all.find(line) != std::string::npos);
  }
}

TEST_CASE("blkrawverify refuses a trace with records out of order") {
  if (!test::have_tool("blkrawverify")) return;
  const test::TemporaryFolder folder;
  runner::BlktraceWriter writer{folder.path() / "f"};
  two_hundred_requests(writer);
  std::string bytes = test::text_of(folder.path() / "f.blktrace.0");
  std::swap_ranges(bytes.end() - 96, bytes.end() - 48, bytes.end() - 48);
  folder.write("f.blktrace.0", bytes);
  CHECK(test::run_tool(folder.path(), "blkrawverify f").status != 0);
}

TEST_CASE("fio replays a trace, and the trace is itself a workload") {
  const test::TemporaryFolder folder;
  runner::BlktraceWriter writer{folder.path() / "f"};
  two_hundred_requests(writer);
  const auto accesses = guest::load_disk_workload(folder.path() / "f", "202,16");
  REQUIRE(accesses.size() == 200);
  CHECK(accesses[199].at == Duration::milliseconds(199));
  CHECK(accesses[199].offset == 4096ull * (199 * 7919 % 100'000));
  CHECK(accesses[199].bytes == 4096);
  if (!test::have_tool("fio")) return;
  const test::ToolRun run = test::run_tool(
      folder.path(),
      "fio --name=r --ioengine=null --read_iolog=f.blktrace.1 --replay_redirect=x --filesize=1g --output-format=json");
  REQUIRE(run.status == 0);
  const auto job = nlohmann::json::parse(run.out.substr(run.out.find('{')))["jobs"][0];
  CHECK(job["read"]["total_ios"] == 150);
  CHECK(job["write"]["total_ios"] == 50);
}

TEST_CASE("a log that fio writes is read as fio means it") {
  if (!test::have_tool("fio")) return;
  const test::TemporaryFolder folder;
  const test::ToolRun run = test::run_tool(folder.path(),
                                           "fio --name=r --ioengine=null --filename=xvda --filesize=64m --size=256k "
                                           "--bs=4k --rw=randrw --fsync=8 --write_iolog=log --output-format=json");
  REQUIRE(run.status == 0);
  const auto job = nlohmann::json::parse(run.out.substr(run.out.find('{')))["jobs"][0];
  std::uint64_t reads = 0, writes = 0;
  for (const guest::DiskAccess& access : guest::load_disk_workload(folder.path() / "log")) {
    reads += access.operation == guest::DiskAccess::Operation::read;
    writes += access.operation == guest::DiskAccess::Operation::write;
  }
  CHECK(reads == job["read"]["total_ios"]);
  CHECK(writes == job["write"]["total_ios"]);
  CHECK(reads + writes == 64);
}

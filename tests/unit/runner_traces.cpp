// Traces: the bytes of their formats, the order of their records, and what --trace takes.
#include <doctest/doctest.h>

#include <numeric>

#include "experiments/runner/input_error.h"
#include "experiments/traces/blktrace_writer.h"
#include "experiments/traces/pcap_writer.h"
#include "experiments/traces/traces.h"
#include "support/temporary_folder.h"

using runner::InputError;
using sim::Duration;
using sim::Time;
using Action = model::BlockTraceEvent::Action;

namespace {

Time at_ns(std::int64_t nanoseconds) { return Time::at(Duration::nanoseconds(nanoseconds)); }

// Bytes 1, 2, 3, ... as far as the simulator keeps them.
sim::Packet frame_of(std::uint16_t bytes) {
  sim::Packet packet;
  packet.bytes = bytes;
  std::iota(packet.header.begin(), packet.header.end(), std::uint8_t{1});
  return packet;
}

std::string hex(const std::string& bytes) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (const char byte : bytes) {
    text += kDigits[static_cast<unsigned char>(byte) >> 4];
    text += kDigits[byte & 15];
  }
  return text;
}

std::string refused(const std::vector<std::string>& texts, std::size_t runs = 1) {
  try {
    runner::check_traces(runner::parse_traces(texts), runs);
    return "not refused";
  } catch (const InputError& error) {
    return error.what();
  }
}

}  // namespace

TEST_CASE("a capture has a section, its interfaces, and frames as long as they were, zeros where nothing is known") {
  const test::TemporaryFolder folder;
  runner::PcapWriter writer{folder.path() / "f"};
  const auto wire = writer.add_interface("wire"), vif = writer.add_interface("vif1.0");
  writer.frame(wire, frame_of(14), at_ns(5'000'000'002));
  writer.frame(vif, frame_of(82), at_ns(5'000'000'001));
  writer.finish();
  // Made with Python's struct from the specification.
  CHECK(hex(test::text_of(folder.path() / "f")) ==
        "0a0d0d0a1c0000004d3c2b1a01000000ffffffffffffffff1c00000001000000"
        "2800000001000000000000000200040077697265090001000900000000000000"
        "28000000010000002c000000010000000000000002000600766966312e300000"
        "0900010009000000000000002c00000006000000740000000100000001000000"
        "01f2052a52000000520000000102030405060708090a0b0c0d0e0f1011121314"
        "15161718191a1b1c1d1e1f202122232425262728292a2b2c2d2e2f3031323334"
        "35363738393a3b3c3d3e3f404142434445464748494a4b4c4d4e4f5000000000"
        "740000000600000030000000000000000100000002f2052a0e0000000e000000"
        "0102030405060708090a0b0c0d0e000030000000");
}

TEST_CASE("a blktrace has notes of time, devices and processes, then records with a sequence") {
  const test::TemporaryFolder folder;
  runner::BlktraceWriter writer{folder.path() / "f"};
  const auto drive = writer.add_device("sda"), disk = writer.add_device("vbd1.0");
  writer.event(drive, {.action = Action::issued, .write = true, .barrier = true, .sector = 264, .sectors = 8},
               at_ns(2'000));
  writer.event(disk, {.action = Action::queued, .sector = 64, .sectors = 8, .process = 7, .process_name = "raw_disk"},
               at_ns(1'000));
  writer.event(
      drive, {.action = Action::completed, .write = true, .barrier = true, .failed = true, .sector = 264, .sectors = 8},
      at_ns(3'000));
  writer.finish();
  CHECK(hex(test::text_of(folder.path() / "f.blktrace.0")) ==
        "0774616501000000000000000000000000000000000000000000000001000004"
        "0000000000008000000000000000080000000000000000000774616502000000"
        "0000000000000000000000000000000000000000020000040000000000008000"
        "00000000000003007364610774616503000000d0070000000000000801000000"
        "0000000010000007004600000000000000800000000000000000000774616504"
        "000000b80b000000000000080100000000000000100000080086000000000000"
        "0080000000000005000000");
  CHECK(hex(test::text_of(folder.path() / "f.blktrace.1")) ==
        "0774616501000000000000000000000000000000000000000000000001000004"
        "000000001000a00c010000000000080000000000000000000774616502000000"
        "000000000000000000000000000000000000000002000004000000001000a00c"
        "0100000000000600766264312e30077461650300000000000000000000000000"
        "0000000000000000000000000004010000001000a00c01000000000009007261"
        "775f6469736b000774616504000000e803000000000000400000000000000000"
        "10000001001100010000001000a00c0100000000000000");
}

TEST_CASE("processes of different kernels with one number are different processes in a trace") {
  const test::TemporaryFolder folder;
  runner::BlktraceWriter writer{folder.path() / "f"};
  for (const std::string name : {"vbd1.0", "vbd2.0"}) {
    const auto disk = writer.add_device(name);
    for (int i = 0; i < 2; ++i) {
      writer.event(disk, {.sectors = 8, .process = 3, .process_name = "dd of " + name}, at_ns(i));
    }
  }
  writer.finish();
  for (const std::string number : {"1", "2"}) {
    const std::string text = test::text_of(folder.path() / ("f.blktrace." + std::to_string(number == "2")));
    const auto name = text.find("dd of vbd" + number + ".0");
    REQUIRE(name != std::string::npos);
    CHECK(text[name - 48 + 32] == number[0] - '0');  // its process
    CHECK(text.size() == 48 + 8 + 48 + 6 + 48 + 13 + 2 * 48);
  }
}

TEST_CASE("records go in the order of time, those of one instant as they were reported, once their time has passed") {
  runner::InTimeOrder<int> order;
  std::string written;
  const auto release = [&](std::int64_t until) {
    order.release(at_ns(until), [&](Time, int record) { written += static_cast<char>('0' + record); });
  };
  order.add(at_ns(30), 3);
  order.add(at_ns(10), 1);
  order.add(at_ns(30), 4);
  order.add(at_ns(20), 2);
  release(20);
  CHECK(written == "12");
  order.add(at_ns(30), 5);
  order.add(at_ns(20), 6);  // at the very instant, still in time
  release(100);
  CHECK(written == "126345");
  CHECK_THROWS_AS(order.add(at_ns(99), 7), std::logic_error);
}

TEST_CASE("--trace takes known kinds, each once, into folders that are there") {
  CHECK(refused({"pcap=f", "blktrace=f"}) == "not refused");
  CHECK(refused({"pacp=f"}) ==
        "--trace pacp=f: expected a kind of trace: \"pcap\", \"blktrace\", \"xentrace\" or \"timeline\", got \"pacp\" "
        "(did you mean \"pcap\"?)");
  CHECK(refused({"pcap"}) == "--trace pcap: expected pcap=FILE, got \"pcap\"");
  CHECK(refused({"blktrace="}) == "--trace blktrace=: expected blktrace=PREFIX, got \"blktrace=\"");
  CHECK(refused({"pcap=a", "pcap=b"}) == "--trace pcap=b: there is a trace of kind pcap already");
  CHECK(refused({"pcap=/no/folder/f"}) == "--trace pcap=/no/folder/f: there is no folder \"/no/folder\"");
}

TEST_CASE("several runs need a file each") {
  CHECK(refused({"pcap=f"}, 1) == "not refused");
  CHECK(refused({"pcap=f"}, 6) == "--trace pcap=f: expected a name with {run} in it, for there are 6 runs, got \"f\"");
  CHECK(refused({"pcap=f-{run}.pcapng"}, 6) == "not refused");
  const auto requests = runner::parse_traces(std::vector<std::string>{"pcap=f-{run}.pcapng", "blktrace={run}"});
  CHECK(runner::traces_of_run(requests, 0)[0].path == "f-0.pcapng");
  CHECK(runner::traces_of_run(requests, 5)[0].path == "f-5.pcapng");
  CHECK(runner::traces_of_run(requests, 5)[1].path == "5");
}

TEST_CASE("a trace that cannot be made is refused") {
  const test::TemporaryFolder folder;
  const auto requests = runner::parse_traces(std::vector<std::string>{"pcap=" + folder.path().string()});
  guest::HostSpec spec;
  CHECK_THROWS_AS((runner::Traces{requests, spec}), InputError);
  std::filesystem::create_directory(folder.path() / "f.blktrace.0");
  std::filesystem::create_directory(folder.path() / "f.blktrace.0" / "full");
  runner::BlktraceWriter writer{folder.path() / "f"};
  CHECK_THROWS_AS(writer.add_device("sda"), InputError);
}

TEST_CASE("a trace of requests takes the place of an earlier one of its name, with all its files") {
  const test::TemporaryFolder folder;
  folder.write("f.blktrace.0", "old");
  folder.write("f.blktrace.1", "old");
  runner::BlktraceWriter writer{folder.path() / "f"};
  writer.add_device("sda");
  writer.finish();
  CHECK(std::filesystem::file_size(folder.path() / "f.blktrace.0") == 48 + 8 + 48 + 3);
  CHECK(!std::filesystem::exists(folder.path() / "f.blktrace.1"));
}

TEST_CASE("what a run did until it failed is in its trace; of a run that never was nothing is left") {
  const test::TemporaryFolder folder;
  const std::string file = (folder.path() / "f").string();
  const auto requests = runner::parse_traces(std::vector<std::string>{"pcap=" + file});
  {
    guest::HostSpec spec;
    runner::Traces traces{requests, spec};
    REQUIRE(spec.packet_trace != nullptr);
    CHECK(spec.block_trace == nullptr);
    spec.packet_trace->frame(spec.packet_trace->add_interface("wire"), frame_of(60), at_ns(1));
  }
  CHECK(std::filesystem::file_size(file) == 28 + 40 + 32 + 60);
  guest::HostSpec spec;
  runner::Traces traces{requests, spec};
  traces.discard();
  CHECK(!std::filesystem::exists(file));
}

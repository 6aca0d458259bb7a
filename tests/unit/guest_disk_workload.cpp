// Recorded disk workloads: fio's text logs and blktrace's binary ones, good and bad.
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <linux/blktrace_api.h>

#include <random>

#include "support/temporary_folder.h"
#include "workloads/programs/disk_workload.h"

using guest::DiskAccess;
using guest::DiskWorkloadError;
using guest::load_disk_workload;
using Operation = guest::DiskAccess::Operation;

namespace {

std::string in_words(const std::vector<DiskAccess>& accesses) {
  static constexpr const char* kNames[] = {"read", "write", "sync", "trim"};
  std::string text;
  for (const DiskAccess& access : accesses) {
    text += fmt::format("{} ns {} {} {}\n", access.at.nanoseconds(), kNames[static_cast<int>(access.operation)],
                        access.offset, access.bytes);
  }
  return text;
}

std::string loaded(const std::string& text, const std::string& device = "") {
  const test::TemporaryFolder folder;
  return in_words(load_disk_workload(folder.write("log", text), device));
}

// The message without the folder.
std::string refused(const std::string& text, const std::string& device = "") {
  const test::TemporaryFolder folder;
  const std::filesystem::path path = folder.write("log", text);
  try {
    load_disk_workload(path, device);
    return "not refused";
  } catch (const DiskWorkloadError& error) {
    return std::string{error.what()}.substr(folder.path().string().size() + 1);
  }
}

struct Record {
  std::uint64_t nanoseconds = 0;
  std::uint32_t action = BLK_TA_QUEUE | BLK_TC_ACT(BLK_TC_READ);
  std::uint64_t sector = 0;
  std::uint32_t bytes = 4096;
  std::uint32_t device = 8 << 20;
  std::string data = {};
  std::uint32_t magic = BLK_IO_TRACE_MAGIC | BLK_IO_TRACE_VERSION;
};

std::string bytes_of(const Record& record) {
  blk_io_trace raw{};
  raw.magic = record.magic;
  raw.time = record.nanoseconds;
  raw.sector = record.sector;
  raw.bytes = record.bytes;
  raw.action = record.action;
  raw.device = record.device;
  raw.pdu_len = static_cast<std::uint16_t>(record.data.size());
  return std::string{reinterpret_cast<const char*>(&raw), sizeof raw} + record.data;
}

}  // namespace

TEST_CASE("an iolog of version 3 tells microseconds since its start") {
  CHECK(loaded("fio version 3 iolog\n"
               "17 xvda add\n"
               "103 xvda open\n"
               "109 xvda read 4046848 4096\n"
               "\n"
               "1156 xvda write 49676288 8192\r\n"
               "1157 xvda sync 53989376 0\n"
               "1158 xvda trim 0 512\n"
               "2000 xvda close") ==
        "109000 ns read 4046848 4096\n"
        "1156000 ns write 49676288 8192\n"
        "1157000 ns sync 0 0\n"
        "1158000 ns trim 0 512\n");
}

TEST_CASE("in an iolog of version 2 a wait is in microseconds, after the wait before") {
  CHECK(loaded("fio version 2 iolog\n"
               "/dev/xvda add\n"
               "/dev/xvda open\n"
               "/dev/xvda write 0 4096\n"
               "/dev/xvda wait 500\n"
               "/dev/xvda read 4096 4096\n"
               "/dev/xvda datasync 0 0\n"
               "/dev/xvda wait 250 0\n"
               "/dev/xvda read 8192 512\n"
               "/dev/xvda close\n") ==
        "0 ns write 0 4096\n"
        "500000 ns read 4096 4096\n"
        "500000 ns sync 0 0\n"
        "750000 ns read 8192 512\n");
}

TEST_CASE("what lines of an iolog must look like, with the line that does not") {
  const std::string v2 = "fio version 2 iolog\nf add\n", v3 = "fio version 3 iolog\n1 f add\n";
  CHECK(refused("fio version 4 iolog\n") == "log:1: expected \"fio version 2 iolog\" or \"fio version 3 iolog\"");
  CHECK(refused(v3 + "5 f raed 0 512\n") == "log:3: \"raed\" is no action of version 3");
  CHECK(refused(v3 + "5 f wait 100\n") == "log:3: \"wait\" is no action of version 3");
  CHECK(refused(v3 + "5 f read 0\n") == "log:3: expected an offset and a length after \"read\"");
  CHECK(refused(v3 + "5 f read 0 512 9\n") == "log:3: expected an offset and a length after \"read\"");
  CHECK(refused(v3 + "5 f read zero 512\n") == "log:3: expected a whole number, got \"zero\"");
  CHECK(refused(v3 + "5 f read -512 512\n") == "log:3: expected a whole number, got \"-512\"");
  CHECK(refused(v3 + "5 f read 512 0\n") == "log:3: an access to no bytes at all");
  CHECK(refused(v3 + "5 f read 100 512\n") == "log:3: 512 bytes at 100: not whole sectors of 512");
  CHECK(refused(v3 + "5 f read 18446744073709551104 512\n") ==
        "log:3: 512 bytes at 18446744073709551104: no disk is that large");
  CHECK(refused(v3 + "5 f read 18446744073709551616 512\n") ==
        "log:3: expected a whole number, got \"18446744073709551616\"");
  CHECK(refused(v3 + "18446744073709551615 f read 0 512\n") == "log:3: more than 100 days after the start");
  CHECK(refused(v3 + "5 f\n") == "log:3: expected a file and an action");
  CHECK(refused(v3 + "5 f open now\n") == "log:3: \"open\" has nothing after it");
  CHECK(refused(v2 + "f wait\n") == "log:3: expected a time after \"wait\"");
  CHECK(refused(v2 + "f wait 18446744073709551615\nf read 0 512\n") == "log:3: more than 100 days after the start");
  CHECK(refused(v2 + "f read 0 512\n" + std::string(5000, 'x')) == "log:4: a line that is longer than 4095 characters");
  CHECK(refused(v2 + std::string{"f read 0 512\0 1", 15} + "\n").starts_with("log:3: expected"));
  CHECK(refused(v3) == "log: there is no access to a disk in it");
}

TEST_CASE("of several devices in a recording one is chosen") {
  const std::string log = "fio version 3 iolog\n1 a read 0 512\n2 b read 512 512\n";
  CHECK(refused(log) == "log: has accesses to a and b: which of these?");
  CHECK(refused(log, "c") == "log: has accesses to a and b, none to c");
  CHECK(loaded(log, "b") == "2000 ns read 512 512\n");
  const std::string trace = bytes_of({.device = 8 << 20}) + bytes_of({.device = 202 << 20 | 16});
  CHECK(refused(trace) == "log: has accesses to 202,16 and 8,0: which of these?");
  CHECK(loaded(trace, "202,16") == "0 ns read 0 4096\n");
}

TEST_CASE("of a blktrace the queued requests count, from the first one on") {
  const std::uint32_t queue = BLK_TA_QUEUE;
  CHECK(
      loaded(bytes_of({.nanoseconds = 5'000, .action = BLK_TN_PROCESS, .data = std::string{"dom1\0", 5}}) +
             bytes_of({.nanoseconds = 7'000, .action = queue | BLK_TC_ACT(BLK_TC_READ), .sector = 8}) +
             bytes_of({.nanoseconds = 7'100, .action = BLK_TA_ISSUE | BLK_TC_ACT(BLK_TC_READ), .sector = 8}) +
             bytes_of({.nanoseconds = 7'200, .action = queue | BLK_TC_ACT(BLK_TC_WRITE | BLK_TC_SYNC), .sector = 16}) +
             bytes_of({.nanoseconds = 7'300, .action = queue | BLK_TC_ACT(BLK_TC_FLUSH | BLK_TC_WRITE), .bytes = 0}) +
             bytes_of({.nanoseconds = 7'400,
                       .action = (queue | BLK_TC_ACT(BLK_TC_DISCARD | BLK_TC_WRITE)) | __BLK_TA_CGROUP,
                       .data = "cgroupid"}) +
             bytes_of({.nanoseconds = 7'500, .action = queue | BLK_TC_ACT(BLK_TC_PC)})) ==
      "0 ns read 4096 4096\n"
      "200 ns write 8192 4096\n"
      "300 ns sync 0 0\n"
      "400 ns trim 0 4096\n");
}

TEST_CASE("the files of all CPUs are one recording") {
  const test::TemporaryFolder folder;
  folder.write("run.blktrace.0",
               bytes_of({.nanoseconds = 20, .sector = 1}) + bytes_of({.nanoseconds = 40, .sector = 2}));
  folder.write("run.blktrace.2", bytes_of({.nanoseconds = 10, .sector = 3}));
  folder.write("run.blktrace.10", bytes_of({.nanoseconds = 20, .sector = 4}));
  folder.write("run.blktrace.x", "not one of them");
  CHECK(in_words(load_disk_workload(folder.path() / "run")) ==
        "0 ns read 1536 4096\n"
        "10 ns read 512 4096\n"
        "10 ns read 2048 4096\n"
        "30 ns read 1024 4096\n");
}

TEST_CASE("broken blktrace files, with the record that is broken") {
  const std::string good = bytes_of({});
  CHECK(refused(good + good.substr(0, 47)) == "log:2: the record is cut off");
  CHECK(refused(bytes_of({.data = "12345678"}).substr(0, 50)) == "log:1: the data of the record is cut off");
  CHECK(refused(good + bytes_of({.magic = 0x65617406})) == "log:2: expected a record of version 7, got 0x65617406");
  CHECK(refused(good + bytes_of({.magic = 0x07746165})) == "log:2: written by a machine of the other byte order");
  CHECK(refused(good + bytes_of({.sector = UINT64_MAX})) == "log:2: sector 18446744073709551615: no disk has it");
  CHECK(refused(bytes_of({.bytes = 100})) == "log:1: 100 bytes at 0: not whole sectors of 512");
  CHECK(refused(good + bytes_of({.nanoseconds = UINT64_MAX})) == "log:2: more than 100 days after the start");
  CHECK(refused(bytes_of({.action = BLK_TA_COMPLETE})) == "log: there is no access to a disk in it");
  CHECK(refused("") == "log: neither an iolog of fio nor a little-endian blktrace file");
  CHECK(refused("GIF89a") == "log: neither an iolog of fio nor a little-endian blktrace file");
  CHECK_THROWS_WITH_AS(load_disk_workload("/nowhere/at/all"),
                       "/nowhere/at/all: no such file, and no .blktrace.0 of that name", DiskWorkloadError);
  CHECK_THROWS_AS(load_disk_workload("/"), DiskWorkloadError);
}

TEST_CASE("mutilated recordings are refused or read, never anything else") {
  const test::TemporaryFolder folder;
  std::string text = "fio version 3 iolog\n1 f add\n", trace;
  for (int i = 0; i < 20; ++i) {
    text += fmt::format("{} f {} {} 4096\n", 10 + i, i % 3 == 0 ? "write" : "read", i * 4096);
    trace += bytes_of({.nanoseconds = static_cast<std::uint64_t>(i), .sector = static_cast<std::uint64_t>(i * 8)});
  }
  std::mt19937 random{1};
  int read = 0, refusals = 0;
  for (int round = 0; round < 4'000; ++round) {
    std::string bytes = round % 2 == 0 ? text : trace;
    for (unsigned n = 1 + random() % 3; n > 0; --n) {
      const std::size_t at = random() % bytes.size();
      switch (random() % 3) {
        case 0:
          bytes[at] = static_cast<char>(random());
          break;
        case 1:
          bytes.resize(at + 1);
          break;
        case 2:
          bytes.insert(at, bytes, random() % bytes.size(), random() % 64);
          break;
      }
    }
    try {
      for (const DiskAccess& access : load_disk_workload(folder.write("log", bytes))) {
        REQUIRE(access.at >= sim::Duration{});
        REQUIRE(access.offset % 512 == 0);
        REQUIRE(access.bytes % 512 == 0);
        REQUIRE((access.bytes > 0 || access.operation == Operation::sync));
      }
      ++read;
    } catch (const DiskWorkloadError&) {
      ++refusals;
    }
  }
  CHECK(read > 100);
  CHECK(refusals > 1'000);
}

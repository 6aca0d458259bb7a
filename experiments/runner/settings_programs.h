// The settings of programs, program by program: see settings_table.h.
#pragma once

#include "experiments/runner/known_names.h"
#include "experiments/runner/settings_about.h"
#include "workloads/programs/lmbench/suite.h"
#include "workloads/spec.h"

namespace runner {

template <>
struct NamesOf<guest::RawDiskSettings::Pattern> {
  using Pattern = guest::RawDiskSettings::Pattern;
  static constexpr std::array names{std::pair{Pattern::random, "random"}, std::pair{Pattern::sequential, "sequential"}};
};

template <>
struct NamesOf<guest::RawDiskSettings::Operation> {
  using Operation = guest::RawDiskSettings::Operation;
  static constexpr std::array names{std::pair{Operation::read, "read"}, std::pair{Operation::write, "write"},
                                    std::pair{Operation::mixed, "mixed"}};
};

template <>
struct NamesOf<guest::TtcpSettings::Direction> {
  using Direction = guest::TtcpSettings::Direction;
  static constexpr std::array names{std::pair{Direction::transmit, "transmit"},
                                    std::pair{Direction::receive, "receive"}};
};

template <>
struct NamesOf<guest::OsdbSettings::Query> {
  using Query = guest::OsdbSettings::Query;
  static constexpr std::array names{std::pair{Query::cursor, "cursor"}, std::pair{Query::plain, "plain"},
                                    std::pair{Query::update, "update"}, std::pair{Query::full_scan, "full_scan"},
                                    std::pair{Query::new_connection, "new_connection"}};
};

template <class Visit>
void describe(Visit&& visit, const guest::ComputeSettings*) {
  visit.value("profile", RINGZERO_MEMBER(profile),
              {.text = "Memory behaviour of the computation: a profile of workloads/profiles.",
               .source = "workloads/profiles",
               .choices = known_profiles});
}

template <class Visit>
void describe(Visit&& visit, const guest::UdpEchoSettings*) {
  visit.value("port", RINGZERO_MEMBER(port),
              {.text = "UDP port that is answered.", .source = "RFC 862: echo is 7", .min = 1, .max = 65535});
}

template <class Visit>
void describe(Visit&& visit, const guest::UdpFloodSettings*) {
  visit.value("port", RINGZERO_MEMBER(port),
              {.text = "UDP port that a receiver asks, and that sends.", .source = "iperf's", .min = 1, .max = 65535});
  visit.value("payload", RINGZERO_MEMBER(payload_bytes),
              {.text = "UDP payload of a datagram.", .source = "RFC 894: 1472 fill a frame", .unit = "B", .max = 1472});
  visit.value("rate", RINGZERO_MEMBER(rate),
              {.text = "Payload per second, sent in one burst per tick of the kernel; 0: as fast as the socket takes "
                       "it.",
               .source = "Ringzero",
               .unit = "b/s",
               .max = 1'000'000'000'000});
}

template <class Visit>
void describe(Visit&& visit, const guest::LmbenchSettings*) {
  visit.value("tests", RINGZERO_MEMBER(tests),
              {.text = "Which results of lmbench to measure; none: all.",
               .source = "workloads/programs/lmbench/suite.cpp",
               .choices = guest::lmbench_test_names});
  visit.value("samples", RINGZERO_MEMBER(samples),
              {.text = "Samples of every timed loop, of which the median counts.",
               .source = "lmbench takes 11 against noise; here only placement and ticks differ",
               .min = 1,
               .max = 1000});
}

template <class Visit>
void describe(Visit&& visit, const guest::RawDiskSettings*) {
  visit.value("disk", RINGZERO_MEMBER(disk),
              {.text = "Name of the domain's disk; none: its first.", .source = "Ringzero"});
  visit.value("pattern", RINGZERO_MEMBER(pattern),
              {.text = "Where the requests go: to blocks anywhere, or one after the other.", .source = "as fio's rw"});
  visit.value("operation", RINGZERO_MEMBER(operation),
              {.text = "What they do; mixed: half of them read and half write, by chance.", .source = "as fio's rw"});
  visit.value("block", RINGZERO_MEMBER(block_bytes),
              {.text = "Size of a request, whole sectors of 512 B.",
               .source = "as fio's bs",
               .unit = "KiB",
               .min = 512,
               .max = 16 * kMebibyte});
  visit.value(
      "depth", RINGZERO_MEMBER(depth),
      {.text = "Processes, each with one request at a time.", .source = "as fio's numjobs", .min = 1, .max = 256});
  visit.value(
      "think", RINGZERO_MEMBER(think),
      {.text = "Time that a process sleeps between two requests, in whole ticks of 10 ms as Linux 2.4 rounds it.",
       .source = "as fio's thinktime",
       .unit = "ms"});
  visit.value("count", RINGZERO_MEMBER(count),
              {.text = "It is finished when so many requests are done.", .source = "Ringzero", .min = 1});
  visit.value(
      "duration", RINGZERO_MEMBER(duration),
      {.text = "It is finished after so long.", .source = "as fio's runtime", .unit = "s", .min = kMillisecond});
  visit.value(
      "trace", RINGZERO_MEMBER(trace),
      {.text = "A recorded workload to replay instead of a pattern, each request at its time if one of the "
               "processes is free: an iolog of fio, or the prefix of blktrace's files; a path from here or from "
               "the project's folder.",
       .source = "docs/traces.md"});
  visit.value("trace_device", RINGZERO_MEMBER(trace_device),
              {.text = "Which device's requests, where the trace has several.", .source = "docs/traces.md"});
}

template <class Visit>
void describe(Visit&& visit, const guest::FileIoSettings*) {
  visit.value("pattern", RINGZERO_MEMBER(pattern),
              {.text = "Which blocks of the file: anywhere, or one after the other and then from its beginning again.",
               .source = "as fio's rw"});
  visit.value(
      "operation", RINGZERO_MEMBER(operation),
      {.text = "What the calls do; mixed: half of them read and half write, by chance.", .source = "as fio's rw"});
  visit.value("file", RINGZERO_MEMBER(file_bytes),
              {.text = "Size of the file.",
               .source = "as fio's filesize",
               .unit = "MiB",
               .min = 4096,
               .max = 2047 * kMebibyte});
  visit.value("block", RINGZERO_MEMBER(block_bytes),
              {.text = "Size of a call.", .source = "as fio's bs", .unit = "KiB", .min = 1, .max = 16 * kMebibyte});
  visit.value("overwrite", RINGZERO_MEMBER(overwrite),
              {.text = "Whether a file that is only written is there before; one that is read is, on the disk and not "
                       "in memory.",
               .source = "as fio's overwrite"});
  visit.value("synchronous", RINGZERO_MEMBER(synchronous),
              {.text = "Whether every write is on the disk when it returns: O_SYNC.", .source = "as fio's sync"});
  visit.value("sync_every", RINGZERO_MEMBER(sync_every),
              {.text = "Calls from one fsync to the next; 0: none.", .source = "as fio's fsync"});
  visit.value("count", RINGZERO_MEMBER(count),
              {.text = "It is finished when so many calls are done.", .source = "Ringzero", .min = 1});
  visit.value(
      "duration", RINGZERO_MEMBER(duration),
      {.text = "It is finished after so long.", .source = "as fio's runtime", .unit = "s", .min = kMillisecond});
}

template <class Visit>
void describe(Visit&& visit, const guest::DdSettings*) {
  visit.value("file", RINGZERO_MEMBER(file_bytes),
              {.text = "Size of the file, which is then emptied and written again.",
               .source = "assumed: more than the memory of a domain",
               .unit = "MiB",
               .min = kMebibyte,
               .max = 2047 * kMebibyte});
  visit.value("block", RINGZERO_MEMBER(block_bytes),
              {.text = "Size of a call.", .source = "as dd's bs", .unit = "KiB", .min = 512, .max = 16 * kMebibyte});
}

template <class Visit>
void describe(Visit&& visit, const guest::SmallFilesSettings*) {
  visit.value("file", RINGZERO_MEMBER(file_bytes),
              {.text = "Size of a file.", .source = "assumed: small", .unit = "B", .min = 1, .max = kMebibyte});
  visit.value("per_directory", RINGZERO_MEMBER(files_per_directory),
              {.text = "Files in a directory before the next one is begun.",
               .source = "assumed: the paper's directories are large",
               .min = 1,
               .max = 10'000'000});
}

template <class Visit>
void describe(Visit&& visit, const guest::ForkBombSettings*) {
  visit.value("pages", RINGZERO_MEMBER(pages),
              {.text = "Pages that a process has in its image, in its libraries and of its stack, each.",
               .source = "assumed: a small program",
               .min = 1,
               .max = 256});
}

template <class Visit>
void describe(Visit&& visit, const guest::MemoryHogSettings*) {
  visit.value("size", RINGZERO_MEMBER(bytes),
              {.text = "Memory that it would like to have.",
               .source = "Barham et al.: 3 GB",
               .unit = "MiB",
               .min = kMebibyte,
               .max = 4096 * kMebibyte});
  visit.value("chunk", RINGZERO_MEMBER(chunk_bytes),
              {.text = "Memory that it asks for at once.",
               .source = "assumed",
               .unit = "KiB",
               .min = 4096,
               .max = 1024 * kMebibyte});
}

template <class Visit>
void describe(Visit&& visit, const guest::BalloonSettings*) {
  visit.value("start", RINGZERO_MEMBER(start),
              {.text = "How long after boot the domain is asked for its memory.", .source = "Ringzero", .unit = "s"});
  visit.value("target", RINGZERO_MEMBER(target_bytes),
              {.text = "Memory that the domain shall keep; it keeps what it cannot give.",
               .source = "Ringzero",
               .unit = "MiB"});
  visit.value("hold", RINGZERO_MEMBER(hold),
              {.text = "How long it stays small before it gets its memory back.", .source = "Ringzero", .unit = "s"});
}

template <class Visit>
void describe(Visit&&, const guest::ServicesSettings*) {}

template <class Visit>
void describe(Visit&& visit, const guest::TtcpSettings*) {
  visit.value("direction", RINGZERO_MEMBER(direction),
              {.text = "Whether the domain sends the stream or receives it; a machine outside does the other half.",
               .source = "ttcp -t, ttcp -r"});
  visit.value("bytes", RINGZERO_MEMBER(bytes),
              {.text = "Length of the stream, of which the first quarter is not measured.",
               .source = "the paper sends 400 MB; the rate is the same within 3 % from 8 MiB on",
               .unit = "MiB",
               .min = kMebibyte,
               .max = 1024 * kMebibyte});
  visit.value("mtu", RINGZERO_MEMBER(mtu),
              {.text = "Largest IP packet, of the interfaces at both ends.",
               .source = "Ethernet's 1500; the paper's second value is 500",
               .min = 256,
               .max = 1500});
  visit.value("peer_time", RINGZERO_MEMBER(peer_time),
              {.text = "CPU time that the machine outside needs for a segment that it sends or receives.",
               .source = "assumed, 0.5 to 3.8 us: by tab6.TX_MTU500.L two segments and their acknowledgement take the "
                         "receiver at most 11.4 us",
               .unit = "us"});
  visit.value("peer_interrupt_delay", RINGZERO_MEMBER(peer_interrupt_delay),
              {.text = "How long the card of the machine outside holds the first packet that finds it idle.",
               .source = "assumed: tg3's driver with NAPI, as natively on the host itself",
               .unit = "us"});
}

template <class Visit>
void describe(Visit&&, const guest::SpecIntSettings*) {}

template <class Visit>
void describe(Visit&& visit, const guest::DbenchSettings*) {
  visit.value("load", RINGZERO_MEMBER(load),
              {.text = "Its load file, in the format of dbench 4, a path from here or from the project's folder; "
                       "none: that of Debian's package dbench.",
               .source = "docs/applications.md"});
  visit.value("operations", RINGZERO_MEMBER(operations),
              {.text = "The first so many operations of the load file; absent: dbench.operations of the profile.",
               .source = "the paper: around 90000",
               .min = 1});
}

template <class Visit>
void describe(Visit&& visit, const guest::KernelBuildSettings*) {
  visit.value("files", RINGZERO_MEMBER(files),
              {.text = "C files that are compiled, spread over the tree's 381; the time is that of all in proportion.",
               .source = "docs/applications.md",
               .min = 1,
               .max = 381});
}

template <class Visit>
void describe(Visit&& visit, const guest::OsdbSettings*) {
  visit.value("query", RINGZERO_MEMBER(query),
              {.text = "What every tuple is: a select by a cursor or plain, an update with its commit, a select by a "
                       "scan of the table, or one on a connection of its own.",
               .source = "docs/applications.md"});
  visit.value("users", RINGZERO_MEMBER(users),
              {.text = "Clients, each with one query at a time; absent: osdb.users of the profile.",
               .source = "AS3AP: one for each 4 MB of data",
               .min = 1,
               .max = 256});
  visit.value("warmup", RINGZERO_MEMBER(warmup),
              {.text = "From the start of the users to the time that is measured.",
               .source = "Ringzero; OSDB takes 15 minutes, with a page cache that is cold",
               .unit = "s"});
  visit.value("duration", RINGZERO_MEMBER(duration),
              {.text = "How long it is measured.",
               .source = "Ringzero; OSDB takes 5 minutes of the same",
               .unit = "s",
               .min = 100 * kMillisecond});
}

template <class Visit>
void describe(Visit&& visit, const guest::BurstSettings*) {
  visit.value(
      "compute", RINGZERO_MEMBER(compute),
      {.text = "CPU time that it computes before it sleeps.", .source = "Ringzero", .unit = "ms", .min = kMicrosecond});
  visit.value("sleep_ticks", RINGZERO_MEMBER(sleep_ticks),
              {.text = "It sleeps until so many ticks of its kernel have come, each 10 ms after the one before.",
               .source = "Ringzero",
               .min = 1,
               .max = 1'000'000});
}

template <class Visit>
void describe(Visit&& visit, const guest::Web99Settings*) {
  visit.value("connections", RINGZERO_MEMBER(connections),
              {.text = "Users outside, each with one connection at a time: the load, and the size of the data set.",
               .source = "SPECweb99: simultaneous connections",
               .min = 1,
               .max = 4000});
}

}  // namespace runner

// The one description of every setting: its key, where it goes, unit, range, sentence and source.
//
// describe(visit, object) calls visit.value(key, member, about) for each setting of an object, in the order of the
// documentation; visit.group(key, about, ...) makes a JSON object of settings that have no struct of their own. Reader,
// writer, schema and documentation (settings.cpp) are four visitors of these functions, so they cannot disagree. The
// default of a setting is the value of its member in a default-constructed object.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "experiments/runner/experiment.h"
#include "experiments/runner/known_names.h"
#include "workloads/hosts/systems.h"
#include "workloads/programs/lmbench/suite.h"

namespace runner {

struct About {
  std::string_view text;       // one sentence
  std::string_view source;     // where the meaning, or the default, comes from
  std::string_view unit = "";  // of a plain number: makes an integer a quantity; times need one
  std::int64_t min = 0;        // in base units, as is max
  std::int64_t max = INT64_MAX;
  std::vector<std::string> (*choices)() = nullptr;  // of a text
  bool required = false;
};

template <class Enum>
struct NamesOf;  // names: what the values of an enumeration, or the alternatives of a variant, are called in files

template <>
struct NamesOf<guest::System> {
  static inline const auto names = [] {
    std::vector<std::pair<guest::System, std::string_view>> result;
    for (const guest::SystemInfo& info : guest::systems()) result.emplace_back(info.system, info.name);
    return result;
  }();
};
template <>
struct NamesOf<Until> {
  static constexpr std::array names{std::pair{Until::duration, "duration"}, std::pair{Until::finished, "finished"}};
};
template <>
struct NamesOf<AxisRange::Scale> {
  using Scale = AxisRange::Scale;
  static constexpr std::array names{std::pair{Scale::linear, "linear"}, std::pair{Scale::log, "log"}};
};
template <>
struct NamesOf<Picture::Kind> {
  using Kind = Picture::Kind;
  static constexpr std::array names{std::pair{Kind::line, "line"}, std::pair{Kind::heat, "heat"},
                                    std::pair{Kind::distribution, "distribution"}};
};
template <>
struct NamesOf<guest::World> {
  static constexpr std::array names{std::pair{guest::World::fifo, "fifo"}, std::pair{guest::World::simgrid, "simgrid"}};
};
template <>
struct NamesOf<guest::IntervalSettings::Kind> {
  using Kind = guest::IntervalSettings::Kind;
  static constexpr std::array names{std::pair{Kind::fixed, "fixed"}, std::pair{Kind::uniform, "uniform"},
                                    std::pair{Kind::exponential, "exponential"},
                                    std::pair{Kind::closed_loop, "closed_loop"}};
};
template <>
struct NamesOf<guest::ProgramSpec> {
  static constexpr std::array names{"compute", "udp_echo", "lmbench",     "udp_flood", "raw_disk",
                                    "file_io", "ttcp",     "spec_int",    "dbench",    "kernel_build",
                                    "osdb",    "dd",       "small_files", "fork_bomb", "memory_hog",
                                    "balloon", "services", "bursts",      "web99"};
};
template <>
struct NamesOf<guest::DropRule::Protocol> {
  using Protocol = guest::DropRule::Protocol;
  static constexpr std::array names{std::pair{Protocol::any, "any"}, std::pair{Protocol::ip, "ip"},
                                    std::pair{Protocol::tcp, "tcp"}, std::pair{Protocol::udp, "udp"},
                                    std::pair{Protocol::arp, "arp"}};
};
template <>
struct NamesOf<guest::DiskSpec::Access> {
  using Access = guest::DiskSpec::Access;
  static constexpr std::array names{std::pair{Access::read_write, "rw"}, std::pair{Access::read_only, "ro"},
                                    std::pair{Access::swap, "swap"}};
};
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

inline constexpr std::int64_t kMicrosecond = 1'000'000, kMillisecond = 1000 * kMicrosecond;  // in picoseconds
inline constexpr std::int64_t kMebibyte = 1 << 20;

// Generic in constness: the member that a setting fills in or is read from.
#define RINGZERO_MEMBER(path) \
  [](auto& object) -> auto& { return object.path; }

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
void describe(Visit&& visit, const guest::DiskSpec*) {
  visit.value("name", RINGZERO_MEMBER(name),
              {.text = "Name of the disk in the domain.", .source = "xl.cfg: vdev", .required = true});
  visit.value("size", RINGZERO_MEMBER(bytes),
              {.text = "Size of the disk.", .source = "xl.cfg", .unit = "GiB", .min = kMebibyte, .required = true});
  visit.value(
      "access", RINGZERO_MEMBER(access),
      {.text = "Whether it may be written; only disks that may not can share parts of the drive. A swap disk is the "
               "kernel's own, for pages of processes.",
       .source = "xl.cfg: access"});
  visit.value("offset", RINGZERO_MEMBER(offset),
              {.text = "Where on the drive it begins; without it, behind the disk before it.",
               .source = "Ringzero",
               .unit = "GiB"});
  visit.value(
      "barriers", RINGZERO_MEMBER(barriers),
      {.text = "Whether a domain's file system uses reorder barriers of the disk; without them it waits for its "
               "writes as on bare hardware, as with every release of Xen until 2006.",
       .source = "the paper, section 3.3.7"});
}

template <class Visit>
void describe(Visit&& visit, const guest::TtcpSettings*) {
  visit.value("direction", RINGZERO_MEMBER(direction),
              {.text = "Whether the domain sends the stream or receives it; a machine outside does the other half.",
               .source = "ttcp -t, ttcp -r"});
  visit.value("bytes", RINGZERO_MEMBER(bytes),
              {.text = "Length of the stream, of which the first quarter is not measured.",
               .source = "the paper sends 400 MB; the rate is the same from 8 MiB on",
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

template <class Visit>
void describe(Visit&& visit, const guest::WarpSettings*) {
  visit.value("value", RINGZERO_MEMBER(value),
              {.text = "How far the domain is favoured, in units of virtual time: 10 are 100 us of CPU at weight 256.",
               .source = "warp of Xen's BVT",
               .max = 1'000'000'000});
  visit.value("limit", RINGZERO_MEMBER(limit),
              {.text = "Longest run in favour; 0 is no limit.", .source = "warpl of Xen's BVT", .unit = "ms"});
  visit.value(
      "unwarp", RINGZERO_MEMBER(unwarp),
      {.text = "Shortest time from the end of one favour to the next.", .source = "warpu of Xen's BVT", .unit = "ms"});
}

template <class Visit>
void describe(Visit&& visit, const guest::SedfSettings*) {
  visit.value("period", RINGZERO_MEMBER(period),
              {.text = "In each such period the domain has its slice; absent: it shares by weight.",
               .source = "xl sched-sedf -p",
               .unit = "ms",
               .max = 10'000 * kMillisecond});
  visit.value("slice", RINGZERO_MEMBER(slice),
              {.text = "CPU time that it is sure of in every period.", .source = "xl sched-sedf -s", .unit = "ms"});
  visit.value("latency", RINGZERO_MEMBER(latency),
              {.text = "Taken and not used, as in Xen 3.0.3.", .source = "xl sched-sedf -l", .unit = "ms"});
  visit.value("extra", RINGZERO_MEMBER(extra),
              {.text = "Whether it may use time that is left over.", .source = "xl sched-sedf -e"});
  visit.value("weight", RINGZERO_MEMBER(weight),
              {.text = "Without a period: its part of extra time if it may use that, else of what nobody is sure of.",
               .source = "xl sched-sedf -w",
               .max = 32767});
}

// What domain 0 tells the scheduler of a domain; at its start and, of those named in `changes`, later.
template <class Visit>
void describe_scheduling(Visit&& visit) {
  visit.value("cpus", RINGZERO_MEMBER(cpus),
              {.text = "The physical CPUs that it may run on; absent: all. Schedulers that do not balance place it on "
                       "one of them, in turn.",
               .source = "xl.cfg"});
  visit.value("cpu_weight", RINGZERO_MEMBER(weight),
              {.text = "CPU time in proportion to the other domains: of its CPU under BVT, whose historical variants "
                       "round it to the whole mcu_advance nearest 2560 / weight, of the host under Credit and Credit2.",
               .source = "xl.cfg",
               .min = 1,
               .max = 65535});
  visit.value("cap", RINGZERO_MEMBER(cap),
              {.text = "Most CPU time that Credit and Credit2 give it, in percent of one CPU; 0: no limit.",
               .source = "xl.cfg",
               .max = 800});
  visit.value("warp", RINGZERO_MEMBER(warp),
              {.text = "Favours the domain when it wakes; absent: not favoured.", .source = "Xen's BVT"});
  visit.value("sedf", RINGZERO_MEMBER(sedf),
              {.text = "What SEDF guarantees it; absent: nothing, but an equal share of extra time.",
               .source = "xl sched-sedf"});
}

template <class Visit>
void describe(Visit&& visit, const guest::ScheduleChange*) {
  visit.value("at", RINGZERO_MEMBER(at),
              {.text = "When, from the time that domain 0 has built the last domain, in whole ticks of 10 ms.",
               .source = "Ringzero",
               .unit = "s",
               .required = true});
  visit.value("domain", RINGZERO_MEMBER(domain),
              {.text = "Name of the domain that is changed.", .source = "Ringzero", .required = true});
  describe_scheduling(visit);
}

template <class Visit>
void describe(Visit&& visit, const DomainSettings*) {
  visit.value("name", RINGZERO_MEMBER(name), {.text = "Name of the domain.", .source = "xl.cfg", .required = true});
  visit.value("count", RINGZERO_MEMBER(count),
              {.text = "So many domains alike, called name1, name2, and so on.", .source = "Ringzero", .min = 1});
  visit.value(
      "memory", RINGZERO_MEMBER(memory_bytes),
      {.text = "Memory of the domain.", .source = "xl.cfg", .unit = "MiB", .min = 2 * kMebibyte, .required = true});
  visit.value("vcpus", RINGZERO_MEMBER(vcpus),
              {.text = "Virtual CPUs, given out in turn to CPUs, or all pinned to one by cpus. System xen.",
               .source = "xl.cfg",
               .min = 1,
               .max = 8});
  visit.value("spin_yield", RINGZERO_MEMBER(spin_yield),
              {.text = "A virtual CPU that has spun for the big kernel lock for so long in a row tells the hypervisor "
                       "that others may run; absent: never. It says nothing to a domain with one.",
               .source = "Ringzero; the call is SCHEDOP_yield",
               .unit = "us",
               .min = 1 * kMicrosecond,
               .max = 1000 * kMillisecond});
  describe_scheduling(visit);
  visit.value("vif", RINGZERO_MEMBER(network),
              {.text = "Whether it has a virtual network interface.", .source = "xl.cfg"});
  visit.value("vif_rate", RINGZERO_MEMBER(vif_rate),
              {.text = "Limit on what its virtual interface sends; 0: none.",
               .source = "xl.cfg; the hypervisor's credit per interface",
               .unit = "b/s",
               .max = 1'000'000'000'000});
  visit.value("vif_rate_interval", RINGZERO_MEMBER(vif_rate_interval),
              {.text = "In each such interval the interface may send what the rate gives for it.",
               .source = "50 ms: xl.cfg",
               .unit = "ms",
               .min = 100 * kMicrosecond,
               .max = 1000 * kMillisecond});
  visit.value("destroy_at", RINGZERO_MEMBER(destroy_at),
              {.text = "Domain 0 destroys it so long after it has built the last domain; absent: never.",
               .source = "Ringzero",
               .unit = "s"});
  visit.value("disk", RINGZERO_MEMBER(disks),
              {.text = "Its disks: parts of the host's drive, as virtual block devices or as partitions.",
               .source = "xl.cfg, one object per disk"});
  visit.value(
      "programs", RINGZERO_MEMBER(programs),
      {.text = "What runs in it: each an object whose one key names the program.", .source = "workloads/programs"});
}

template <class Visit>
void describe(Visit&& visit, const guest::ClientSpec*) {
  visit.value("target", RINGZERO_MEMBER(target),
              {.text = "Name of the domain that it pings.", .source = "Ringzero", .required = true});
  visit.value("port", RINGZERO_MEMBER(port),
              {.text = "UDP port that it pings.", .source = "RFC 862: echo is 7", .min = 1, .max = 65535});
  visit.value("interval", RINGZERO_MEMBER(interval.mean),
              {.text = "Mean time from one request to the next.",
               .source = "assumed: the paper does not say",
               .unit = "ms",
               .min = kMicrosecond});
  visit.value(
      "distribution", RINGZERO_MEMBER(interval.kind),
      {.text = "How intervals are drawn; uniform is between 0 and twice the mean, and closed_loop waits a fixed "
               "interval after each reply.",
       .source = "assumed: the paper does not say"});
  visit.value("start", RINGZERO_MEMBER(start),
              {.text = "From the end of boot to the first request.", .source = "Ringzero", .unit = "ms"});
  visit.value("payload", RINGZERO_MEMBER(payload_bytes),
              {.text = "UDP payload of a request and of its reply.",
               .source = "assumed: the paper does not say",
               .unit = "B",
               .min = 8,
               .max = 1472});
  visit.value(
      "timeout", RINGZERO_MEMBER(timeout),
      {.text = "A reply later than this counts as lost.", .source = "Ringzero", .unit = "ms", .min = kMillisecond});
}

template <class Visit>
void describe(Visit&& visit, const guest::ReceiverSpec*) {
  visit.value("target", RINGZERO_MEMBER(target),
              {.text = "Name of the domain whose udp_flood sends to it.", .source = "Ringzero", .required = true});
  visit.value("port", RINGZERO_MEMBER(port),
              {.text = "UDP port of the udp_flood that it asks.", .source = "iperf's", .min = 1, .max = 65535});
  visit.value("start", RINGZERO_MEMBER(start),
              {.text = "From the end of boot until it asks.", .source = "Ringzero", .unit = "ms"});
}

template <class Visit>
void describe(Visit&& visit, const guest::DropRule*) {
  visit.value("from", RINGZERO_MEMBER(from),
              {.text = "Name of the domain that sends what is dropped; absent: the wire.", .source = "Ringzero"});
  visit.value("to", RINGZERO_MEMBER(to),
              {.text = "Name of the domain whose address it is for; absent: any address.", .source = "Ringzero"});
  visit.value("protocol", RINGZERO_MEMBER(protocol),
              {.text = "Which packets by their protocol.", .source = "interface/control.h"});
  visit.value("source_port", RINGZERO_MEMBER(source_port),
              {.text = "Source port; absent: any.", .source = "interface/control.h", .max = 65535});
  visit.value("destination_port", RINGZERO_MEMBER(destination_port),
              {.text = "Destination port; absent: any.", .source = "interface/control.h", .max = 65535});
}

template <class Visit>
void describe(Visit&& visit, const Steady*) {
  visit.value("metric", RINGZERO_MEMBER(metric),
              {.text = "The metric whose series is looked at.",
               .source = "experiments/runner/metrics.h",
               .choices = known_metrics,
               .required = true});
  visit.value("interval", RINGZERO_MEMBER(interval),
              {.text = "Simulated time that makes one value of the series.",
               .source = "assumed: twice the 50 ms slice of Xen",
               .unit = "ms",
               .min = kMillisecond});
}

template <class Visit>
void describe(Visit&& visit, const Setup*) {
  visit.value("machine", RINGZERO_MEMBER(machine),
              {.text = "The modelled machine: a file of model/machines.",
               .source = "the paper's testbed is dell2650",
               .choices = known_machines});
  visit.value(
      "parameters", RINGZERO_MEMBER(parameters),
      {.text = "Numbers of the model that differ from the machine's file and the programs' profiles, each in the "
               "unit of its entry.",
       .source = "the entries: explain memory.line_refill, explain cint2000.steady_insertions, and so on"});
  visit.value("drive", RINGZERO_MEMBER(drive),
              {.text = "The disk drive of the host: a file of model/drives; none: the host has no disk.",
               .source = "the paper's testbed has a 146 GB drive of 10 000 rpm: ultrastar146z10",
               .choices = known_drives_or_none});
  visit.value("cpus", RINGZERO_MEMBER(host.cpus), {.text = "Physical CPUs in use.", .source = "Ringzero", .min = 1});
  visit.value(
      "system", RINGZERO_MEMBER(host.system),
      {.text = "What runs on the hardware: the hypervisor core with all domains, or one kernel, whose processes the "
               "domains' programs are: alone, in VMware's monitor, or as User-Mode Linux on another kernel.",
       .source = "Ringzero"});
  visit.group(
      "scheduler", {.text = "The hypervisor's CPU scheduler.", .source = "hypervisor-core/schedule"}, [](auto&& in) {
        in.value("name", RINGZERO_MEMBER(host.scheduler),
                 {.text = "Which policy.", .source = "hypervisor-core/schedule/registry", .choices = known_schedulers});
        in.value("variant", RINGZERO_MEMBER(host.variant),
                 {.text = "Which of the policy's behaviours; absent: its first.",
                  .source = "hypervisor-core/schedule/registry",
                  .choices = known_scheduler_variants});
        in.value(
            "context_switch_allowance", RINGZERO_MEMBER(host.context_switch_allowance),
            {.text = "How far a running domain may get ahead of the next one before it is switched away: the slice.",
             .source = "5 ms is the default of the paper, section 4.5",
             .unit = "ms",
             .min = 10 * kMicrosecond});
        in.value("slice", RINGZERO_MEMBER(host.slice),
                 {.text = "How long a domain runs before others of its class have their turn; absent: 10 ms under "
                          "round robin and at most under Credit2, 30 ms under Credit, whose tick is a third of it.",
                  .source = "xl sched-credit -t",
                  .unit = "ms",
                  .min = 100 * kMicrosecond,
                  .max = 1000 * kMillisecond});
        in.value("rate_limit", RINGZERO_MEMBER(host.rate_limit),
                 {.text = "How long a domain runs at least before one that wakes takes its CPU, under Credit (exact) "
                          "and Credit2; absent: 1 ms.",
                  .source = "xl sched-credit -r; 1 ms since Xen 4.2",
                  .unit = "ms",
                  .max = 500 * kMillisecond});
        in.value("tick", RINGZERO_MEMBER(host.tick),
                 {.text = "Period of the timer event to the running domain; 0 turns it off.",
                  .source = "10 ms: Xen 1.0 to 2.0",
                  .unit = "ms"});
        in.value("timer_slop", RINGZERO_MEMBER(host.timer_slop),
                 {.text = "Timers due within this time of another run with it.",
                  .source = "50 us in Xen 1.0 to 2.0; exact here by default",
                  .unit = "us"});
      });
  visit.group("domain0", {.text = "The control domain.", .source = "xl.cfg"}, [](auto&& in) {
    in.value("memory", RINGZERO_MEMBER(host.domain0_memory),
             {.text = "Memory of domain 0.", .source = "assumed", .unit = "MiB", .min = 4 * kMebibyte});
  });
  visit.value("domains", RINGZERO_MEMBER(domains),
              {.text = "The guests.", .source = "xl.cfg, one object per file", .min = 1, .required = true});
  visit.value("clients", RINGZERO_MEMBER(host.clients),
              {.text = "Machines outside, each pinging one domain over UDP.", .source = "Ringzero"});
  visit.value("receivers", RINGZERO_MEMBER(host.receivers),
              {.text = "Machines outside that have a domain's udp_flood send to them.", .source = "Ringzero"});
  visit.value("changes", RINGZERO_MEMBER(host.changes),
              {.text = "What domain 0 changes about the domains' scheduling while they run.", .source = "Ringzero"});
  visit.value("rules", RINGZERO_MEMBER(host.rules),
              {.text = "What the hypervisor's firewall-router drops, beyond what no rule lets through.",
               .source = "the paper, section 3.3.6"});
  visit.group("faults", {.text = "What goes wrong in the hardware.", .source = "Ringzero"}, [](auto&& in) {
    in.value("frame_loss", RINGZERO_MEMBER(host.frames_lost_per_million),
             {.text = "Frames that the network outside loses, of a million.", .source = "Ringzero", .max = 1'000'000});
    in.value("bad_sectors", RINGZERO_MEMBER(host.bad_sectors),
             {.text = "Sectors of the drive that cannot be read.", .source = "Ringzero"});
  });
  visit.value("world", RINGZERO_MEMBER(host.world),
              {.text = "The network outside: an exact FIFO wire, or SimGrid.", .source = "sim/outside"});
  visit.value("warmup", RINGZERO_MEMBER(warmup),
              {.text = "Simulated time after boot that is not measured.", .source = "Ringzero", .unit = "s"});
  visit.value("duration", RINGZERO_MEMBER(duration),
              {.text = "Simulated time that is measured, or in which the programs have to finish.",
               .source = "Ringzero",
               .unit = "s",
               .min = kMillisecond});
  visit.value("until", RINGZERO_MEMBER(until),
              {.text = "What ends a run: its duration, or that all programs are finished, as benchmarks are when they "
                       "have their results.",
               .source = "Ringzero"});
  visit.value("steady", RINGZERO_MEMBER(steady),
              {.text = "Leaves out as much of the measured time's beginning as MSER-5 finds to be warm-up; absent: "
                       "nothing but `warmup`.",
               .source = "White, Cobb and Spratt 2000"});
  visit.value(
      "search", RINGZERO_MEMBER(search),
      {.text = "Instead of one run, as many as it takes to find the value of a key at which a metric falls to a "
               "limit; absent: one run.",
       .source = "Ringzero"});
}

template <class Visit>
void describe(Visit&& visit, const AxisRange*) {
  visit.value("from", RINGZERO_MEMBER(from),
              {.text = "First value, a number or a quantity; of a parameter of the model: absent for where its likely "
                       "range begins.",
               .source = "Ringzero"});
  visit.value("to", RINGZERO_MEMBER(to), {.text = "Last value.", .source = "Ringzero"});
  visit.value("count", RINGZERO_MEMBER(count),
              {.text = "So many values, both ends among them.", .source = "Ringzero", .min = 2, .max = 1'000'000});
  visit.value("step", RINGZERO_MEMBER(step),
              {.text = "From one value to the next, instead of a count.", .source = "Ringzero"});
  visit.value("scale", RINGZERO_MEMBER(scale),
              {.text = "Whether neighbours differ by the same amount or by the same factor.", .source = "Ringzero"});
  visit.value(
      "whole", RINGZERO_MEMBER(whole),
      {.text = "Whether values are whole numbers; absent: if both ends are written as such.", .source = "Ringzero"});
}

template <class Visit>
void describe(Visit&& visit, const Sample*) {
  visit.value("count", RINGZERO_MEMBER(count),
              {.text = "So many points, for each combination of cases and varied keys.",
               .source = "Ringzero",
               .min = 1,
               .max = 10'000'000,
               .required = true});
  visit.value(
      "seed", RINGZERO_MEMBER(seed),
      {.text = "Of the points' choice; a key's values depend on it and on nothing else.", .source = "Ringzero"});
  visit.value("keys", RINGZERO_MEMBER(keys),
              {.text = "Keys, dotted, with a range or a list for each: a Latin hypercube of them.",
               .source = "McKay, Beckman and Conover 1979",
               .required = true});
}

template <class Visit>
void describe(Visit&& visit, const Precision*) {
  visit.value(
      "metric", RINGZERO_MEMBER(metric),
      {.text = "The metric that is to be known.", .source = "Ringzero", .choices = known_metrics, .required = true});
  visit.value("half_width", RINGZERO_MEMBER(half_width),
              {.text = "Half of the 95 % confidence interval of its mean, relative to the mean.",
               .source = "assumed",
               .unit = "%",
               .min = 1,
               .max = 1'000'000});
  visit.value("most", RINGZERO_MEMBER(most),
              {.text = "Replications of a point at most; `replications` are made in any case.",
               .source = "assumed",
               .min = 2,
               .max = 10000});
}

template <class Visit>
void describe(Visit&& visit, const Picture*) {
  visit.value("name", RINGZERO_MEMBER(name), {.text = "Name of the file.", .source = "Ringzero", .required = true});
  visit.value("kind", RINGZERO_MEMBER(kind),
              {.text = "Lines with confidence intervals, a map of colours, or how values are distributed.",
               .source = "Ringzero",
               .required = true});
  visit.value("title", RINGZERO_MEMBER(title), {.text = "What stands above it.", .source = "Ringzero"});
  visit.value("x", RINGZERO_MEMBER(x),
              {.text = "What goes to the right: a varied or sampled key, \"case\", a metric, or for distributions the "
                       "\"latency\" of replies.",
               .source = "Ringzero",
               .required = true});
  visit.value("y", RINGZERO_MEMBER(y),
              {.text = "What goes up: a metric, or on a map a key; distributions have none.", .source = "Ringzero"});
  visit.value("colour", RINGZERO_MEMBER(colour),
              {.text = "What tells lines and distributions apart: a key or \"case\"; on a map, the metric.",
               .source = "Ringzero"});
  visit.value("panels", RINGZERO_MEMBER(panels),
              {.text = "A key or \"case\" that has a small picture of its own for each value.", .source = "Ringzero"});
  visit.value("x_scale", RINGZERO_MEMBER(x_scale), {.text = "Scale of what goes to the right.", .source = "Ringzero"});
  visit.value("y_scale", RINGZERO_MEMBER(y_scale), {.text = "Scale of what goes up.", .source = "Ringzero"});
}

template <class Visit>
void describe(Visit&& visit, const SearchSettings*) {
  visit.value(
      "key", RINGZERO_MEMBER(key),
      {.text = "The whole number that is looked for, dotted; its value in the set-up is where the search begins.",
       .source = "Ringzero",
       .required = true});
  visit.value("metric", RINGZERO_MEMBER(metric),
              {.text = "The metric that decides; it falls as the key's value grows.",
               .source = "Ringzero",
               .choices = known_metrics,
               .required = true});
  visit.value("at_least", RINGZERO_MEMBER(at_least),
              {.text = "What the metric has to reach, in its unit.", .source = "Ringzero", .required = true});
  visit.value("tolerance", RINGZERO_MEMBER(tolerance),
              {.text = "The search ends when the value is known to so many thousandths.",
               .source = "Ringzero",
               .min = 1,
               .max = 500});
  visit.value("most_runs", RINGZERO_MEMBER(most_runs),
              {.text = "Runs after which the search gives up.", .source = "Ringzero", .min = 2, .max = 100});
  visit.value("name", RINGZERO_MEMBER(name),
              {.text = "The metric that the value found is reported as.",
               .source = "Ringzero",
               .choices = known_search_names,
               .required = true});
}

template <class Visit>
void describe(Visit&& visit, const Case*) {
  visit.value("name", RINGZERO_MEMBER(name), {.text = "Name of the case.", .source = "Ringzero", .required = true});
  visit.value("set", RINGZERO_MEMBER(set),
              {.text = "Keys that differ in this case, dotted (\"scheduler.variant\"), and their values.",
               .source = "Ringzero"});
}

template <class Visit>
void describe(Visit&& visit, const Normalisation*) {
  visit.value("metric", RINGZERO_MEMBER(metric),
              {.text = "The metric to divide.", .source = "Ringzero", .choices = known_metrics, .required = true});
  visit.value("key", RINGZERO_MEMBER(key), {.text = "One of the varied keys.", .source = "Ringzero", .required = true});
  visit.value("at", RINGZERO_MEMBER(at),
              {.text = "Its value at the point to divide by.", .source = "Ringzero", .required = true});
}

template <class Visit>
void describe(Visit&& visit, const Loss*) {
  visit.value("metric", RINGZERO_MEMBER(metric),
              {.text = "The metric of which something is lost.",
               .source = "Ringzero",
               .choices = known_metrics,
               .required = true});
  visit.value("from", RINGZERO_MEMBER(from),
              {.text = "Name of the case that lacks nothing.", .source = "Ringzero", .required = true});
}

template <class Visit>
void describe(Visit&& visit, const LedgerLine*) {
  visit.value("case", RINGZERO_MEMBER(case_name),
              {.text = "Name of the case; absent: every case.", .source = "Ringzero"});
  visit.value("metric", RINGZERO_MEMBER(metric),
              {.text = "The metric to compare.", .source = "Ringzero", .choices = known_metrics, .required = true});
  visit.value("id", RINGZERO_MEMBER(id),
              {.text = "Id of the published value; {key} stands for the point's value of a varied key, {case} for its "
                       "case.",
               .source = "results/published/published.json",
               .required = true});
}

template <class Visit>
void describe(Visit&& visit, const Experiment*) {
  visit.value("experiment", RINGZERO_MEMBER(id),
              {.text = "Short name of the experiment, used for folders.", .source = "Ringzero", .required = true});
  visit.value("title", RINGZERO_MEMBER(title), {.text = "One line for figures and reports.", .source = "Ringzero"});
  visit.value("question", RINGZERO_MEMBER(question), {.text = "What the experiment asks.", .source = "Ringzero"});
  visit.value(
      "expectation", RINGZERO_MEMBER(expectation),
      {.text = "What is expected, written before the first run, and what would prove it wrong.", .source = "Ringzero"});
  visit.embedded(RINGZERO_MEMBER(setup));
  visit.value("replications", RINGZERO_MEMBER(replications),
              {.text = "Runs per point, which differ in their seed.", .source = "Ringzero", .min = 1, .max = 10000});
  visit.value("seed", RINGZERO_MEMBER(seed),
              {.text = "Seed of the first replication; the next ones count up.", .source = "Ringzero"});
  visit.value("cases", RINGZERO_MEMBER(cases), {.text = "Named variations of the set-up.", .source = "Ringzero"});
  visit.value("vary", RINGZERO_MEMBER(vary),
              {.text = "Keys, dotted, with the list or the range of values that each takes; all combinations are "
                       "points.",
               .source = "Ringzero"});
  visit.value("sample", RINGZERO_MEMBER(sample),
              {.text = "Keys with random values, for each of these combinations.", .source = "Ringzero"});
  visit.value("precision", RINGZERO_MEMBER(precision),
              {.text = "When a sweep makes no more replications of a point; absent: after `replications`.",
               .source = "Ringzero"});
  visit.value("normalise", RINGZERO_MEMBER(normalise),
              {.text = "Adds a metric relative to one of the points.", .source = "Ringzero"});
  visit.value("losses", RINGZERO_MEMBER(losses),
              {.text = "Adds how much less metrics are than in another case, in per cent.", .source = "Ringzero"});
  visit.value(
      "show", RINGZERO_MEMBER(show),
      {.text = "Metrics in the table for people; absent: all.", .source = "Ringzero", .choices = known_metrics});
  visit.value("pictures", RINGZERO_MEMBER(pictures), {.text = "What a sweep draws.", .source = "Ringzero"});
  visit.value("ledger", RINGZERO_MEMBER(ledger),
              {.text = "Which metrics stand for which published values.", .source = "Ringzero"});
}

#undef RINGZERO_MEMBER

}  // namespace runner

// The settings of a set-up, one host with its domains and what is outside: see settings_table.h.
#pragma once

#include "experiments/runner/experiment.h"
#include "experiments/runner/known_names.h"
#include "experiments/runner/settings_programs.h"
#include "workloads/hosts/systems.h"

namespace runner {

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
struct NamesOf<guest::DiskSpec::Data> {
  using Data = guest::DiskSpec::Data;
  static constexpr std::array names{std::pair{Data::ordered, "ordered"}, std::pair{Data::writeback, "writeback"}};
};

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
  visit.value("data", RINGZERO_MEMBER(data),
              {.text = "How its file system is mounted: ordered, then a commit of the journal first writes the data of "
                       "the files that it is about, and waits for them; or writeback, then data are written in their "
                       "own time, and after a crash a file may have blocks of others.",
               .source = "mount(8), ext3: data="});
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
      {.text =
           "Memory of the domain, or of one of several virtual machines; one alone, and one kernel, have what there "
           "is.",
       .source = "xl.cfg",
       .unit = "MiB",
       .min = 2 * kMebibyte,
       .required = true});
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
  visit.value("programs_start", RINGZERO_MEMBER(programs_start),
              {.text = "How long after its kernel has booted its programs start; nobody waits for them to be up.",
               .source = "Ringzero",
               .unit = "s"});
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
      {.text =
           "What runs on the hardware: the hypervisor core with all domains; a Linux host with a virtual machine of "
           "VMware Workstation for each; or one kernel, whose processes the domains' programs are, alone or as "
           "User-Mode Linux on another.",
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

}  // namespace runner

// What hypervisor, domains and CPUs did, as Xen's analyser and a viewer of timelines read it.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>

#include "domain.h"
#include "experiments/traces/timeline_writer.h"
#include "experiments/traces/xentrace_writer.h"
#include "schedule/registry.h"
#include "support/guest_host.h"
#include "support/tools.h"

using guest::System;
using hv::RunState;
using sim::Duration;
using sim::Time;
using Json = nlohmann::json;

namespace {

// Two CPUs that never rest: domains that compute with unlike weights, one that is pinged and one that uses its disk.
guest::HostSpec busy_host(const std::string& scheduler = "bvt", const std::string& variant = "paper") {
  std::vector<guest::GuestSpec> guests{test::computing_guest("a"), test::computing_guest("b"),
                                       test::computing_guest("c"), test::echo_guest("pinged")};
  guests[1].weight = 512;
  auto spec = test::host_of(System::xen, std::move(guests), 2);
  spec.clients = {test::fixed_client("pinged", Duration::microseconds(700))};
  spec.scheduler = scheduler;
  spec.variant = variant;
  return spec;
}

constexpr Duration kStart = Duration::milliseconds(20), kRun = Duration::milliseconds(300);

// The last that was reported: a CPU that is ahead of the event queue has reported some to come, and a trace ends there.
struct LastReport final : guest::ActivityTrace {
  Time at;
  void decided(hv::CpuId, const hv::Vcpu&, const hv::Decision&, const hv::Scheduler&, hv::SystemTime,
               Time when) override {
    at = std::max(at, when);
  }
  void state_changed(hv::CpuId, const hv::Vcpu&, RunState, Time when) override { at = std::max(at, when); }
  void event_sent(hv::CpuId, const hv::Vcpu&, std::uint32_t, Time when) override { at = std::max(at, when); }
  void entered(hv::CpuId, model::EntryKind, const hw::Registers&, std::uint32_t, Time when) override {
    at = std::max(at, when);
  }
  void left(hv::CpuId, Time when) override { at = std::max(at, when); }
};

// Boots a host and runs it for a time, and on until what has been reported is what has happened.
class QuietHost {
 public:
  explicit QuietHost(guest::HostSpec spec) : host_{(spec.activity_traces.push_back(&last_), spec)} { host_.boot(); }
  guest::Host& run_for(Duration time) {
    for (host_.run_for(time); last_.at > host_.now();) host_.run_for(Duration::microseconds(10));
    return host_;
  }

 private:
  LastReport last_;
  guest::Host host_;
};

std::vector<double> cpu_times_us(const guest::Host& host, const guest::HostSpec& spec) {
  std::vector<double> times;
  for (const guest::GuestSpec& guest : spec.guests) {
    times.push_back(static_cast<double>(test::count_of(host, "guest." + guest.name + ".cpu_time")) / 1000);
  }
  return times;
}

struct Analysis {
  std::string complaints;
  std::map<int, double> running_us;  // by domain, all its vCPUs
};

Analysis xenalyze(const std::filesystem::path& folder, const std::string& file) {
  const test::ToolRun run = test::run_tool(folder, "xenalyze --cpu-hz=1000G -s " + file);
  Analysis analysis;
  if (run.status != 0) analysis.complaints = fmt::format("status {}\n", run.status);
  for (const std::string* text : {&run.out, &run.error}) {
    std::istringstream lines{*text};
    for (std::string line; std::getline(lines, line);) {
      std::string small = line;
      std::ranges::transform(small, small.begin(), [](unsigned char c) { return std::tolower(c); });
      for (const char* word : {"strange", "fatal", "warning", "skew", "unexpected", "short read", "early_eof"}) {
        if (small.find(word) != std::string::npos) analysis.complaints += line + '\n';
      }
    }
  }
  std::istringstream lines{run.out};
  int domain = -1;
  for (std::string line; std::getline(lines, line);) {
    std::sscanf(line.c_str(), "|-- Domain %d --|", &domain);
    long long runs = 0, mean = 0;
    double seconds = 0;
    // The seconds are rounded; number and mean, in the trace's picoseconds, are not.
    if (std::sscanf(line.c_str(), " running: %lld %lfs %lld {", &runs, &seconds, &mean) == 3) {
      analysis.running_us[domain] += static_cast<double>(runs) * static_cast<double>(mean) / 1e6;
    }
  }
  return analysis;
}

// A vCPU as the core has it, for reports made by hand.
struct FakeVcpu {
  hv::Domain domain;
  hv::Vcpu vcpu;
  FakeVcpu(hv::DomainId id, RunState state) {
    domain.id = id;
    vcpu.domain = &domain;
    vcpu.state = state;
  }
};

Time at_us(double microseconds) {
  return Time::at(Duration::nanoseconds(static_cast<std::int64_t>(1000 * microseconds)));
}

void change(guest::ActivityTrace& trace, hv::CpuId by, FakeVcpu& of, RunState after, double microseconds) {
  const RunState before = of.vcpu.state;
  of.vcpu.state = after;
  trace.state_changed(by, of.vcpu, before, at_us(microseconds));
}

Json timeline_of(const std::filesystem::path& file) { return Json::parse(test::text_of(file)).at("traceEvents"); }

using Track = std::pair<int, int>;
Track track_of(const Json& event) { return {event.at("pid").get<int>(), event.at("tid").get<int>()}; }

// What is wrong with a timeline's form: order of time, slices that are opened and closed, tracks with names.
std::string faults_of(const Json& events) {
  std::string faults;
  std::map<Track, int> open;
  std::map<Track, bool> named;
  std::map<int, bool> process_named;
  double last = 0;
  for (const Json& event : events) {
    const std::string phase = event.at("ph");
    if (phase == "M") {
      if (event.at("name") == "thread_name") named[track_of(event)] = true;
      if (event.at("name") == "process_name") process_named[event.at("pid")] = true;
      continue;
    }
    const double at = event.at("ts");
    if (at < last) faults += fmt::format("{} after {}\n", at, last);
    last = at;
    const Track track = track_of(event);
    if (!named[track] || !process_named[track.first]) faults += "a track without a name\n";
    if (phase == "B" && ++open[track] > 1) faults += "a slice within a slice\n";
    if (phase == "E" && --open[track] < 0) faults += "an end without a beginning\n";
  }
  for (const auto& [track, depth] : open) {
    if (depth != 0) faults += "a slice without an end\n";
  }
  return faults;
}

}  // namespace

TEST_CASE("xenalyze takes the trace of every scheduler, and finds for every domain the time that the core accounts") {
  if (!test::have_tool("xenalyze")) return;
  for (hv::u32 i = 0; i < hv::scheduler_count(); ++i) {
    const hv::SchedulerEntry& entry = hv::scheduler_entry(i);
    for (hv::u32 v = 0; v < entry.variant_count; ++v) {
      const std::string name = fmt::format("{} {}", entry.name, entry.variants[v].name);
      INFO(name);
      const test::TemporaryFolder folder;
      guest::HostSpec spec = busy_host(entry.name, entry.variants[v].name);
      const bool one_each = entry.name == std::string{"null"};  // domain 0 has the other CPU
      if (one_each) {
        spec.guests.resize(1);
        spec.clients.clear();
      }
      // Metrics count from when the host is up, traces from power-on: what both have is the time between two instants.
      std::array<Analysis, 2> analyses;
      std::array<std::vector<double>, 2> ours;
      for (const std::size_t i : {0u, 1u}) {
        guest::HostSpec traced = spec;
        runner::XentraceWriter writer{folder.path() / "f"};
        writer.attach(traced);
        QuietHost host{traced};
        host.run_for(kStart);
        ours[i] = cpu_times_us(i == 0 ? host.run_for(Duration{}) : host.run_for(kRun), spec);
        writer.finish();
        analyses[i] = xenalyze(folder.path(), "f");
        CHECK(analyses[i].complaints == "");
      }
      double sum = 0;
      for (std::size_t guest = 0; guest < spec.guests.size(); ++guest) {
        const int domain = static_cast<int>(guest) + 1;
        const double time = ours[1][guest] - ours[0][guest];
        CHECK(std::abs(analyses[1].running_us.at(domain) - analyses[0].running_us.at(domain) - time) < 1);
        sum += time;
      }
      CHECK(sum > 0.9 * (one_each ? 1 : 2) * kRun.to_seconds() * 1e6);
    }
  }
}

TEST_CASE("xenalyze complains of a vCPU that runs without having been woken, and of one that runs on two CPUs") {
  if (!test::have_tool("xenalyze")) return;
  const auto complaints = [](const auto& report) {
    const test::TemporaryFolder folder;
    runner::XentraceWriter writer{folder.path() / "f"};
    guest::HostSpec spec = busy_host();
    writer.attach(spec);
    FakeVcpu idle0{0, RunState::running}, idle1{0, RunState::running}, vcpu{1, RunState::paused};
    idle0.vcpu.is_idle = idle1.vcpu.is_idle = true;
    idle1.vcpu.cpu = 1;
    change(writer, 0, vcpu, RunState::runnable, 10);
    change(writer, 0, idle0, RunState::runnable, 20);
    change(writer, 0, vcpu, RunState::running, 20);
    report(writer, idle0, idle1, vcpu);
    writer.finish();
    return xenalyze(folder.path(), "f").complaints;
  };
  CHECK(complaints([](auto& writer, auto& idle0, auto&, auto& vcpu) {
          change(writer, 0, vcpu, RunState::blocked, 30);
          change(writer, 0, idle0, RunState::running, 30);
          change(writer, 0, vcpu, RunState::runnable, 40);
          change(writer, 0, idle0, RunState::runnable, 50);
          change(writer, 0, vcpu, RunState::running, 50);
        }) == "");
  CHECK(complaints([](auto& writer, auto& idle0, auto&, auto& vcpu) {
          change(writer, 0, vcpu, RunState::blocked, 30);
          change(writer, 0, idle0, RunState::running, 30);
          change(writer, 0, idle0, RunState::runnable, 50);
          change(writer, 0, vcpu, RunState::running, 50);
        }) != "");
  CHECK(complaints([](auto& writer, auto&, auto& idle1, auto& vcpu) {
          vcpu.vcpu.state = RunState::runnable;
          change(writer, 1, idle1, RunState::runnable, 30);
          change(writer, 1, vcpu, RunState::running, 30);
        }) != "");
}

TEST_CASE("a vCPU woken by a CPU that ran ahead is runnable before it runs, and runs when its own CPU says") {
  const test::TemporaryFolder folder;
  runner::TimelineWriter writer{folder.path() / "f"};
  guest::HostSpec spec = busy_host();
  writer.attach(spec);
  FakeVcpu idle{0, RunState::running}, vcpu{1, RunState::blocked};
  idle.vcpu.is_idle = true;
  change(writer, 1, vcpu, RunState::runnable, 10.5);  // CPU 1, in a handler that began at 10
  change(writer, 0, idle, RunState::runnable, 10.3);  // CPU 0, at its own event of 10.2
  change(writer, 0, vcpu, RunState::running, 10.3);
  change(writer, 0, vcpu, RunState::blocked, 12);
  change(writer, 0, idle, RunState::running, 12);
  change(writer, 1, vcpu, RunState::runnable, 11.9);  // and the other way round
  writer.finish();
  std::vector<std::string> domain;
  for (const Json& event : timeline_of(folder.path() / "f")) {
    if (event.at("pid") == 101 && event.at("ph") == "B") {
      domain.push_back(fmt::format("{} {}", event.at("name").get<std::string>(), event.at("ts").get<double>()));
    }
  }
  CHECK(domain == std::vector<std::string>{"runnable 10.3", "running 10.3", "blocked 12", "runnable 12"});
  CHECK(faults_of(timeline_of(folder.path() / "f")) == "");
}

TEST_CASE("a timeline is in order, every slice has its end, and a domain's running slices are its CPU time") {
  for (const System system : {System::xen, System::native}) {
    const test::TemporaryFolder folder;
    guest::HostSpec spec = busy_host();
    spec.system = system;
    if (system == System::native) spec.guests[1].weight = 256;
    runner::TimelineWriter writer{folder.path() / "f"};
    writer.attach(spec);
    QuietHost host{spec};
    const auto look = [&](Duration time, double& now_us) {
      const guest::Host& quiet = host.run_for(time);
      now_us = static_cast<double>(quiet.now().picoseconds()) * 1e-6;
      return system == System::xen ? cpu_times_us(quiet, spec) : std::vector<double>{};
    };
    double begin = 0, end = 0;
    const std::vector<double> before = look(kStart, begin), after = look(kRun, end);
    writer.finish();

    const Json events = timeline_of(folder.path() / "f");
    CHECK(faults_of(events) == "");
    std::map<std::string, double> running;  // microseconds, by process
    std::map<int, std::string> process;
    std::map<Track, std::pair<std::string, double>> open;
    int entries = 0, page_table_updates = 0;
    for (const Json& event : events) {
      const std::string phase = event.at("ph");
      if (phase == "M" && event.at("name") == "process_name") {
        process[event.at("pid").get<int>()] = event.at("args").at("name").get<std::string>();
      } else if (phase == "B") {
        open[track_of(event)] = {event.at("name").get<std::string>(), event.at("ts").get<double>()};
        entries += event.at("pid") == 1 && event.at("tid").get<int>() % 2 == 0;
      } else if (phase == "E") {
        const auto& [name, since] = open.at(track_of(event));
        const double seen = std::min(event.at("ts").get<double>(), end) - std::clamp(since, begin, end);
        if (name == "running" && seen > 0) running[process.at(event.at("pid").get<int>())] += seen;
        page_table_updates += event.at("args").value("page_table_update", 0);
      }
    }
    CHECK(entries > 1000);
    if (system == System::native) continue;
    CHECK(page_table_updates > 1000);
    for (std::size_t guest = 0; guest < spec.guests.size(); ++guest) {
      const std::string& name = spec.guests[guest].name;
      INFO(name);
      CHECK(std::abs(running.at(name) - (after[guest] - before[guest])) < 1);
    }
  }
}

TEST_CASE("a run is the same with every trace of its activity and without") {
  const test::TemporaryFolder folder;
  const auto fingerprint_of = [](const guest::HostSpec& spec) {
    guest::Host host{spec};
    host.boot();
    host.run_for(Duration::milliseconds(50));
    return std::pair{host.fingerprint(), host.events()};
  };
  guest::HostSpec traced = busy_host();
  runner::XentraceWriter first{folder.path() / "f"};
  runner::TimelineWriter second{folder.path() / "g"};
  first.attach(traced);
  second.attach(traced);
  CHECK(fingerprint_of(traced) == fingerprint_of(busy_host()));
  first.finish();
  second.finish();
}

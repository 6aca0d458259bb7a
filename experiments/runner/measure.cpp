#include "experiments/runner/measure.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>

#include "experiments/runner/latencies.h"
#include "experiments/runner/parameters.h"
#include "experiments/runner/web_window.h"
#include "model/machine.h"
#include "workloads/host.h"

namespace runner {

namespace {

// What is read at the beginning and at the end of the measured time.
struct Reading {
  std::int64_t cycles = 0;  // of each CPU's clock
  std::vector<std::int64_t> useful;
  std::array<std::int64_t, 4> accounts{};  // of all CPUs: idle, hypervisor, kernel, user
  std::uint64_t events = 0;
  model::Causes causes{};           // of all CPUs
  model::StepCycles step_cycles{};  // the same
  std::uint64_t packets = 0;
  std::vector<std::uint64_t> received;              // bytes of payload, by receiver
  std::int64_t drive_commands = 0, drive_busy = 0;  // completed; ns
  std::map<std::string, std::int64_t> locks;        // "run_queue.takes" and so on, of all kernels together
  std::map<std::string, std::int64_t> cpu_times;    // by guest, where each has a time of its own; ns
};

Reading read(const guest::Host& host, const guest::HostSpec& spec) {
  Reading reading;
  for (std::size_t i = 0; i < spec.guests.size(); ++i) reading.useful.push_back(host.useful_cycles(i));
  for (std::uint32_t cpu = 0; cpu < spec.cpus; ++cpu) {
    const auto accounts = host.accounts(cpu);
    for (std::size_t i = 0; i < accounts.size(); ++i) reading.accounts[i] += accounts[i];
  }
  for (const std::int64_t account : reading.accounts) reading.cycles += account;
  reading.cycles /= spec.cpus;
  reading.events = host.events();
  for (std::uint32_t cpu = 0; cpu < spec.cpus; ++cpu) {
    const model::Causes causes = host.causes(cpu);
    for (std::size_t i = 0; i < causes.size(); ++i) reading.causes[i] += causes[i];
    const model::StepCycles steps = host.step_cycles(cpu);
    for (std::size_t i = 0; i < steps.size(); ++i) reading.step_cycles[i] += steps[i];
  }
  reading.packets = host.packets();
  for (std::size_t i = 0; i < spec.receivers.size(); ++i) {
    reading.received.push_back(host.receiver(i).payload_bytes());
  }
  for (const guest::Metric& metric : host.metrics()) {
    if (metric.name == "drive.reads" || metric.name == "drive.writes") reading.drive_commands += metric.value;
    if (metric.name == "drive.arm_busy") reading.drive_busy = metric.value;
    constexpr std::string_view kLock = ".lock.";
    const std::size_t lock = metric.name.find(kLock);
    if (lock != std::string::npos) reading.locks[metric.name.substr(lock + kLock.size())] += metric.value;
    constexpr std::string_view kGuest = "guest.", kCpuTime = ".cpu_time";
    if (metric.name.starts_with(kGuest) && metric.name.ends_with(kCpuTime)) {
      const std::size_t length = metric.name.size() - kGuest.size() - kCpuTime.size();
      reading.cpu_times[metric.name.substr(kGuest.size(), length)] = metric.value;
    }
  }
  return reading;
}

void expect_sound(const guest::Host& host) {
  if (const auto broken = host.audit()) {
    throw model::BrokenInvariant{fmt::format("{} (at {} ps of simulated time, after {} events)", *broken,
                                             host.now().picoseconds(), host.events())};
  }
}

void run_for(guest::Host& host, sim::Duration duration, const std::optional<sim::Duration>& check_every) {
  if (!check_every) return host.run_for(duration);
  while (duration > sim::Duration{}) {
    const sim::Duration step = std::min(duration, *check_every);
    host.run_for(step);
    expect_sound(host);
    duration = duration - step;
  }
}

// Until all programs are finished. Throws std::runtime_error when they are not after `limit`.
void run_until_finished(guest::Host& host, sim::Duration limit, const std::optional<sim::Duration>& check_every) {
  constexpr sim::Duration kLookEvery = sim::Duration::milliseconds(1);
  const sim::Time last = host.now() + limit;
  while (!host.finished()) {
    if (host.now() >= last) {
      throw std::runtime_error{
          fmt::format("the programs are not finished after {} s of simulated time", limit.to_seconds())};
    }
    run_for(host, std::min(kLookEvery, last - host.now()), check_every);
  }
}

class Measurements {
 public:
  void add(std::string_view metric, double value) {
    const auto info = std::ranges::find(metric_catalogue(), metric, &MetricInfo::name);
    list_.push_back({std::string{metric}, value, std::string{info->unit}});
  }
  void add(std::string metric, double value, std::string unit) {
    list_.push_back({std::move(metric), value, std::move(unit)});
  }
  std::vector<Measurement> take() { return std::move(list_); }

 private:
  std::vector<Measurement> list_;
};

void add_work(Measurements& out, const guest::HostSpec& spec, const Reading& begin, const Reading& end) {
  if (end.cycles == begin.cycles) return;  // short programs may be finished as soon as the host is up
  const auto elapsed = static_cast<double>(end.cycles - begin.cycles);
  std::vector<double> shares;
  double total = 0;
  for (std::size_t i = 0; i < spec.guests.size(); ++i) {
    shares.push_back(static_cast<double>(end.useful[i] - begin.useful[i]) / elapsed);
    total += shares.back();
  }
  out.add("throughput", total);
  if (total > 0) {
    const auto [least, greatest] = std::ranges::minmax(shares);
    const double even = total / static_cast<double>(shares.size());
    out.add("least_share", least / even);
    out.add("greatest_share", greatest / even);
  }
  constexpr std::array kAccounts{"idle_time", "hypervisor_time", "kernel_time", "user_time"};
  for (std::size_t i = 0; i < kAccounts.size(); ++i) {
    out.add(kAccounts[i], 100 * static_cast<double>(end.accounts[i] - begin.accounts[i]) / elapsed / spec.cpus);
  }
  out.add("events", static_cast<double>(end.events - begin.events));
  for (std::size_t i = 0; i < spec.guests.size(); ++i) {
    out.add(fmt::format("domain.{}.throughput", spec.guests[i].name), shares[i], "CPUs");
  }
}

// What a domain or a virtual machine had of the CPUs. One that was destroyed meanwhile has no such time any more.
void add_cpu_times(Measurements& out, const Reading& begin, const Reading& end, double seconds) {
  if (seconds == 0) return;
  for (const auto& [name, now] : end.cpu_times) {
    const auto before = begin.cpu_times.find(name);
    if (before == begin.cpu_times.end() || now < before->second) continue;
    const auto nanoseconds = static_cast<double>(now - before->second);
    out.add(fmt::format("domain.{}.cpu_time", name), 1e-9 * nanoseconds / seconds, "CPUs");
  }
}

// All time of all CPUs, by what it went to: as `time.CAUSE`, and of the hypervisor's paths by step.
void add_time(Measurements& out, const Reading& begin, const Reading& end) {
  const std::int64_t idle = end.accounts[0] - begin.accounts[0];
  std::int64_t all = idle;
  for (std::size_t i = 0; i < end.causes.size(); ++i) all += (end.causes[i] - begin.causes[i]).count();
  if (all == 0) return;
  const auto add = [&](const std::string& name, std::int64_t cycles) {
    if (cycles > 0) out.add("time." + name, 100 * static_cast<double>(cycles) / static_cast<double>(all), "%");
  };
  add("idle", idle);
  for (std::size_t i = 0; i < end.causes.size(); ++i) {
    add(model::kCauseNames[i], (end.causes[i] - begin.causes[i]).count());
  }
  for (std::size_t i = 0; i < end.step_cycles.size(); ++i) {
    add(fmt::format("hypervisor.{}", hw::kStepNames[i]), (end.step_cycles[i] - begin.step_cycles[i]).count());
  }
}

// Locks: how often they are taken, how many of these have to wait and yield, and how much of the CPUs that takes.
void add_locks(Measurements& out, const guest::HostSpec& spec, const Reading& begin, const Reading& end,
               double seconds) {
  if (end.cycles == begin.cycles) return;
  const double cycles = static_cast<double>(end.cycles - begin.cycles) * spec.cpus;
  const auto spin = static_cast<std::size_t>(model::Cause::spin);
  out.add("spin_time", 100 * static_cast<double>((end.causes[spin] - begin.causes[spin]).count()) / cycles);
  for (const auto& [name, now] : end.locks) {
    const auto before = begin.locks.find(name);
    const auto change = static_cast<double>(now - (before == begin.locks.end() ? 0 : before->second));
    const bool time = name.ends_with(".spun");
    out.add("lock." + name, time ? 100 * change / cycles : change / seconds, time ? "%" : "1/s");
  }
}

// What a packet costs: everything that the CPUs did, by what they did it for, shared out over the card's packets.
void add_packets(Measurements& out, const Reading& begin, const Reading& end, double seconds) {
  const auto packets = static_cast<double>(end.packets - begin.packets);
  if (packets == 0 || seconds == 0) return;
  out.add("packets", packets / seconds);
  const auto per_packet = [&](sim::Cycles now, sim::Cycles before) {
    return static_cast<double>((now - before).count()) / packets;
  };
  sim::Cycles sum, sum_before;
  for (std::size_t i = 0; i < end.causes.size(); ++i) {
    sum += end.causes[i];
    sum_before += begin.causes[i];
  }
  out.add("packet_cost", per_packet(sum, sum_before));
  for (std::size_t i = 0; i < end.causes.size(); ++i) {
    const double cost = per_packet(end.causes[i], begin.causes[i]);
    if (cost > 0) out.add(fmt::format("packet_cost.{}", model::kCauseNames[i]), cost, "cycles");
  }
  for (std::size_t i = 0; i < end.step_cycles.size(); ++i) {
    const double cost = per_packet(end.step_cycles[i], begin.step_cycles[i]);
    if (cost > 0) out.add(fmt::format("packet_cost.hypervisor.{}", hw::kStepNames[i]), cost, "cycles");
  }
}

// The same per answer of the web servers.
void add_request_cost(Measurements& out, const Reading& begin, const Reading& end, double answers) {
  if (answers == 0) return;
  double sum = 0;
  for (std::size_t i = 0; i < end.causes.size(); ++i) {
    const double cost = static_cast<double>((end.causes[i] - begin.causes[i]).count()) / answers;
    if (cost > 0) out.add(fmt::format("web99.request_cost.{}", model::kCauseNames[i]), cost, "cycles");
    sum += cost;
  }
  out.add("web99.request_cost", sum, "cycles");
}

void add_goodput(Measurements& out, const guest::HostSpec& spec, const Reading& begin, const Reading& end,
                 double seconds) {
  if (spec.receivers.empty() || seconds == 0) return;
  constexpr double kBitsPerMegabit = 1e6;
  double sum = 0;
  for (const guest::GuestSpec& guest : spec.guests) {
    std::uint64_t bytes = 0;
    for (std::size_t i = 0; i < spec.receivers.size(); ++i) {
      if (spec.receivers[i].target == guest.name) bytes += end.received[i] - begin.received[i];
    }
    if (bytes == 0) continue;
    const double goodput = static_cast<double>(bytes) * 8 / kBitsPerMegabit / seconds;
    out.add(fmt::format("domain.{}.goodput", guest.name), goodput, "Mb/s");
    sum += goodput;
  }
  out.add("goodput", sum);
}

void add_drive(Measurements& out, const guest::HostSpec& spec, const Reading& begin, const Reading& end,
               double seconds) {
  if (spec.drive == nullptr || seconds == 0) return;
  out.add("disk_time", 100e-9 * static_cast<double>(end.drive_busy - begin.drive_busy) / seconds);
  out.add("disk_rate", static_cast<double>(end.drive_commands - begin.drive_commands) / seconds);
}

// A rate of one program, and the weight of its guest.
struct Share {
  double rate;
  std::uint32_t weight;
};

double total(const std::vector<Share>& shares) {
  double sum = 0;
  for (const Share& share : shares) sum += share.rate;
  return sum;
}

// How far the rate that is farthest from its weight's part of the whole is from that, in percent.
double unfairness(const std::vector<Share>& shares) {
  const double all = total(shares);
  double weights = 0, worst = 0;
  for (const Share& share : shares) weights += share.weight;
  for (const Share& share : shares) {
    const double fair = all * share.weight / weights;
    if (fair > 0) worst = std::max(worst, 100 * std::abs(share.rate - fair) / fair);
  }
  return worst;
}

// Programs that report the same are replications of it: their mean, and each one's besides; of rates also their sum.
void add_program_results(Measurements& out, const guest::Host& host, const guest::HostSpec& spec) {
  struct Report {
    guest::ProgramResult result;
    std::size_t guest;
  };
  std::vector<Report> reports;
  for (std::size_t i = 0; i < spec.guests.size(); ++i) {
    for (guest::ProgramResult& result : host.results(i)) reports.push_back({std::move(result), i});
  }
  std::vector<std::string> done;
  for (const Report& report : reports) {
    const std::string& name = report.result.name;
    if (std::ranges::find(done, name) != done.end()) continue;
    done.push_back(name);
    sim::RunningStatistics values;
    for (const Report& same : reports) {
      if (same.result.name == name) values.add(same.result.value);
    }
    out.add(name, values.mean(), report.result.unit);
    if (report.result.unit.ends_with("/s")) {
      std::vector<Share> shares;
      for (const Report& same : reports) {
        if (same.result.name == name) shares.push_back({same.result.value, spec.guests[same.guest].weight});
      }
      out.add(name + ".total", total(shares), report.result.unit);
      if (shares.size() > 1) out.add(name + ".unfairness", unfairness(shares), "%");
    }
    if (values.count() == 1) continue;
    for (const Report& same : reports) {
      if (same.result.name != name) continue;
      out.add(fmt::format("domain.{}.{}", spec.guests[same.guest].name, name), same.result.value, same.result.unit);
    }
  }
}

void add_domain_state(Measurements& out, const guest::Host& host, const guest::HostSpec& spec) {
  if (spec.system != guest::System::xen) return;
  double bytes = 0;
  for (std::size_t i = 0; i < spec.guests.size(); ++i) bytes += static_cast<double>(host.core_bytes(i));
  out.add("domain_state", bytes / static_cast<double>(spec.guests.size()));
}

void add_latencies(Measurements& out, const RequestWindow& window, const RequestWindow::Replies& replies) {
  if (window.requests() == 0) return;
  const sim::RunningStatistics& milliseconds = replies.milliseconds;
  if (milliseconds.count() > 0) {
    out.add("rtt_mean", milliseconds.mean());
    out.add("rtt_sd", milliseconds.standard_deviation());
    const auto quantile = [&](double q) { return static_cast<double>(replies.nanoseconds.quantile(q)) * 1e-6; };
    out.add("rtt_median", quantile(0.5));
    out.add("rtt_p90", quantile(0.9));
    out.add("rtt_p99", quantile(0.99));
    out.add("rtt_max", milliseconds.maximum());
  }
  out.add("requests", static_cast<double>(window.requests()));
  out.add("lost", static_cast<double>(window.requests() - milliseconds.count()));
}

// A beginning, or an end, of measured time.
struct Mark {
  Mark(const guest::Host& host, const guest::HostSpec& spec)
      : reading{read(host, spec)}, time{host.now()}, window{host}, web{host} {}

  Reading reading;
  sim::Time time;
  RequestWindow window;  // from here on
  WebWindow web;         // the same; measured at the end of the run only
};

void add_rates(Measurements& out, const guest::HostSpec& spec, const Mark& begin, const Mark& end) {
  const double seconds = (end.time - begin.time).to_seconds();
  add_work(out, spec, begin.reading, end.reading);
  add_cpu_times(out, begin.reading, end.reading, seconds);
  add_time(out, begin.reading, end.reading);
  add_locks(out, spec, begin.reading, end.reading, seconds);
  add_packets(out, begin.reading, end.reading, seconds);
  add_goodput(out, spec, begin.reading, end.reading, seconds);
  add_drive(out, spec, begin.reading, end.reading, seconds);
}

// The mark at which MSER-5 finds that the metric's series begins to be steady. The last mark is the end.
std::size_t steady_from(const std::vector<Mark>& marks, const guest::Host& host, const guest::HostSpec& spec,
                        const std::string& metric, bool& steady) {
  std::vector<double> series;
  std::vector<std::size_t> begins;  // an interval without replies has no latency
  for (std::size_t i = 0; i + 1 < marks.size(); ++i) {
    Measurements interval;
    add_rates(interval, spec, marks[i], marks[i + 1]);
    const RequestWindow window = marks[i].window.until(marks[i + 1].window);
    add_latencies(interval, window, window.replies(host));
    for (const Measurement& m : interval.take()) {
      if (m.metric != metric) continue;
      series.push_back(m.value);
      begins.push_back(i);
    }
  }
  const sim::WarmUp warm_up = sim::mser5(series);
  steady = warm_up.steady;
  return warm_up.values == 0 ? 0 : begins[warm_up.values];
}

}  // namespace

Replication measure(guest::Host& host, const guest::HostSpec& spec, const Setup& setup, const RunOptions& options) {
  run_for(host, setup.warmup, options.check_every);
  std::vector<Mark> marks;
  marks.emplace_back(host, spec);
  if (setup.until == Until::finished) {
    run_until_finished(host, setup.duration, options.check_every);
  } else if (setup.steady) {
    const sim::Time last = host.now() + setup.duration;
    while (host.now() < last) {
      if (host.now() > marks.front().time) marks.emplace_back(host, spec);
      run_for(host, std::min(setup.steady->interval, last - host.now()), options.check_every);
    }
  } else {
    run_for(host, setup.duration, options.check_every);
  }
  const Mark& end = marks.emplace_back(host, spec);
  for (Mark& mark : marks) mark.window.close(host);
  Replication result{spec.seed, host.fingerprint(), host.events(), {}, {}};

  Measurements at_the_end;
  add_program_results(at_the_end, host, spec);
  add_domain_state(at_the_end, host, spec);
  marks.front().window.await_replies(host, spec);
  bool steady = false;
  const std::size_t from = setup.steady ? steady_from(marks, host, spec, setup.steady->metric, steady) : 0;
  const Mark& begin = marks[from];

  Measurements measurements;
  add_rates(measurements, spec, begin, end);
  for (Measurement& m : at_the_end.take()) measurements.add(std::move(m.metric), m.value, std::move(m.unit));
  for (Measurement& m : begin.web.measure(host, spec))
    measurements.add(std::move(m.metric), m.value, std::move(m.unit));
  add_request_cost(measurements, begin.reading, end.reading, begin.web.answers(host));
  RequestWindow::Replies replies = begin.window.replies(host);
  add_latencies(measurements, begin.window, replies);
  if (setup.steady) {
    measurements.add("warmup_cut", (begin.time - marks.front().time).to_seconds());
    measurements.add("steady", steady ? 1 : 0);
  }
  expect_sound(host);
  result.measurements = measurements.take();
  result.latencies_ns = std::move(replies.each_ns);
  return result;
}

}  // namespace runner

// diff: where the schedules of two runs part. Both are run with the same seed and every decision of the hypervisor's
// scheduler is noted; a second run of each up to the decision in question tells the state that led to it.
#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <set>

#include "domain.h"
#include "experiments/runner/cli.h"
#include "experiments/runner/one_point.h"
#include "experiments/runner/processes.h"
#include "experiments/runner/verbs.h"
#include "experiments/traces/activity_log.h"
#include "schedule/scheduler.h"
#include "vcpu.h"
#include "workloads/activity_trace.h"

namespace runner {

namespace {

constexpr std::uint32_t kIdle = ~0u;

// Domain and vCPU in one word.
std::uint32_t id_of(const hv::Vcpu& vcpu) {
  return vcpu.is_idle ? kIdle : static_cast<std::uint32_t>(vcpu.domain->id) << 16 | vcpu.id;
}

struct NotedDecision {
  std::int64_t at = 0, slice = 0;  // ns; slice -1: until something happens
  std::uint32_t cpu = 0, previous = 0, next = 0, unused = 0;

  bool same(const NotedDecision& other) const { return at == other.at && slice == other.slice && same_choice(other); }
  bool same_choice(const NotedDecision& other) const { return previous == other.previous && next == other.next; }
};

// The n-th decision (from 0) of a CPU.
struct Position {
  std::uint32_t cpu;
  std::size_t n;
};

NotedDecision noted(hv::CpuId cpu, const hv::Vcpu& previous, const hv::Decision& decision, hv::SystemTime now,
                    sim::Time at) {
  const bool open_ended = decision.until == hv::kNever || decision.vcpu->is_idle;
  return {at.picoseconds() / 1000,
          open_ended ? -1 : static_cast<std::int64_t>(decision.until - now),
          cpu,
          id_of(previous),
          id_of(*decision.vcpu),
          0};
}

class DecisionLog final : public guest::ActivityTrace {
 public:
  void decided(hv::CpuId by, const hv::Vcpu& previous, const hv::Decision& decision, const hv::Scheduler&,
               hv::SystemTime now, sim::Time at) override {
    const NotedDecision decided = noted(by, previous, decision, now, at);
    bytes_.append(reinterpret_cast<const char*>(&decided), sizeof decided);
  }
  std::string take() { return std::move(bytes_); }

 private:
  std::string bytes_;
};

std::string time_text(std::int64_t ns) { return fmt::format("{:.6f} ms", static_cast<double>(ns) * 1e-6); }

class Names {
 public:
  explicit Names(const Setup& setup) {
    for (const DomainSettings& domain : setup.domains) {
      for (std::uint32_t i = 0; i < domain.count.value_or(1); ++i) {
        guests_.push_back(domain.count ? domain.name + std::to_string(i + 1) : domain.name);
      }
    }
  }
  std::string of(std::uint32_t id) const {
    if (id == kIdle) return "the idle vCPU";
    const std::uint32_t domain = id >> 16, vcpu = id & 0xffff;
    std::string name = domain == 0                ? "Domain-0"
                       : domain <= guests_.size() ? guests_[domain - 1]
                                                  : fmt::format("domain {}", domain);
    return vcpu == 0 ? name : fmt::format("{}.{}", name, vcpu);
  }

 private:
  std::vector<std::string> guests_;  // the builder makes them in order, from domain 1 on
};

// Tells the state in which one decision was made, in words.
class StateAt final : public guest::ActivityTrace {
 public:
  StateAt(const Position& position, const Names& names) : position_{position}, names_{names} {}

  void state_changed(hv::CpuId, const hv::Vcpu& vcpu, hv::RunState, sim::Time) override {
    if (!vcpu.is_idle) vcpus_[id_of(vcpu)] = &vcpu;
    if (vcpu.state == hv::RunState::offline) vcpus_.erase(id_of(vcpu));
  }
  void decided(hv::CpuId by, const hv::Vcpu& previous, const hv::Decision& decision, const hv::Scheduler& policy,
               hv::SystemTime now, sim::Time at) override {
    if (by != position_.cpu || seen_++ != position_.n) return;
    const NotedDecision decided = noted(by, previous, decision, now, at);
    text_ = fmt::format("at {} on CPU {}: after {} of {}, {} runs{}\n", time_text(decided.at), by,
                        time_text(static_cast<std::int64_t>(now - previous.run_since)), names_.of(decided.previous),
                        names_.of(decided.next),
                        decided.slice < 0 ? " until something happens" : " for at most " + time_text(decided.slice));
    std::map<std::string, int> others;  // that neither run nor wait
    for (const auto& [id, vcpu] : vcpus_) {
      if (vcpu->state != hv::RunState::running && vcpu->state != hv::RunState::runnable) {
        ++others[state_name(vcpu->state)];
        continue;
      }
      const hv::Inspection values = policy.inspect(*vcpu);
      std::string numbers;
      for (hv::u32 i = 0; i < values.count; ++i) numbers += fmt::format(" {}", values.values[i]);
      text_ += fmt::format("    {:<16} {:<9} CPU {}  {:>14}  scheduler's numbers:{}\n", names_.of(id),
                           state_name(vcpu->state), vcpu->cpu,
                           time_text(static_cast<std::int64_t>(
                               now - (vcpu->state == hv::RunState::running ? vcpu->run_since : vcpu->runnable_since))),
                           numbers);
    }
    for (const auto& [state, count] : others) text_ += fmt::format("    {} more are {}\n", count, state);
  }
  const std::string& text() const { return text_; }

 private:
  Position position_;
  const Names& names_;
  std::map<std::uint32_t, const hv::Vcpu*> vcpus_;
  std::size_t seen_ = 0;
  std::string text_;
};

using Schedule = std::vector<NotedDecision>;

// Both sides at once, each in a process of its own, with a trace of type Trace made by `make`.
template <class Make, class Result>
std::vector<std::string> run_both(const std::vector<OnePoint>& sides, std::uint64_t seed,
                                  const DiffArguments& arguments, Make make, Result result) {
  const auto job = [&](std::size_t side) {
    auto trace = make(side);
    RunOptions options;
    options.activity_traces = {&trace};
    const auto outcome = try_run(sides[side].point.setup, seed, options);
    const auto* failure = std::get_if<Failure>(&outcome);
    return failure == nullptr ? '+' + result(trace) : '-' + failure->message;
  };
  const auto results = run_in_processes(
      sides.size(), arguments.jobs, job, [](std::size_t) {}, interrupt_flag());
  std::vector<std::string> texts;
  for (std::size_t side = 0; side < results.size() && !interrupted(); ++side) {
    const JobResult& each = results[side];
    if (each.state != JobResult::State::done || each.output.front() != '+') {
      throw std::runtime_error{fmt::format("{} failed: {}", side == 0 ? "A" : "B",
                                           each.state == JobResult::State::done ? each.output.substr(1) : each.output)};
    }
    texts.push_back(each.output.substr(1));
  }
  return texts;
}

std::map<std::uint32_t, Schedule> by_cpu(const std::string& bytes) {
  std::map<std::uint32_t, Schedule> schedules;
  for (std::size_t at = 0; at + sizeof(NotedDecision) <= bytes.size(); at += sizeof(NotedDecision)) {
    NotedDecision decision;
    std::memcpy(&decision, bytes.data() + at, sizeof decision);
    schedules[decision.cpu].push_back(decision);
  }
  return schedules;
}

// The decision that differs and is the first in time of those, over all CPUs.
template <class Same>
std::optional<Position> first_difference(const std::map<std::uint32_t, Schedule>& a,
                                         const std::map<std::uint32_t, Schedule>& b, Same same) {
  std::optional<Position> first;
  std::int64_t first_at = 0;
  std::set<std::uint32_t> cpus;
  for (const auto* side : {&a, &b}) {
    for (const auto& [cpu, schedule] : *side) cpus.insert(cpu);
  }
  for (const std::uint32_t cpu : cpus) {
    const Schedule none;
    const Schedule& of_a = a.contains(cpu) ? a.at(cpu) : none;
    const Schedule& of_b = b.contains(cpu) ? b.at(cpu) : none;
    const auto [in_a, in_b] = std::ranges::mismatch(of_a, of_b, same);
    if (in_a == of_a.end() && in_b == of_b.end()) continue;
    const std::int64_t at =
        std::min(in_a == of_a.end() ? INT64_MAX : in_a->at, in_b == of_b.end() ? INT64_MAX : in_b->at);
    if (first && first_at <= at) continue;
    first = Position{cpu, static_cast<std::size_t>(in_a - of_a.begin())};
    first_at = at;
  }
  return first;
}

std::string brief(const std::map<std::uint32_t, Schedule>& side, const Position& position, const Names& names) {
  const auto schedule = side.find(position.cpu);
  if (schedule == side.end() || position.n >= schedule->second.size()) return "the run ends before that";
  const NotedDecision& d = schedule->second[position.n];
  return fmt::format("at {}: {}, then {}{}", time_text(d.at), names.of(d.previous), names.of(d.next),
                     d.slice < 0 ? "" : " for at most " + time_text(d.slice));
}

}  // namespace

int diff_verb(const DiffArguments& arguments) {
  const std::vector<OnePoint> sides = load_two_points(arguments.sides);
  for (const OnePoint& side : sides) {
    if (side.point.setup.host.system == guest::System::xen) continue;
    throw InputError{
        {"diff", ""},
        Mismatch{"two runs on the hypervisor, whose scheduler decides", "one whose system is not xen", ""}};
  }
  catch_interrupts();
  const std::uint64_t seed = arguments.seed.value_or(sides[0].experiment.seed);
  const auto bytes = run_both(
      sides, seed, arguments, [](std::size_t) { return DecisionLog{}; }, [](DecisionLog& log) { return log.take(); });
  if (interrupted()) return kInterrupted;
  const auto a = by_cpu(bytes[0]), b = by_cpu(bytes[1]);
  const std::vector<Names> names{Names{sides[0].point.setup}, Names{sides[1].point.setup}};

  const auto any = first_difference(a, b, [](const auto& x, const auto& y) { return x.same(y); });
  if (!any) {
    fmt::print("The two runs make the same {} decisions at the same times.\n", bytes[0].size() / sizeof(NotedDecision));
    return kDone;
  }
  fmt::print("The first decision that is not the same in everything is number {} of CPU {}:\n  A {}\n  B {}\n",
             any->n + 1, any->cpu, brief(a, *any, names[0]), brief(b, *any, names[1]));
  const auto choice = first_difference(a, b, [](const auto& x, const auto& y) { return x.same_choice(y); });
  if (!choice) {
    fmt::print("\nOn every CPU the same vCPUs follow each other to the end, at other times.\n");
    return kDone;
  }
  fmt::print("\nThe first decision for another vCPU is number {} of CPU {}:\n", choice->n + 1, choice->cpu);
  const auto states = run_both(
      sides, seed, arguments,
      [&](std::size_t side) {
        return StateAt{*choice, names[side]};
      },
      [](const StateAt& state) { return state.text(); });
  if (interrupted()) return kInterrupted;
  for (std::size_t side = 0; side < 2; ++side) {
    fmt::print("  {} {}", side == 0 ? "A" : "B", states[side].empty() ? "the run ends before that\n" : states[side]);
  }
  return kDone;
}

}  // namespace runner

#include "experiments/runner/schedule_scenario.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <limits>
#include <memory>
#include <ostream>
#include <string_view>

#include "experiments/runner/input_error.h"
#include "experiments/runner/names.h"
#include "experiments/runner/plan.h"
#include "schedule/bvt.h"
#include "schedule/registry.h"
#include "schedule/run_state.h"

namespace runner {

namespace {

struct Engine {
  const char* name;
  const char* scheduler;  // names in the core's registry
  const char* variant;
  const hv::BvtRules* bvt = nullptr;
};

constexpr Engine kEngines[] = {
    {"bvt10", "bvt", "xen-1.0", &hv::kBvtXen1},
    {"bvt12", "bvt", "xen-1.2", &hv::kBvtXen1},
    {"bvt20", "bvt", "xen-2.0", &hv::kBvtXen2},
    {"bvt-paper", "bvt", "paper", &hv::kBvtPaper},
    {"rr20", "rr", "xen-2.0"},
    {"sedf303", "sedf", "xen-3.0.3"},
    {"credit303", "credit", "xen-3.0.3"},
    {"credit31", "credit", "xen-3.1"},
    {"credit-exact", "credit", "exact"},
    {"credit2", "credit2", "one-queue"},
};

const Engine& engine_of(const ScheduleScenario& scenario) {
  return *std::ranges::find(kEngines, scenario.engine, [](const Engine& engine) { return engine.name; });
}

constexpr std::string_view kCreditTick = "tick";

// A blocked domain that the 1.x timer tick wakes handles it for this long.
constexpr std::int64_t kTickWork = 10'000;

// The largest number that a scenario may hold unless less is said: 3 years in ns, so that sums of times do not
// overflow.
constexpr std::int64_t kMost = 100'000'000'000'000'000;

constexpr std::int64_t kLongestSedfPeriod = 10'000'000'000, kHighestSedfWeight = 0x7fff;

// --- loading ---------------------------------------------------------------------------------------------------------

void expect_known_keys(const Json& json, const Place& place, const std::vector<std::string>& known) {
  if (!json.is_object()) throw InputError{place, "expected an object"};
  for (const auto& [key, value] : json.items()) {
    if (std::ranges::find(known, key) != known.end()) continue;
    throw InputError{place.below(key),
                     Mismatch{"a known key", "the unknown key " + in_quotes(key), nearest_name(key, known)}};
  }
}

std::optional<std::int64_t> read_integer(const Json& object, const Place& place, const char* key, std::int64_t least,
                                         std::int64_t most = kMost) {
  const auto found = object.find(key);
  if (found == object.end() || found->is_null()) return {};
  if (found->is_number_integer()) {
    const auto n = found->get<std::int64_t>();  // negative for what does not fit
    if (n >= least && n <= most) return n;
  }
  throw InputError{place.below(key),
                   Mismatch{fmt::format("a whole number from {} to {}", least, most), found->dump(), ""}};
}

std::int64_t require_integer(const Json& object, const Place& place, const char* key, std::int64_t least) {
  const auto n = read_integer(object, place, key, least);
  if (!n) throw InputError{place, Mismatch{"the key " + in_quotes(key), "none", ""}};
  return *n;
}

std::string require_name(const Json& object, const Place& place, const char* key,
                         const std::vector<std::string>& names) {
  const auto found = object.find(key);
  if (found == object.end()) throw InputError{place, Mismatch{"the key " + in_quotes(key), "none", ""}};
  const std::string name = found->is_string() ? found->get<std::string>() : found->dump();
  if (std::ranges::find(names, name) != names.end()) return name;
  throw InputError{place.below(key), Mismatch{one_of(names), in_quotes(name), nearest_name(name, names)}};
}

ScheduleDomain read_domain(const Json& json, const Place& place) {
  static const std::vector<std::string> known = {"id",   "kind",  "offset", "period", "work", "mcu",
                                                 "warp", "warpl", "warpu",  "weight", "cap",  "p",
                                                 "s",    "extra", "lat",    "ew"};
  static const std::vector<std::string> kinds = {"cpu", "periodic", "think"};  // in the order of ScheduleKind
  constexpr std::int64_t kMaxU32 = std::numeric_limits<std::uint32_t>::max();
  expect_known_keys(json, place, known);
  ScheduleDomain domain;
  domain.id = require_integer(json, place, "id", 0);
  const std::string kind = require_name(json, place, "kind", kinds);
  domain.kind = static_cast<ScheduleKind>(std::ranges::find(kinds, kind) - kinds.begin());
  domain.offset = read_integer(json, place, "offset", 0).value_or(0);
  if (domain.kind != ScheduleKind::cpu) {
    domain.period = require_integer(json, place, "period", 1);
    domain.work = require_integer(json, place, "work", 1);
  }
  domain.mcu_advance = static_cast<std::uint32_t>(read_integer(json, place, "mcu", 1, kMaxU32).value_or(10));
  domain.warp = static_cast<std::uint32_t>(read_integer(json, place, "warp", 0, kMaxU32).value_or(0));
  domain.warp_limit = read_integer(json, place, "warpl", 0);
  domain.unwarp_time = read_integer(json, place, "warpu", 0);
  domain.weight = static_cast<std::uint32_t>(read_integer(json, place, "weight", 1, 65535).value_or(domain.weight));
  domain.cap = static_cast<std::uint32_t>(read_integer(json, place, "cap", 0, 100).value_or(0));
  domain.slice_period = read_integer(json, place, "p", 0, kLongestSedfPeriod);
  domain.slice = read_integer(json, place, "s", 0, kLongestSedfPeriod);
  domain.latency = read_integer(json, place, "lat", 0).value_or(0);
  domain.extra_time = read_integer(json, place, "extra", 0, 1).value_or(1) != 0;
  if (const auto weight = read_integer(json, place, "ew", 0, kHighestSedfWeight)) {
    domain.extra_weight = static_cast<std::uint32_t>(*weight);
  }
  return domain;
}

// --- running ---------------------------------------------------------------------------------------------------------

class ScheduleRun {
 public:
  ScheduleRun(const ScheduleScenario& scenario, std::ostream& csv)
      : scenario_{scenario},
        csv_{csv},
        memory_(hv::scheduler_bytes()),
        scheduler_{make_scheduler(engine_of(scenario), scenario, memory_)},
        run_states_{scheduler_, 1, 0},
        guests_(scenario.domains.size()),
        next_tick_{scenario.tick > 0 ? scenario.tick : hv::kNever} {
    for (std::size_t i = 0; i < guests_.size(); ++i)
      create(guests_[i], scenario.domains[i], static_cast<hv::VcpuId>(i));
  }

  void run() {
    csv_ << "seq,t_ns,trigger,prev,next,slice_ns,s1,s2,s3,s4\n";
    for (Guest& guest : guests_) {
      if (guest.spec->offset == 0) arrive(guest);
    }
    run_states_.request_reschedule(0);
    schedule("start");
    while (advance()) schedule(handle_event());
  }

 private:
  struct Guest {
    const ScheduleDomain* spec = nullptr;
    hv::Vcpu vcpu;
    std::int64_t backlog = 0;  // ns of CPU still to do; a cpu guest's is never looked at
    std::int64_t next_arrival = hv::kNever;
  };

  static hv::Scheduler& make_scheduler(const Engine& engine, const ScheduleScenario& scenario,
                                       std::vector<std::byte>& memory) {
    hv::Arena arena{memory.data(), memory.size()};
    const hv::SchedulerSettings settings{.context_switch_allowance = scenario.context_switch_allowance};
    return *hv::make_scheduler(engine.scheduler, engine.variant, settings, arena);
  }

  void create(Guest& guest, const ScheduleDomain& spec, hv::VcpuId index) {
    guest.spec = &spec;
    guest.next_arrival = spec.offset > 0 ? spec.offset : hv::kNever;
    hv::Vcpu& vcpu = guest.vcpu;
    vcpu.id = index;
    run_states_.add(vcpu);
    vcpu.blocked = true;  // until its first work arrives
    run_states_.unpause(vcpu, now_);

    hv::SchedulerParameters parameters{.weight = spec.weight, .cap = spec.cap};
    if (const hv::BvtRules* rules = engine_of(scenario_).bvt) {
      adjust_bvt(vcpu, spec, *rules, parameters);
    } else if (spec.slice_period || spec.slice || spec.extra_weight) {
      split(spec.slice_period.value_or(0), parameters.period_low, parameters.period_high);
      split(spec.slice.value_or(0), parameters.slice_low, parameters.slice_high);
      split(spec.latency, parameters.latency_low, parameters.latency_high);
      parameters.extra = spec.extra_time ? 1 : 0;
      parameters.extra_weight = spec.extra_weight.value_or(0);
    }
    static_cast<void>(scheduler_.adjust(vcpu, parameters, now_));  // what it refuses leaves its defaults
  }

  static void split(std::int64_t time, std::uint32_t& low, std::uint32_t& high) {
    low = static_cast<std::uint32_t>(time);
    high = static_cast<std::uint32_t>(time >> 32);
  }

  void adjust_bvt(hv::Vcpu& vcpu, const ScheduleDomain& spec, const hv::BvtRules& rules,
                  hv::SchedulerParameters& parameters) {
    const bool defaults = rules.warp != hv::BvtWarp::by_clock_since_wake;
    const std::int64_t limit = spec.warp_limit.value_or(defaults ? hv::kBvtWarpLimit : 0);
    const std::int64_t unwarp = spec.unwarp_time.value_or(defaults ? hv::kBvtUnwarpTime : 0);
    parameters.mcu_advance = spec.mcu_advance;
    parameters.warp = spec.warp > 0 ? 1 : 0;
    parameters.warp_value = spec.warp;
    split(limit, parameters.warp_limit_low, parameters.warp_limit_high);
    split(unwarp, parameters.unwarp_low, parameters.unwarp_high);
    if (!rules.adjust_takes_warp) static_cast<hv::Bvt&>(scheduler_).set_warp(vcpu, spec.warp, limit, unwarp, now_);
  }

  Guest* running() {
    hv::Vcpu& current = run_states_.current(0);
    return current.is_idle ? nullptr : &guests_[current.id];
  }
  // When the running guest has done its work.
  std::int64_t finish() {
    const Guest* guest = running();
    return guest == nullptr || guest->spec->kind == ScheduleKind::cpu ? hv::kNever : now_ + guest->backlog;
  }

  // Goes to the next event; false when that is not before the end.
  bool advance() {
    std::int64_t next = std::min({finish(), run_states_.next_timer(0), next_tick_});
    for (const Guest& guest : guests_) next = std::min(next, guest.next_arrival);
    if (next >= scenario_.duration) return false;
    if (Guest* guest = running()) guest->backlog -= next - now_;
    now_ = next;
    return true;
  }

  // Handles one event of this instant, in the order that the recorded traces were made with; answers what to call it.
  std::string handle_event() {
    if (finish() == now_) return block(*running());
    if (run_states_.next_timer(0) == now_) {
      const hv::ExpiredTimer expired = run_states_.run_one_timer(0, now_);
      if (expired.name == kCreditTick) write_credits();
      return expired.vcpu == nullptr ? expired.name : fmt::format("{}:{}", expired.name, id(*expired.vcpu));
    }
    if (next_tick_ == now_) {
      for (Guest& guest : guests_) take_tick(guest);
      next_tick_ += scenario_.tick;
      return "tick";
    }
    Guest& guest = *std::ranges::find(guests_, now_, &Guest::next_arrival);
    csv_ << fmt::format("0,{},arrive:{},,,,,,,\n", now_, guest.spec->id);
    arrive(guest);
    return fmt::format("wake:{}", guest.spec->id);
  }

  // What each domain has after a tick of Credit.
  void write_credits() {
    std::string credits;
    for (const Guest& guest : guests_) {
      const hv::Inspection shown = scheduler_.inspect(guest.vcpu);
      credits +=
          fmt::format("{}{}:{}:{}", credits.empty() ? "" : ";", guest.spec->id, shown.values[0], shown.values[1]);
    }
    csv_ << fmt::format("0,{},tick,,,,{},,,\n", now_, credits);
  }

  std::string block(Guest& guest) {
    run_states_.block(guest.vcpu, now_);
    if (guest.spec->kind == ScheduleKind::think) guest.next_arrival = now_ + guest.spec->period;
    return fmt::format("block:{}", guest.spec->id);
  }

  void arrive(Guest& guest) {
    guest.backlog += guest.spec->work;
    guest.next_arrival = guest.spec->kind == ScheduleKind::periodic ? now_ + guest.spec->period : hv::kNever;
    run_states_.wake(guest.vcpu, now_);
  }

  void take_tick(Guest& guest) {
    if (!guest.vcpu.blocked || guest.spec->kind == ScheduleKind::cpu) return;
    guest.backlog += kTickWork;
    if (guest.spec->kind == ScheduleKind::think) guest.next_arrival = hv::kNever;
    run_states_.wake(guest.vcpu, now_);
  }

  void schedule(const std::string& trigger) {
    if (!run_states_.reschedule_requested(0)) return;
    const std::int64_t previous = id(run_states_.current(0));
    const hv::Vcpu& next = run_states_.choose(0, now_);
    csv_ << fmt::format("{},{},{},{},{},{}", ++decisions_, now_, trigger, previous, id(next),
                        run_states_.run_until(0) - now_);
    const hv::Inspection shown = next.is_idle ? hv::Inspection{} : scheduler_.inspect(next);
    for (std::uint32_t i = 0; i < std::size(shown.values); ++i) {
      csv_ << ',';
      if (i < shown.count) csv_ << shown.values[i];
    }
    csv_ << '\n';
  }

  std::int64_t id(const hv::Vcpu& vcpu) const { return vcpu.is_idle ? -1 : scenario_.domains[vcpu.id].id; }

  const ScheduleScenario& scenario_;
  std::ostream& csv_;
  std::vector<std::byte> memory_;
  hv::Scheduler& scheduler_;
  hv::RunStates run_states_;
  std::vector<Guest> guests_;
  std::int64_t now_ = 0;
  std::int64_t next_tick_;
  std::uint64_t decisions_ = 0;
};

}  // namespace

std::vector<std::string> schedule_engines() {
  std::vector<std::string> names;
  for (const Engine& engine : kEngines) names.emplace_back(engine.name);
  return names;
}

ScheduleScenario load_schedule(const std::filesystem::path& file) {
  static const std::vector<std::string> known = {
      "engine",           "duration_ns", "ctx_allow_ns",        "vtick_ns",
      "domains",          "scenario",    "description",         "scheduler_runs",
      "context_switches", "cpu_ns",      "arrival_to_dispatch", "trace"};
  const Json json = load_json(file);
  const Place place{file.string(), ""};
  expect_known_keys(json, place, known);
  ScheduleScenario scenario;
  scenario.engine = require_name(json, place, "engine", schedule_engines());
  scenario.duration = require_integer(json, place, "duration_ns", 1);
  scenario.context_switch_allowance =
      read_integer(json, place, "ctx_allow_ns", 1).value_or(scenario.context_switch_allowance);
  scenario.tick = read_integer(json, place, "vtick_ns", 0).value_or(0);

  const auto domains = json.find("domains");
  if (domains == json.end()) throw InputError{place, Mismatch{"the key \"domains\"", "none", ""}};
  const Place list = place.below("domains");
  if (!domains->is_array()) throw InputError{list, "expected a list"};
  for (std::size_t i = 0; i < domains->size(); ++i) {
    const ScheduleDomain domain = read_domain((*domains)[i], list.below(i));
    if (std::ranges::find(scenario.domains, domain.id, &ScheduleDomain::id) != scenario.domains.end()) {
      throw InputError{list.below(i).below("id"),
                       Mismatch{"an id for each domain", fmt::format("{} twice", domain.id), ""}};
    }
    scenario.domains.push_back(domain);
  }
  return scenario;
}

void run_schedule(const ScheduleScenario& scenario, std::ostream& csv) { ScheduleRun{scenario, csv}.run(); }

}  // namespace runner

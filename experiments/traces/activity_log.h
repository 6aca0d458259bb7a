// What an activity trace is told, as one list in the order of time, for writers of files.
//
// CPUs run ahead of the event queue, each by the length of one handler. So a vCPU may be woken by one CPU at a time at
// which another, which ran later on the host, has switched it in already. Here the history of every vCPU is in order:
// it is the times of waking and the like that give way; the times at which it starts and stops running, which are what
// it is accounted for, stay as they are. Only one that two CPUs would run at once starts later on the second.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "experiments/traces/in_time_order.h"
#include "workloads/activity_trace.h"

namespace runner {

inline constexpr std::uint32_t kIdleDomain = 32'767;  // as Xen has it; its vCPUs have the numbers of their CPUs

struct VcpuName {
  std::uint32_t domain = kIdleDomain, vcpu = 0;
  friend auto operator<=>(const VcpuName&, const VcpuName&) = default;
};
VcpuName name_of(const hv::Vcpu& vcpu);

const char* state_name(hv::RunState state);

struct Activity {
  enum class Kind : std::uint8_t { decided, state, event, entered, worked, left };
  Kind kind = Kind::state;
  hv::CpuId cpu = 0;  // by which, or on which
  VcpuName vcpu;      // decided: the next; event: the one that it is for; not of entries
  hv::RunState before = hv::RunState::offline, after = hv::RunState::offline;  // state
  std::int64_t slice_ns = -1, waited_ns = 0;  // decided: until when it was to run (-1: for ever), since it could
  model::EntryKind entry = model::EntryKind::hypercall;  // entered
  // entered: number of hypercall, exception or line; worked: step; event: port.
  std::uint32_t number = 0;
  std::uint32_t times = 0;                        // worked
  std::uint32_t eip = 0, address = 0, error = 0;  // entered: where; fault address and error code of an exception
  std::array<std::uint32_t, 5> arguments{};       // entered: of a hypercall
};

class ActivityLog : public guest::ActivityTrace {
 public:
  void decided(hv::CpuId by, const hv::Vcpu& previous, const hv::Decision& decision, const hv::Scheduler& policy,
               hv::SystemTime now, sim::Time at) override;
  void state_changed(hv::CpuId by, const hv::Vcpu& vcpu, hv::RunState before, sim::Time at) override;
  void event_sent(hv::CpuId by, const hv::Vcpu& to, std::uint32_t port, sim::Time at) override;
  void entered(hv::CpuId cpu, model::EntryKind kind, const hw::Registers& registers, std::uint32_t fault_address,
               sim::Time at) override;
  void worked(hv::CpuId cpu, hw::Step step, std::uint32_t times) override;
  void left(hv::CpuId cpu, sim::Time at) override;
  void passed(sim::Time now) override;

 protected:
  ActivityLog() { entered_.fill(sim::Time::never()); }
  ~ActivityLog() = default;
  virtual void write(sim::Time at, const Activity& activity) = 0;
  virtual void written(sim::Time /*now*/) {}  // all up to now
  sim::Time write_rest();                     // and returns the time of the end

 private:
  struct History {  // of a vCPU
    VcpuName vcpu;
    sim::Time last;  // change of its state
  };
  sim::Time in_history(const Activity& change, sim::Time at);
  void add(sim::Time at, const Activity& activity) {
    latest_ = std::max(latest_, at);
    waiting_.add(at, activity);
  }
  void release(sim::Time until) {
    waiting_.release(until, [this](sim::Time at, const Activity& activity) { write(at, activity); });
  }

  InTimeOrder<Activity> waiting_;
  std::vector<History> histories_;                  // in the order of names
  std::array<sim::Time, hv::kMaxCpus> switched_{};  // when each CPU switched last
  std::array<sim::Time, hv::kMaxCpus> entered_{};   // when each CPU's entry began; never: it is in none
  sim::Time latest_;
};

}  // namespace runner

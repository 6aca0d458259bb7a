// The schedule of a run as Xen's trace buffer has it, for xenalyze: run states, decisions, hypercalls and exceptions.
//
// The cycle counter of the trace counts picoseconds: `xenalyze --cpu-hz=1000G`. Xen's counts so fast that two records
// never have one time; here the fraction of a nanosecond keeps them apart, and in order.
#pragma once

#include <filesystem>
#include <initializer_list>
#include <string>
#include <vector>

#include "experiments/traces/activity_log.h"
#include "experiments/traces/binary_file.h"
#include "experiments/traces/trace_file.h"

namespace runner {

class XentraceWriter final : public TraceFile, public ActivityLog {
 public:
  explicit XentraceWriter(const std::filesystem::path& path);

  void attach(guest::HostSpec& spec) override;  // throws InputError: there is no hypervisor
  void worked(hv::CpuId, hw::Step, std::uint32_t) override {}
  void left(hv::CpuId, sim::Time) override {}
  void event_sent(hv::CpuId, const hv::Vcpu&, std::uint32_t, sim::Time) override {}
  void finish() override;
  void discard() override { file_.remove(); }

 private:
  struct VcpuState {
    VcpuName vcpu;
    hv::CpuId cpu = 0;  // where it ran last
    hv::RunState state = hv::RunState::offline;
  };

  void write(sim::Time at, const Activity& activity) override;
  void written(sim::Time now) override;
  void flush();
  void record(hv::CpuId cpu, sim::Time at, std::uint32_t event, std::initializer_list<std::uint32_t> words);
  void run_state(hv::CpuId cpu, sim::Time at, const VcpuName& vcpu, hv::RunState before, hv::RunState after);
  void runs_on(hv::CpuId cpu, sim::Time at, const VcpuName& vcpu);
  void entry(sim::Time at, const Activity& entry);
  VcpuState& state_of(const VcpuName& vcpu);

  std::filesystem::path path_;
  BinaryFile file_;
  std::vector<std::string> windows_;  // of each CPU: records that are not in the file yet
  std::vector<VcpuState> states_;     // in the order of names
  std::uint64_t last_counter_ = 0;
};

}  // namespace runner

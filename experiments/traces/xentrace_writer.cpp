#include "experiments/traces/xentrace_writer.h"

#include <algorithm>

#include "experiments/runner/input_error.h"
#include "interface/hypercalls.h"

namespace runner {

namespace {

// Of Xen 4's public/trace.h. A record: event, number of words and whether a counter follows; the counter; the words.
constexpr std::uint32_t kCpuChange = 0x0001f003;  // what follows, so many bytes, is of this CPU
constexpr std::uint32_t kRunStateChange = 0x00021001;
constexpr std::uint32_t kContinueRunning = 0x00021002;
constexpr std::uint32_t kSwitchTo = 0x0002800f;  // domain, vCPU, ns it waited, ns it may run
constexpr std::uint32_t kPvHypercall = 0x0020100d;
constexpr std::uint32_t kPvTrap = 0x00201003;
constexpr std::uint32_t kPvPageFault = 0x00201004;
constexpr std::uint32_t kWordsShift = 28, kHasCounter = 1u << 31;

constexpr std::uint32_t kArgumentIs32Bit = 1;  // two bits for each of a hypercall's arguments, from bit 20 on
constexpr std::uint32_t kArgumentShift = 20;

constexpr std::uint32_t xen_state(hv::RunState state) {
  switch (state) {
    case hv::RunState::running:
      return 0;
    case hv::RunState::runnable:
      return 1;
    case hv::RunState::blocked:
      return 2;
    case hv::RunState::paused:
    case hv::RunState::offline:
      return 3;
  }
  __builtin_unreachable();
}

// Numbers up to 18 mean the same in Xen 4. Those of devices inside the hypervisor it has given to others; they come as
// those that it leaves to architectures, arch_0 to arch_3.
constexpr std::uint32_t xen_hypercall(std::uint32_t number) {
  constexpr std::uint32_t kFirstOfArchitecture = 48;
  switch (static_cast<hv::Hypercall>(number)) {
    case hv::Hypercall::net_io_op:
      return kFirstOfArchitecture;
    case hv::Hypercall::block_io_op:
      return kFirstOfArchitecture + 1;
    case hv::Hypercall::set_virtual_timer_op:
      return kFirstOfArchitecture + 2;
    case hv::Hypercall::set_fast_trap:
      return kFirstOfArchitecture + 3;
    default:
      return number;
  }
}

std::uint32_t word_of(const VcpuName& vcpu) { return vcpu.domain << 16 | vcpu.vcpu; }

std::uint32_t clamped(std::int64_t ns) {
  return static_cast<std::uint32_t>(std::clamp<std::int64_t>(ns, 0, 0xffff'ffff));
}

void append(std::string& bytes, std::uint64_t value, std::size_t size) {
  for (std::size_t i = 0; i < size; ++i) bytes += static_cast<char>(value >> 8 * i);
}

}  // namespace

XentraceWriter::XentraceWriter(const std::filesystem::path& path) : path_{path}, file_{path} {}

void XentraceWriter::attach(guest::HostSpec& spec) {
  if (spec.system != guest::System::xen) {
    throw InputError{{"--trace xentrace=" + path_.string(), ""},
                     "there is no hypervisor to trace: the system is not xen"};
  }
  spec.activity_traces.push_back(this);
  windows_.resize(spec.cpus);
  for (hv::CpuId cpu = 0; cpu < spec.cpus; ++cpu) runs_on(cpu, {}, {kIdleDomain, cpu});
}

// The counter never stands still: xenalyze, which puts the CPUs' records together by it, takes those of one time in an
// order of its own.
void XentraceWriter::record(hv::CpuId cpu, sim::Time at, std::uint32_t event,
                            std::initializer_list<std::uint32_t> words) {
  last_counter_ = std::max(static_cast<std::uint64_t>(at.picoseconds()), last_counter_ + 1);
  std::string& window = windows_[cpu];
  append(window, event | static_cast<std::uint32_t>(words.size()) << kWordsShift | kHasCounter, 4);
  append(window, last_counter_, 8);
  for (const std::uint32_t word : words) append(window, word, 4);
}

void XentraceWriter::written(sim::Time) {
  constexpr std::size_t kWorthAWindow = 1 << 16;
  std::size_t bytes = 0;
  for (const std::string& window : windows_) bytes += window.size();
  if (bytes >= kWorthAWindow) flush();
}

void XentraceWriter::flush() {
  for (hv::CpuId cpu = 0; cpu < windows_.size(); ++cpu) {
    std::string& window = windows_[cpu];
    if (window.empty()) continue;
    file_.u32(kCpuChange | 2u << kWordsShift).u32(cpu).u32(static_cast<std::uint32_t>(window.size())).text(window);
    window.clear();
  }
}

XentraceWriter::VcpuState& XentraceWriter::state_of(const VcpuName& vcpu) {
  const auto found = std::ranges::lower_bound(states_, vcpu, {}, &VcpuState::vcpu);
  return found != states_.end() && found->vcpu == vcpu ? *found : *states_.insert(found, {vcpu});
}

void XentraceWriter::runs_on(hv::CpuId cpu, sim::Time at, const VcpuName& vcpu) {
  state_of(vcpu) = {vcpu, cpu, hv::RunState::running};
  record(cpu, at, kContinueRunning, {word_of(vcpu)});
}

void XentraceWriter::run_state(hv::CpuId cpu, sim::Time at, const VcpuName& vcpu, hv::RunState before,
                               hv::RunState after) {
  VcpuState& state = state_of(vcpu);
  if (after == hv::RunState::running) state.cpu = cpu;
  state.state = after;
  record(cpu, at, kRunStateChange | xen_state(before) << 8 | xen_state(after) << 4, {word_of(vcpu)});
}

void XentraceWriter::entry(sim::Time at, const Activity& entry) {
  constexpr std::uint32_t kArguments = 2;  // that are worth a word
  switch (entry.entry) {
    case model::EntryKind::hypercall: {
      std::uint32_t kinds = 0;
      for (std::uint32_t i = 0; i < kArguments; ++i) kinds |= kArgumentIs32Bit << (kArgumentShift + 2 * i);
      record(entry.cpu, at, kPvHypercall,
             {xen_hypercall(entry.number) | kinds, entry.arguments[0], entry.arguments[1]});
      break;
    }
    case model::EntryKind::exception:
      if (entry.number == hw::kVectorPageFault) {
        record(entry.cpu, at, kPvPageFault, {entry.eip, entry.address, entry.error});
      } else {
        record(entry.cpu, at, kPvTrap, {entry.eip, entry.number | 1u << 15 | entry.error << 16});
      }
      break;
    case model::EntryKind::interrupt:
      break;
  }
}

void XentraceWriter::write(sim::Time at, const Activity& activity) {
  switch (activity.kind) {
    case Activity::Kind::state:
      run_state(activity.cpu, at, activity.vcpu, activity.before, activity.after);
      break;
    case Activity::Kind::decided:
      record(activity.cpu, at, kSwitchTo,
             {activity.vcpu.domain, activity.vcpu.vcpu, clamped(activity.waited_ns),
              activity.slice_ns < 0 ? 0xffff'ffff : clamped(activity.slice_ns)});
      break;
    case Activity::Kind::entered:
      entry(at, activity);
      break;
    case Activity::Kind::event:
    case Activity::Kind::worked:
    case Activity::Kind::left:
      break;
  }
}

// xenalyze counts an interval of a vCPU when its next begins: every vCPU gets one more record, of the state it is in.
void XentraceWriter::finish() {
  const sim::Time end = write_rest();
  for (const VcpuState& vcpu : states_) {
    if (vcpu.state == hv::RunState::running) {
      record(vcpu.cpu, end, kContinueRunning, {word_of(vcpu.vcpu)});
    } else {
      run_state(vcpu.cpu, end, vcpu.vcpu, vcpu.state, vcpu.state);
    }
  }
  flush();
  file_.close();
}

}  // namespace runner

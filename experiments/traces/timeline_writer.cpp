#include "experiments/traces/timeline_writer.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "experiments/runner/input_error.h"
#include "interface/hypercalls.h"

namespace runner {

namespace {

// A track is a thread of a process.
constexpr std::uint32_t kCpus = 1;
constexpr std::uint32_t kFirstDomain = 100;

std::string quoted(const std::string& text) { return nlohmann::json(text).dump(); }

// In microseconds, as the format has it.
std::string microseconds(sim::Time at) {
  const std::int64_t ps = at.picoseconds();
  return fmt::format("{}.{:06}", ps / 1'000'000, ps % 1'000'000);
}

std::string hypercall_name(std::uint32_t number) {
  static constexpr std::pair<hv::Hypercall, const char*> kNames[] = {
      {hv::Hypercall::set_trap_table, "set_trap_table"},
      {hv::Hypercall::mmu_update, "mmu_update"},
      {hv::Hypercall::set_gdt, "set_gdt"},
      {hv::Hypercall::stack_switch, "stack_switch"},
      {hv::Hypercall::set_callbacks, "set_callbacks"},
      {hv::Hypercall::fpu_taskswitch, "fpu_taskswitch"},
      {hv::Hypercall::sched_op, "sched_op"},
      {hv::Hypercall::dom0_op, "dom0_op"},
      {hv::Hypercall::set_debugreg, "set_debugreg"},
      {hv::Hypercall::get_debugreg, "get_debugreg"},
      {hv::Hypercall::update_descriptor, "update_descriptor"},
      {hv::Hypercall::set_fast_trap, "set_fast_trap"},
      {hv::Hypercall::dom_mem_op, "dom_mem_op"},
      {hv::Hypercall::multicall, "multicall"},
      {hv::Hypercall::update_va_mapping, "update_va_mapping"},
      {hv::Hypercall::set_timer_op, "set_timer_op"},
      {hv::Hypercall::event_channel_op, "event_channel_op"},
      {hv::Hypercall::xen_version, "xen_version"},
      {hv::Hypercall::console_io, "console_io"},
      {hv::Hypercall::net_io_op, "net_io_op"},
      {hv::Hypercall::set_virtual_timer_op, "set_virtual_timer_op"},
      {hv::Hypercall::update_va_mapping_otherdomain, "update_va_mapping_otherdomain"},
      {hv::Hypercall::block_io_op, "block_io_op"},
  };
  for (const auto& [call, name] : kNames) {
    if (static_cast<std::uint32_t>(call) == number) return name;
  }
  return fmt::format("hypercall {}", number);
}

std::string interrupt_name(std::uint32_t line) {
  if (line == hw::kTimerLine) return "timer";
  if (line == hw::kIpiLine) return "IPI";
  return fmt::format("interrupt {}", line);
}

std::string entry_name(const Activity& entry, bool xen) {
  switch (entry.entry) {
    case model::EntryKind::hypercall:
      return xen ? hypercall_name(entry.number) : fmt::format("call {}", entry.number);
    case model::EntryKind::exception:
      return entry.number == hw::kVectorPageFault ? "page fault" : fmt::format("exception {}", entry.number);
    case model::EntryKind::interrupt:
      return interrupt_name(entry.number);
  }
  __builtin_unreachable();
}

std::string entry_arguments(const Activity& entry) {
  std::string text = fmt::format("\"eip\":\"{:#x}\"", entry.eip);
  if (entry.entry == model::EntryKind::exception) {
    text += fmt::format(",\"address\":\"{:#x}\",\"error\":{}", entry.address, entry.error);
  }
  return text;
}

}  // namespace

TimelineWriter::TimelineWriter(const std::filesystem::path& path) : path_{path}, stream_{path, std::ios::binary} {
  if (!stream_) throw InputError{{path.string(), ""}, "cannot be written"};
  stream_ << "{\"displayTimeUnit\":\"ns\",\"traceEvents\":[";
}

TimelineWriter::Track TimelineWriter::runs_track(hv::CpuId cpu) { return {kCpus, 2 * cpu + 1}; }
TimelineWriter::Track TimelineWriter::entries_track(hv::CpuId cpu) { return {kCpus, 2 * cpu + 2}; }
TimelineWriter::Track TimelineWriter::track_of(const VcpuName& vcpu) {
  return {kFirstDomain + vcpu.domain, vcpu.vcpu + 1};
}

void TimelineWriter::attach(guest::HostSpec& spec) {
  spec.activity_traces.push_back(this);
  xen_ = spec.system == guest::System::xen;
  for (const guest::GuestSpec& guest : spec.guests) guests_.push_back(guest.name);
  slices_.resize(spec.cpus, -1);
  work_.resize(spec.cpus);
  name_of_process(kCpus, "CPUs", 0);
  for (hv::CpuId cpu = 0; cpu < spec.cpus; ++cpu) {
    if (xen_) name_of_track(runs_track(cpu), fmt::format("CPU {}", cpu));
    name_of_track(entries_track(cpu), fmt::format("CPU {} in {}", cpu, xen_ ? "the hypervisor" : "ring 0"));
  }
  if (!xen_) return;
  for (std::uint32_t domain = 0; domain <= guests_.size(); ++domain) {
    name_of_process(kFirstDomain + domain, domain_name(domain), domain + 1);
  }
}

std::string TimelineWriter::domain_name(std::uint32_t domain) const {
  if (domain == kIdleDomain) return "idle";
  if (domain == 0) return "domain 0";
  return domain <= guests_.size() ? guests_[domain - 1] : fmt::format("domain {}", domain);
}

// --- lines of the file -----------------------------------------------------------------------------------------------

void TimelineWriter::line(const std::string& object) {
  stream_ << (first_ ? "\n" : ",\n") << object;
  first_ = false;
}

void TimelineWriter::event(const Track& track, char phase, sim::Time at, const std::string& rest) {
  line(fmt::format("{{\"ph\":\"{}\",\"pid\":{},\"tid\":{},\"ts\":{}{}}}", phase, track.process, track.thread,
                   microseconds(at), rest));
}

void TimelineWriter::name_of_process(std::uint32_t process, const std::string& name, std::uint32_t sort_index) {
  event({process, 0}, 'M', {}, fmt::format(",\"name\":\"process_name\",\"args\":{{\"name\":{}}}", quoted(name)));
  event({process, 0}, 'M', {},
        fmt::format(",\"name\":\"process_sort_index\",\"args\":{{\"sort_index\":{}}}", sort_index));
}

void TimelineWriter::name_of_track(const Track& track, const std::string& name) {
  if (!open_.emplace(track, false).second) return;
  event(track, 'M', {}, fmt::format(",\"name\":\"thread_name\",\"args\":{{\"name\":{}}}", quoted(name)));
  event(track, 'M', {}, fmt::format(",\"name\":\"thread_sort_index\",\"args\":{{\"sort_index\":{}}}", track.thread));
}

void TimelineWriter::begin(const Track& track, sim::Time at, const std::string& name, const std::string& arguments) {
  event(track, 'B', at, fmt::format(",\"name\":{},\"args\":{{{}}}", quoted(name), arguments));
  open_[track] = true;
}

void TimelineWriter::end(const Track& track, sim::Time at, const std::string& arguments) {
  if (!open_[track]) return;
  event(track, 'E', at, fmt::format(",\"args\":{{{}}}", arguments));
  open_[track] = false;
}

// --- what happens ----------------------------------------------------------------------------------------------------

void TimelineWriter::state(sim::Time at, const Activity& change) {
  const Track runs = runs_track(change.cpu);
  if (change.before == hv::RunState::running) end(runs, at, "");
  if (change.after == hv::RunState::running) {
    const std::int64_t slice = slices_[change.cpu];
    begin(runs, at, domain_name(change.vcpu.domain),
          slice < 0
              ? ""
              : fmt::format("\"vcpu\":{},\"slice_us\":{:.3f}", change.vcpu.vcpu, 1e-3 * static_cast<double>(slice)));
  }
  if (change.vcpu.domain == kIdleDomain) return;
  const Track track = track_of(change.vcpu);
  name_of_track(track, fmt::format("vCPU {}", change.vcpu.vcpu));
  end(track, at, "");
  if (change.after != hv::RunState::offline) {
    begin(track, at, state_name(change.after), fmt::format("\"cpu\":{}", change.cpu));
  }
}

void TimelineWriter::write(sim::Time at, const Activity& activity) {
  const Track entries = entries_track(activity.cpu);
  switch (activity.kind) {
    case Activity::Kind::decided:
      slices_[activity.cpu] = activity.slice_ns;
      break;
    case Activity::Kind::state:
      state(at, activity);
      break;
    case Activity::Kind::event:
      name_of_track(track_of(activity.vcpu), fmt::format("vCPU {}", activity.vcpu.vcpu));
      event(track_of(activity.vcpu), 'i', at,
            fmt::format(",\"s\":\"t\",\"name\":\"event {}\",\"args\":{{\"from_cpu\":{}}}", activity.number,
                        activity.cpu));
      break;
    case Activity::Kind::entered:
      work_[activity.cpu].clear();
      begin(entries, at, entry_name(activity, xen_), entry_arguments(activity));
      break;
    case Activity::Kind::worked:
      work_[activity.cpu][activity.number] += activity.times;
      break;
    case Activity::Kind::left: {
      std::string steps;
      for (const auto& [step, times] : work_[activity.cpu]) {
        steps += fmt::format("{}\"{}\":{}", steps.empty() ? "" : ",", hw::kStepNames[step], times);
      }
      end(entries, at, steps);
      break;
    }
  }
}

void TimelineWriter::finish() {
  const sim::Time at = write_rest();
  for (const auto& [track, open] : open_) {
    if (open) event(track, 'E', at, ",\"args\":{}");
  }
  stream_ << "\n]}\n";
  stream_.close();
  if (!stream_) throw std::runtime_error{path_.string() + ": cannot be written to its end"};
}

void TimelineWriter::discard() {
  stream_.close();
  std::filesystem::remove(path_);
}

}  // namespace runner

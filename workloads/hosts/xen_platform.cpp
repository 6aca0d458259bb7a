#include "workloads/hosts/xen_platform.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "audit.h"
#include "interface/block.h"
#include "interface/layout.h"
#include "schedule/registry.h"
#include "workloads/hosts/disk_metrics.h"
#include "workloads/hosts/lock_metrics.h"
#include "workloads/hosts/memory_metrics.h"
#include "workloads/hosts/partitions.h"
#include "workloads/kernel/network/network_stack.h"

namespace guest {

namespace {

// The hypervisor's text, data and heap at the bottom of RAM, as the Xen of 2003 laid it out.
constexpr std::uint64_t kCoreBytes = 16ull << 20;
constexpr std::uint64_t kNetworkPages = 2 * hv::kNetRingSize;  // buffers of a VIF's driver
constexpr std::uint64_t kProcessPages = 16;                    // stack, directory and page tables of one
constexpr std::uint64_t kLeastForeignPages = 16;               // what the builder fills, and a few to run in

std::string megabytes(std::uint64_t bytes) { return fmt::format("{:.1f} MiB", static_cast<double>(bytes) / (1 << 20)); }

void check_scheduler(const HostSpec& spec) {
  std::string names;
  for (hv::u32 i = 0; i < hv::scheduler_count(); ++i) {
    const hv::SchedulerEntry& entry = hv::scheduler_entry(i);
    names += fmt::format("{}{}", names.empty() ? "" : ", ", entry.name);
    if (spec.scheduler != entry.name) continue;
    if (!spec.variant) return;
    std::string variants;
    for (hv::u32 v = 0; v < entry.variant_count; ++v) {
      if (*spec.variant == entry.variants[v].name) return;
      variants += fmt::format("{}{}", v == 0 ? "" : ", ", entry.variants[v].name);
    }
    throw SpecError{"host", fmt::format("scheduler \"{}\" has no variant \"{}\"; there is: {}", spec.scheduler,
                                        *spec.variant, variants)};
  }
  throw SpecError{"host", fmt::format("no scheduler \"{}\"; there is: {}", spec.scheduler, names)};
}

std::string first_variant(const std::string& scheduler) {
  for (hv::u32 i = 0; i < hv::scheduler_count(); ++i) {
    if (scheduler == hv::scheduler_entry(i).name) return hv::scheduler_entry(i).variants[0].name;
  }
  return "";
}

void check_cpus(const HostSpec& spec, const std::string& guest, const std::optional<CpuSet>& cpus) {
  if (!cpus) return;
  for (std::uint32_t cpu = 0; cpu < 32; ++cpu) {
    if ((cpus->mask >> cpu & 1) == 0 || cpu < spec.cpus) continue;
    throw SpecError{guest, fmt::format("CPU {} does not exist; the host has 0 to {}", cpu, spec.cpus - 1)};
  }
}

void check_sedf(const std::string& guest, const std::optional<SedfSettings>& sedf) {
  if (!sedf || sedf->slice <= sedf->period || sedf->period == sim::Duration{}) return;
  throw SpecError{guest, "a slice that is longer than its period"};
}

void check_changes(const HostSpec& spec) {
  for (std::size_t i = 0; i < spec.changes.size(); ++i) {
    const ScheduleChange& change = spec.changes[i];
    const std::string where = fmt::format("change {}", i);
    if (std::ranges::find(spec.guests, change.domain, &GuestSpec::name) == spec.guests.end()) {
      throw SpecError{where, fmt::format("no guest \"{}\"", change.domain)};
    }
    check_cpus(spec, where, change.cpus);
    check_sedf(where, change.sedf);
  }
}

void check_guest(const HostSpec& spec, const GuestSpec& guest, const GuestPrograms& programs) {
  if (guest.vcpus == 0 || guest.vcpus > hv::kMaxVcpusPerDomain) {
    throw SpecError{guest.name,
                    fmt::format("{} virtual CPUs: a domain has 1 to {}", guest.vcpus, hv::kMaxVcpusPerDomain)};
  }
  check_cpus(spec, guest.name, guest.cpus);
  check_sedf(guest.name, guest.sedf);
  if (guest.vif_rate > 0) {
    const std::int64_t bytes = guest.vif_rate / 8 * (guest.vif_rate_interval.nanoseconds() / 1000) / 1'000'000;
    if (bytes == 0 || bytes > 0xffff'ffff) {
      throw SpecError{guest.name, "a vif_rate of so much in one vif_rate_interval is not 1 byte to 4 GiB"};
    }
  }
  if (guest.weight == 0) throw SpecError{guest.name, "weight 0 would never run; 256 is the standard"};
  if (guest.memory_bytes % hv::kPageSize != 0) throw SpecError{guest.name, "memory must be whole pages of 4 KiB"};
  if (guest.memory_bytes > (1ull << 30) - (128ull << 20)) {
    throw SpecError{guest.name, megabytes(guest.memory_bytes) + ": the kernel maps at most 896 MiB"};
  }
  if (guest.disks.size() > hv::kMaxVbdsPerDomain) {
    throw SpecError{guest.name, fmt::format("{} disks: the hypervisor gives a domain at most {}", guest.disks.size(),
                                            hv::kMaxVbdsPerDomain)};
  }
  if (guest.kernel && !guest.programs.empty()) {
    throw SpecError{guest.name, "a kernel that is not ours does not run our programs"};
  }
  const std::uint64_t needed =
      hv::kPageSize * (guest.kernel ? kLeastForeignPages
                                    : kLeastPages + (guest.network ? kNetworkPages : 0) + programs.resident_pages() +
                                          kProcessPages * (programs.entries().size() + 1));
  if (guest.memory_bytes < needed) {
    throw SpecError{guest.name, fmt::format("{} of memory is too small: its kernel and programs need {}",
                                            megabytes(guest.memory_bytes), megabytes(needed))};
  }
}

void check_memory(const HostSpec& spec, std::uint64_t machine_bytes) {
  std::uint64_t sum = kCoreBytes + spec.domain0_memory;
  for (const GuestSpec& guest : spec.guests) {
    sum += guest.memory_bytes;
    if (sum > machine_bytes) {
      throw SpecError{guest.name, fmt::format("{} do not fit any more: the machine has {}, the guests before it, "
                                              "domain 0 and the hypervisor have {}",
                                              megabytes(guest.memory_bytes), megabytes(machine_bytes),
                                              megabytes(sum - guest.memory_bytes))};
    }
  }
}

void check_rules(const HostSpec& spec) {
  for (std::size_t i = 0; i < spec.rules.size(); ++i) {
    for (const auto& name : {spec.rules[i].from, spec.rules[i].to}) {
      if (!name) continue;
      const auto guest = std::ranges::find(spec.guests, *name, &GuestSpec::name);
      if (guest == spec.guests.end()) throw SpecError{fmt::format("rule {}", i), fmt::format("no guest \"{}\"", *name)};
      if (!guest->network) throw SpecError{fmt::format("rule {}", i), fmt::format("\"{}\" has no network", *name)};
    }
  }
}

}  // namespace

XenPlatform::XenPlatform(const HostSpec& spec, model::Machine& machine)
    : spec_{spec}, machine_{machine}, variant_{spec.variant.value_or(first_variant(spec.scheduler))} {
  check_scheduler(spec);
  if (spec.domain0_memory < kLeastPages * hv::kPageSize) {
    throw SpecError{"domain 0", megabytes(spec.domain0_memory) + " of memory is too small"};
  }
  check_rules(spec);
  check_changes(spec);
  check_memory(spec, std::uint64_t{machine.memory().frame_count()} * hv::kPageSize);

  const std::vector<std::vector<Partition>> disks = lay_out_disks(spec);
  std::vector<DomainOrder> orders;
  for (std::size_t i = 0; i < spec.guests.size(); ++i) {
    const GuestSpec& guest = spec.guests[i];
    GuestPrograms programs{guest, machine.clock(), spec.seed};
    check_guest(spec, guest, programs);
    if (guest.kernel) {
      orders.push_back({&guest, guest.kernel(machine), guest_address(i), disks[i]});
      guests_.push_back({std::move(programs), nullptr});
      continue;
    }
    std::vector<NamedProgram> processes = programs.processes("");
    std::vector<std::string> names;
    for (const Partition& disk : disks[i]) names.push_back(disk.name);
    auto port = std::make_unique<XenPort>(guest.name, machine, spec, guest_address(i), std::move(processes),
                                          std::move(names), guest.vcpus);
    if (guest.spin_yield) port->kernel().big_lock().set_spin_limit(machine.clock().cycles_in(*guest.spin_yield));
    for (std::size_t n = 0; n < guest.disks.size(); ++n) {
      if (!guest.disks[n].barriers) port->without_barriers(n);
    }
    announce_disks(port->kernel(), {disks[i]});
    const std::size_t domain = i + 1;  // the builder gives out ids in the order of the guests
    if (spec.packet_trace != nullptr && guest.network) {
      port->kernel().packet_tap().attach(*spec.packet_trace, fmt::format("vif{}.0", domain));
    }
    if (spec.block_trace != nullptr) {
      port->kernel().trace_requests(*spec.block_trace,
                                    [domain](std::size_t n) { return fmt::format("vbd{}.{}", domain, n); });
    }
    orders.push_back({&guest, port->boot_entry(), guest_address(i), disks[i]});
    guests_.push_back({std::move(programs), std::move(port)});
  }
  const bool exact = spec.scheduler == "bvt" && spec.variant.value_or("paper") == "paper";
  builder_ = std::make_unique<DomainBuilder>(std::move(orders), spec.rules, spec.changes, exact);
  domain0_ = std::make_unique<XenPort>("domain 0", machine, spec, IpAddress{0},
                                       std::vector<NamedProgram>{{"builder", builder_.get()}});
  builder_->use(*domain0_);
  machine.set_supervisor(*this);
}

// --- power-on --------------------------------------------------------------------------------------------------------

void XenPlatform::power_on() {
  const hv::u32 first = machine_.code().add_entry([this](model::Cpu&) { boot_core(); });
  const hv::u32 others = machine_.code().add_entry([this](model::Cpu& cpu) { core_->boot_cpu(cpu, cpu.registers()); });
  for (hv::CpuId i = 0; i < machine_.cpu_count(); ++i) {
    hw::Registers& registers = machine_.physical_cpu(i).registers();
    registers = hw::Registers{};
    registers.eip = i == 0 ? first : others;
    registers.cs = hw::kHypervisorCs;
    registers.ss = hw::kHypervisorDs;
  }
  machine_.physical_cpu(0).start();
}

void XenPlatform::boot_core() {
  hv::BootParameters parameters;
  parameters.max_domains = static_cast<hv::u32>(spec_.guests.size()) + 1;
  parameters.scheduler = spec_.scheduler.c_str();
  parameters.variant = variant_.c_str();
  parameters.scheduling.context_switch_allowance = spec_.context_switch_allowance.nanoseconds();
  if (spec_.slice) parameters.scheduling.slice = spec_.slice->nanoseconds();
  if (spec_.rate_limit) parameters.scheduling.rate_limit = spec_.rate_limit->nanoseconds();
  parameters.tick = spec_.tick.nanoseconds();
  parameters.timer_slop = spec_.timer_slop.nanoseconds();
  core_memory_.resize(hv::Hypervisor::bytes_needed(machine_, parameters));
  parameters.hypervisor_frames =
      static_cast<hv::u32>(std::max<std::uint64_t>(kCoreBytes, core_memory_.size()) / hv::kPageSize);
  core_ = std::make_unique<hv::Hypervisor>(machine_, hv::Arena{core_memory_.data(), core_memory_.size()}, parameters);
  if (!spec_.activity_traces.empty()) {
    reporter_ = std::make_unique<CoreReporter>(spec_.activity_traces, machine_, *core_);
    core_->observe(reporter_.get());
  }
  core_->create_domain0(static_cast<hv::u32>(spec_.domain0_memory / 1024), 1, domain0_->boot_entry());

  model::Cpu& cpu = machine_.running();
  core_->boot_cpu(cpu, cpu.registers());
  // The other CPUs start when the first is done with all this.
  for (hv::CpuId i = 1; i < machine_.cpu_count(); ++i) machine_.queue().schedule(cpu.now(), *this, i);
}

void XenPlatform::on_event(std::uint64_t word) { machine_.physical_cpu(static_cast<hv::CpuId>(word)).start(); }

bool XenPlatform::up() const {
  return builder_->built().size() == guests_.size() &&
         std::all_of(guests_.begin(), guests_.end(), [](const Guest& guest) {
           return guest.port == nullptr || (guest.port->kernel().up() && guest.programs.running());
         });
}

void XenPlatform::check_boot() const {
  if (const auto& failure = builder_->failure()) {
    throw SpecError{spec_.guests[failure->order].name,
                    fmt::format("the hypervisor refused {} with error {}", failure->step, -failure->error)};
  }
}

// --- the hypervisor's entries ----------------------------------------------------------------------------------------

void XenPlatform::hypercall(model::Cpu& cpu, hw::Registers& registers) { core_->hypercall(cpu, registers); }

void XenPlatform::exception(model::Cpu& cpu, hw::Registers& registers, std::uint32_t fault_address) {
  core_->exception(cpu, registers, fault_address);
}

void XenPlatform::interrupt(model::Cpu& cpu, hw::Registers& registers, std::uint32_t line) {
  core_->interrupt(cpu, registers, line);
}

std::uint32_t XenPlatform::virtual_processor(const model::Cpu& cpu) const {
  return core_->run_states().current(cpu.id()).id;
}

// --- what to read off ------------------------------------------------------------------------------------------------

const hv::Domain* XenPlatform::domain_of(std::size_t guest) const {
  return guest < builder_->built().size() && !builder_->destroyed(guest)
             ? core_->domains().find(builder_->built()[guest].id)
             : nullptr;
}

std::uint64_t XenPlatform::core_bytes(std::size_t guest) const {
  const hv::Domain* domain = domain_of(guest);
  return domain == nullptr ? 0 : domain->core_bytes();
}

void XenPlatform::add_metrics(std::vector<Metric>& metrics) const {
  const auto present = static_cast<hv::u64>(machine_.clock().cycles_at(machine_.queue().now()).count());
  const hv::SystemTime now = core_->clock().at(present);
  for (std::size_t i = 0; i < guests_.size(); ++i) {
    const std::string prefix = "guest." + spec_.guests[i].name;
    const hv::Domain* domain = domain_of(i);
    std::uint64_t cpu_time = 0, switches_in = 0;
    for (hv::u32 n = 0; domain != nullptr && n < domain->vcpu_count; ++n) {
      cpu_time += static_cast<std::uint64_t>(core_->run_states().cpu_time(*domain->vcpus[n], now));
      switches_in += domain->vcpus[n]->times_switched_in;
    }
    const auto add = [&](const char* name, std::uint64_t value, const char* unit) {
      metrics.push_back({prefix + name, static_cast<std::int64_t>(value), unit});
    };
    add(".cpu_time", cpu_time, "ns");
    add(".switches_in", switches_in, "");
    if (guests_[i].port == nullptr) continue;
    add_lock_metrics(guests_[i].port->kernel(), prefix, metrics);
    if (!spec_.guests[i].disks.empty()) add_disk_metrics(guests_[i].port->kernel(), prefix, metrics);
    XenPort& port = *guests_[i].port;
    add(".packets_received", port.vif().received(), "packets");
    add(".packets_transmitted", port.vif().transmitted(), "packets");
    add(".transmit_dropped", port.kernel().transmit_queue().dropped(), "packets");
    add(".bad_responses", port.vif().bad_responses(), "packets");
    add(".socket_dropped", port.kernel().network().udp().buffer_full(), "packets");
    add(".page_table_requests", port.page_table_requests(), "");
    add(".page_table_batches", port.page_table_batches(), "");
    add(".free_pages", port.free_pages(), "pages");
    add_memory_metrics(port.kernel(), prefix, metrics);
    add(".system_calls", port.kernel().activity().system_calls, "");
    add(".page_faults", port.kernel().activity().page_faults, "");
    add(".process_switches", port.kernel().activity().switches, "");
  }
}

bool XenPlatform::translations_agree(const XenPort& port) const {
  if (!port.kernel().up()) return true;
  const std::vector<GuestFrame> lent = port.vif().lent_pages();
  std::vector<bool> checked(port.start_info().pages, true);
  for (const GuestFrame page : lent) checked[page.number()] = false;
  for (const GuestFrame page : port.held_pages().held()) checked[page.number()] = false;
  for (u32 number = 0; number < checked.size(); ++number) {
    if (!checked[number]) continue;
    const GuestFrame page{number};
    const hv::MachineFrame frame = port.machine_frame(page);
    const u32 entry = machine_.physical_memory().load(port.entry_machine_address(page.kernel_address()));
    const bool mapped = (entry & hv::kEntryPresent) != 0 && hv::MachineFrame::of_address(entry) == frame;
    if (!mapped || core_->memory().machine_to_phys(frame) != number) return false;
  }
  return true;
}

std::optional<std::string> XenPlatform::audit() {
  if (core_ == nullptr) return std::nullopt;
  if (const char* broken = hv::audit(*core_)) return broken;
  for (std::size_t i = 0; i < guests_.size(); ++i) {
    if (guests_[i].port == nullptr || builder_->destroyed(i)) continue;
    if (!translations_agree(*guests_[i].port)) {
      return fmt::format("{}: its frames are not those its page tables map", spec_.guests[i].name);
    }
    if (auto wrong = guests_[i].port->audit()) return wrong;
  }
  return std::nullopt;
}

}  // namespace guest

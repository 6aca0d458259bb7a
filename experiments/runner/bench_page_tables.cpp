#include <algorithm>
#include <cstddef>
#include <memory>
#include <vector>

#include "experiments/runner/bench.h"
#include "experiments/runner/plan.h"
#include "experiments/runner/stopwatch.h"
#include "hypervisor.h"
#include "interface/control.h"
#include "interface/layout.h"
#include "interface/memory.h"
#include "interface/start_info.h"
#include "model/machine.h"

namespace runner {

namespace {

constexpr hv::u32 kBatch = 512;  // one page of requests
constexpr std::uint64_t kUpdates = 20'000'000;

// The guest: a kernel that does nothing but map one frame after the other into its spare page-table entries.
class UpdatingKernel {
 public:
  // Creates so many domains of 1 MiB first, which own memory and do nothing.
  explicit UpdatingKernel(hv::u32 other_domains) : other_domains_{other_domains} {}
  double updates_per_second() const { return static_cast<double>(kUpdates) / seconds_; }

  // The entry point, in ring 1.
  void run(model::Cpu& cpu) {
    const hv::StartInfo start = get<hv::StartInfo>(cpu, cpu.registers().esi);
    const hv::u32 list = hv::kGuestKernelStart + start.first_free_page * hv::kPageSize;
    for (hv::u32 i = 0; i < other_domains_; ++i) create_domain(cpu, list);
    put_requests(cpu, start, list);
    const Stopwatch stopwatch;
    for (std::uint64_t done = 0; done < kUpdates; done += kBatch) call(cpu, hv::Hypercall::mmu_update, list, kBatch, 0);
    seconds_ = stopwatch.seconds();
    call(cpu, hv::Hypercall::sched_op, static_cast<hv::u32>(hv::SchedOp::block));
  }

 private:
  template <class T>
  static T get(model::Cpu& cpu, hv::u32 address) {
    T value;
    if (!cpu.read(address, &value, sizeof value)) throw model::BrokenInvariant{"the boot map has a hole"};
    return value;
  }

  static void create_domain(model::Cpu& cpu, hv::u32 argument) {
    hv::ControlOp create{};
    create.command = static_cast<hv::u32>(hv::ControlCommand::create_domain);
    create.version = hv::kControlVersion;
    create.words[0] = 1024;  // KiB
    create.words[1] = 1;     // vCPU
    create.words[2] = ~0u;   // anywhere
    if (!cpu.write(argument, &create, sizeof create)) throw model::BrokenInvariant{"the boot map has a hole"};
    call(cpu, hv::Hypercall::dom0_op, argument);
    if (cpu.registers().eax != 0) throw model::BrokenInvariant{"the core refused a domain"};
  }

  // Two frames in turn, writable, so that every request drops one reference and takes another.
  static void put_requests(model::Cpu& cpu, const hv::StartInfo& start, hv::u32 list) {
    const auto machine_address = [&](hv::u32 page) {
      return get<hv::u32>(cpu, start.frame_list_address + page * 4) * hv::kPageSize;
    };
    for (hv::u32 i = 0; i < kBatch; ++i) {
      const hv::u32 address = start.spare_address + i % hv::kSparePages * hv::kPageSize;
      const hv::u32 table = start.table_first + ((address - hv::kGuestKernelStart) >> 22);
      const hv::u32 frame = machine_address(start.first_free_page + 1 + i / hv::kSparePages % 2);
      const hv::MmuUpdate request{machine_address(table) + (address >> 12) % 1024 * 4,
                                  frame | hv::kEntryPresent | hv::kEntryWritable};
      if (!cpu.write(list + i * hv::u32{sizeof request}, &request, sizeof request)) {
        throw model::BrokenInvariant{"the boot map has a hole"};
      }
    }
  }

  static void call(model::Cpu& cpu, hv::Hypercall number, hv::u32 ebx, hv::u32 ecx = 0, hv::u32 edx = 0) {
    hw::Registers& registers = cpu.registers();
    registers.eax = static_cast<hv::u32>(number);
    registers.ebx = ebx;
    registers.ecx = ecx;
    registers.edx = edx;
    cpu.trap_hypercall();
    if (number == hv::Hypercall::mmu_update && registers.eax != 0) {
      throw model::BrokenInvariant{"the core refused a page-table update"};
    }
  }

  hv::u32 other_domains_;
  double seconds_ = 0;
};

// The core in ring 0 of one modelled CPU, booted at power-on as the first thing that CPU does, with the kernel as
// domain 0.
class CoreOnOneCpu final : public model::Supervisor {
 public:
  CoreOnOneCpu(model::Machine& machine, UpdatingKernel& kernel, hv::u32 domains)
      : machine_{machine}, domains_{domains} {
    kernel_entry_ = machine.code().add_entry([&kernel](model::Cpu& cpu) { kernel.run(cpu); });
    machine.set_supervisor(*this);
  }

  void power_on() {
    model::Cpu& cpu = machine_.physical_cpu(0);
    cpu.registers() = {};
    cpu.registers().eip = machine_.code().add_entry([this](model::Cpu& first) { boot(first); });
    cpu.registers().cs = hw::kHypervisorCs;
    cpu.registers().ss = hw::kHypervisorDs;
    cpu.start();
  }

  void hypercall(model::Cpu& cpu, hw::Registers& registers) override { core_->hypercall(cpu, registers); }
  void exception(model::Cpu& cpu, hw::Registers& registers, std::uint32_t fault_address) override {
    core_->exception(cpu, registers, fault_address);
  }
  void interrupt(model::Cpu& cpu, hw::Registers& registers, std::uint32_t line) override {
    core_->interrupt(cpu, registers, line);
  }
  model::Account account() const override { return model::Account::hypervisor; }

 private:
  void boot(model::Cpu& cpu) {
    hv::BootParameters parameters;
    parameters.max_domains = domains_;
    memory_.resize(hv::Hypervisor::bytes_needed(machine_, parameters));
    parameters.hypervisor_frames = std::max(4096u, static_cast<hv::u32>(memory_.size() / hv::kPageSize));  // 16 MiB
    core_ = std::make_unique<hv::Hypervisor>(machine_, hv::Arena{memory_.data(), memory_.size()}, parameters);
    core_->create_domain0(32 << 10, 1, kernel_entry_);
    core_->boot_cpu(cpu, cpu.registers());
  }

  model::Machine& machine_;
  hv::u32 domains_;
  hv::u32 kernel_entry_;
  std::vector<std::byte> memory_;
  std::unique_ptr<hv::Hypervisor> core_;
};

double updates_per_second(std::uint64_t memory, hv::u32 domains) {
  model::MachineFile file = load_machine("dell2650");
  file.set("memory.size", static_cast<double>(memory));
  sim::EventQueue queue;
  sim::Fingerprint fingerprint;
  model::Machine machine{file, 1, model::CoalescingProfile::xen, queue, fingerprint};
  UpdatingKernel kernel{domains - 1};
  CoreOnOneCpu host{machine, kernel, domains};
  host.power_on();
  queue.run_until(sim::Time::at(sim::Duration::seconds(1)));
  return kernel.updates_per_second();
}

}  // namespace

std::vector<Benchmark> bench_page_table_updates() {
  constexpr std::uint64_t kSmall = 128ull << 20, kLarge = 2048ull << 20;
  const double alone = updates_per_second(kSmall, 1), among_many = updates_per_second(kLarge, 1024);
  return {{"page-table updates through the core", among_many / 1e6, "M/s", 10, true, "2 GiB of memory, 1024 domains"},
          {"an update's time among 1024 domains, over alone", alone / among_many, "x", 1.5, false,
           "alone: 128 MiB of memory, one domain"}};
}

}  // namespace runner

#include "support/core_host.h"

#include <stdexcept>

#include "schedule/registry.h"

namespace test {

CoreHost::CoreHost(const HostOptions& options) : machine{options.frames, options.cpus} {
  machine.block_device = options.disk ? &machine.disk : options.block_device;
  BootParameters parameters;
  parameters.max_domains = options.max_domains;
  parameters.scheduler = options.scheduler;
  parameters.variant = options.variant;
  parameters.tick = options.tick;
  parameters.timer_slop = options.timer_slop;
  parameters.hypervisor_frames = 16;
  arena_.resize(static_cast<std::size_t>(Hypervisor::bytes_needed(machine, parameters)));
  frames_.resize(options.cpus);
  core = std::make_unique<Hypervisor>(machine, Arena{arena_.data(), arena_.size()}, parameters);
  core->create_domain0(options.domain0_kilobytes, options.domain0_vcpus, kEntry);
  for (CpuId id = 0; id < options.cpus; ++id) core->boot_cpu(machine.cpu(id), registers(id));
}

s32 CoreHost::create_domain(u32 kilobytes, u32 vcpus, u32 cpu) {
  ControlOp op{};
  op.command = static_cast<u32>(ControlCommand::create_domain);
  op.version = kControlVersion;
  op.words[0] = kilobytes;
  op.words[1] = vcpus;
  op.words[2] = cpu;
  const s32 result = control(op);
  return result < 0 ? result : static_cast<s32>(op.domain);
}

Domain& CoreHost::add_domain(u32 kilobytes, bool start) {
  const s32 id = create_domain(kilobytes, 1, kAllCpus);
  if (id < 0) throw std::runtime_error("create_domain failed");
  Domain& domain = *core->domains().find(static_cast<DomainId>(id));
  // The layout of start_info.h, made by the core's own builder instead of a builder in domain 0.
  InitialSpace space;
  if (!core->memory().build_domain0(machine.cpu(0), domain, space).ok()) throw std::runtime_error("no address space");
  ControlOp op{};
  op.command = static_cast<u32>(ControlCommand::build_domain);
  op.version = kControlVersion;
  op.domain = domain.id;
  op.words[0] = space.directory.number();
  op.words[1] = kEntry;
  op.words[2] = space.stack_top;
  op.words[3] = space.start_info_address;
  if (control(op) != 0) throw std::runtime_error("build_domain failed");
  op.command = static_cast<u32>(ControlCommand::unpause_domain);
  op.domain = domain.id;
  if (start && control(op) != 0) throw std::runtime_error("unpause_domain failed");
  return domain;
}

hw::Registers& CoreHost::registers_of(Vcpu& vcpu) {
  return core->run_states().running(vcpu) ? registers(vcpu.cpu) : vcpu.registers;
}

s32 CoreHost::call_number(Domain& domain, u32 number, std::initializer_list<u32> arguments) {
  give_cpu(domain);
  Vcpu& vcpu = *domain.vcpus[0];
  hw::Registers& frame = registers(vcpu.cpu);
  u32 values[5] = {};
  std::copy(arguments.begin(), arguments.end(), values);
  frame.eax = number;
  frame.ebx = values[0];
  frame.ecx = values[1];
  frame.edx = values[2];
  frame.esi = values[3];
  frame.edi = values[4];
  core->hypercall(machine.cpu(vcpu.cpu), frame);
  return static_cast<s32>(registers_of(vcpu).eax);
}

s32 CoreHost::call(Domain& domain, Hypercall number, std::initializer_list<u32> arguments) {
  return call_number(domain, static_cast<u32>(number), arguments);
}

void CoreHost::exception(u32 vector, u32 error_code, u32 fault_address, CpuId cpu) {
  registers(cpu).vector = vector;
  registers(cpu).error_code = error_code;
  core->exception(machine.cpu(cpu), registers(cpu), fault_address);
}

void CoreHost::deliver_ipis() {
  for (auto& cpu : machine.cpus) {
    std::vector<CpuId> targets;
    targets.swap(cpu->ipis);
    for (const CpuId target : targets) interrupt(hw::kIpiLine, target);
  }
}

void CoreHost::pass(SystemTime time) {
  const u64 until = machine.cpu(0).cycles + static_cast<u64>(time);
  for (;;) {
    deliver_ipis();
    FakeCpu* first = nullptr;
    for (auto& cpu : machine.cpus)
      if (cpu->timer <= until && (first == nullptr || cpu->timer < first->timer)) first = cpu.get();
    const u64 at = first == nullptr ? until : first->timer;
    if (at > machine.cpu(0).cycles) machine.advance(at - machine.cpu(0).cycles);
    if (first == nullptr) return;
    first->timer = hw::kTimerOff;
    interrupt(hw::kTimerLine, first->id());
  }
}

void CoreHost::give_cpu(Domain& domain) {
  Vcpu& vcpu = *domain.vcpus[0];
  for (u32 tries = 0; !core->run_states().running(vcpu); ++tries) {
    if (tries == 10'000) throw std::runtime_error("the scheduler never runs this domain");
    pass(100'000);
  }
}

void CoreHost::set_up_guest(Domain& domain, u8 trap_flags) {
  call(domain, Hypercall::set_callbacks, {hw::kRing1Cs, kEventEntry, hw::kRing1Cs, kFailsafeEntry});
  const u32 list = scratch(domain);
  for (u32 vector = 0; vector < 256; ++vector)
    put(domain, list + vector * 8, TrapEntry{static_cast<u8>(vector), trap_flags, hw::kRing1Cs, trap_entry(vector)});
  call(domain, Hypercall::set_trap_table, {list});
  bind_virq(domain, Virq::timer);
}

u32 CoreHost::bind_virq(Domain& domain, Virq virq) {
  EventChannelOp op{};
  op.command = static_cast<u32>(EventChannelCommand::bind_virq);
  op.number = static_cast<u32>(virq);
  if (event_op(domain, op) != 0) throw std::runtime_error("bind_virq failed");
  return op.port1;
}

u32 CoreHost::scratch(const Domain& domain) const {
  const u32 start_info = core->memory().frames().first(domain.memory.frames).address();
  const u32 first_free =
      const_cast<FakeMemory&>(machine.ram).word(start_info + static_cast<u32>(offsetof(StartInfo, first_free_page)));
  return kGuestKernelStart + first_free * kPageSize;
}

u32 CoreHost::machine_address(const Domain& domain, u32 address) {
  const u32 table = machine.ram.word(domain.vcpus[0]->directory.address() + (address >> 22) * 4);
  const u32 entry =
      (table & kEntryPresent) == 0 ? 0 : machine.ram.word((table & kEntryFrameMask) + ((address >> 12) & 1023) * 4);
  if ((entry & kEntryPresent) == 0) throw std::runtime_error("the test reads an unmapped guest address");
  return (entry & kEntryFrameMask) | (address & (kPageSize - 1));
}

void CoreHost::take_events(const Domain& domain) {
  set_shared(domain, kUpcallPending, 0);
  set_shared(domain, kSelector, 0);
  for (u32 word = 0; word < kMaxPorts / 32; ++word)
    set_shared(domain, static_cast<u32>(offsetof(SharedInfo, ports_pending)) + word * 4, 0);
  set_shared(domain, kUpcallMask, 0);
}

std::uint64_t CoreHost::digest(const Domain& domain) {
  std::uint64_t sum = 0;
  FrameTable& frames = core->memory().frames();
  for (MachineFrame frame = frames.first(domain.memory.frames); frame != MachineFrame::none();
       frame = frames.next(frame))
    sum = sum * 31 + machine.ram.digest(frame);
  return sum;
}

}  // namespace test

#include "metal/hosted/model_guest.h"

#include <stdexcept>

#include "domain.h"
#include "interface/shared_info.h"
#include "interface/start_info.h"
#include "metal/parameters.h"

namespace hosted {

namespace {

// Addresses that stand for code: the model runs none.
constexpr u32 kEntry = 0xc0010000, kTraps = 0xc0010100, kSystemCall = 0xc0010400, kEvents = 0xc0010410,
              kFailsafe = 0xc0010420;
constexpr u32 trap_entry(u32 vector) { return kTraps + vector * 16; }
constexpr u32 kTrapStackPage = 198;  // grows down from its end
constexpr u32 page_address(u32 page) { return kGuestKernelStart + (page << kPageShift); }

}  // namespace

// --- the kernel ------------------------------------------------------------------------------------------------------

u32 ModelPort::entry() const { return kEntry; }

u32 ModelPort::get(u32 address) {
  u32 value = 0;
  if (!cpu_.read(address, &value, sizeof value)) throw std::runtime_error("the kernel's own memory is not mapped");
  return value;
}

void ModelPort::put(u32 address, u32 value) {
  if (!cpu_.write(address, &value, sizeof value)) throw std::runtime_error("the kernel's own memory is not mapped");
}

void ModelPort::wait_for(u32 address, u32 value) {
  while (get(address) != value) {
    if (!disk_.busy()) throw std::runtime_error("nobody will answer");
    core_.interrupt(cpu_, cpu_.registers(), disk_.interrupt_line());
    resume();
  }
}

u32 ModelPort::start() {
  const u32 start_info = cpu_.registers().esi;
  shared_ = get(start_info + static_cast<u32>(offsetof(StartInfo, shared_info_address)));
  const u32 list = page_address(sequence::kScratchPage);
  u32 at = list;
  const auto add = [&](u32 vector, u32 flags, u32 address) {
    put(at, vector | flags << 8 | hw::kRing1Cs << 16);
    put(at + 4, address);
    at += 8;
  };
  for (u32 vector = 0; vector < 32; ++vector)
    if (vector != 2 && vector != 8) add(vector, vector == 3 ? 3 : 0, trap_entry(vector));
  add(0x80, 3, kSystemCall);
  put(at, 0);
  put(at + 4, 0);
  const auto call = [&](Hypercall number, u32 a, u32 b = 0, u32 c = 0, u32 d = 0) {
    (void)hypercall(static_cast<u32>(number), {a, b, c, d, 0});
  };
  call(Hypercall::set_trap_table, list);
  call(Hypercall::set_callbacks, hw::kRing1Cs, kEvents, hw::kRing1Cs, kFailsafe);
  call(Hypercall::stack_switch, hw::kRing1Ds, page_address(kTrapStackPage + 1));
  call(Hypercall::set_fast_trap, 0x80);
  return start_info;
}

s32 ModelPort::hypercall(u32 number, const u32 (&arguments)[5]) {
  hw::Registers& registers = cpu_.registers();
  registers.eax = number;
  registers.ebx = arguments[0];
  registers.ecx = arguments[1];
  registers.edx = arguments[2];
  registers.esi = arguments[3];
  registers.edi = arguments[4];
  const DomainId self = core_.run_states().current(0).domain->id;
  cpu_.trap_hypercall();
  const Domain* now = core_.run_states().current(0).domain;
  if (now == nullptr || now->id != self) return 0;  // the result comes when this one runs again, and nobody wants it
  const s32 result = static_cast<s32>(registers.eax);
  resume();
  return result;
}

void ModelPort::resume() {
  while (cpu_.registers().eip == kEvents) take_events();
}

// As the kernel's event handler does it; then IRET.
void ModelPort::take_events() {
  const u32 vcpu = shared_ + static_cast<u32>(offsetof(SharedInfo, vcpu));
  while (get(vcpu + offsetof(SharedVcpu, upcall_pending)) != 0) {
    put(vcpu + offsetof(SharedVcpu, upcall_pending), 0);
    u32 words = get(vcpu + offsetof(SharedVcpu, pending_selector));
    put(vcpu + offsetof(SharedVcpu, pending_selector), 0);
    for (u32 word = 0; words != 0; ++word, words >>= 1) {
      if ((words & 1) == 0) continue;
      const u32 pending = shared_ + static_cast<u32>(offsetof(SharedInfo, ports_pending)) + word * 4;
      const u32 mask = get(shared_ + static_cast<u32>(offsetof(SharedInfo, ports_mask)) + word * 4);
      put(pending, get(pending) & mask);
    }
  }
  put(vcpu + offsetof(SharedVcpu, upcall_mask), 0);
  if (!cpu_.interrupt_return()) throw std::runtime_error("the event handler's stack is not mapped");
}

void ModelPort::go_to(sequence::Mode mode) {
  if (mode == sequence::Mode::kernel) return;
  hw::Registers& registers = cpu_.registers();
  registers.cs = hw::kRing3Cs;
  registers.ss = hw::kRing3Ds;
  registers.esp = sequence::kUserStack;
  if (!cpu_.touch(sequence::kUserCode, 1, model::Use::execute)) throw std::runtime_error("ring 3 has no code");
}

// What the handler finds on its stack; then the kernel goes on where it was.
void ModelPort::back_from_fault(const hw::Registers& before, sequence::Fault& fault) {
  hw::Registers& registers = cpu_.registers();
  if (registers.eip < kTraps || registers.eip >= kSystemCall) throw std::runtime_error("no fault was delivered");
  const u32 vector = (registers.eip - kTraps) / 16;
  u32 at = registers.esp;
  const auto pop = [&] {
    at += 4;
    return get(at - 4);
  };
  fault.vector = vector;
  fault.address = vector == hw::kVectorPageFault ? pop() : 0;
  fault.error_code = pop();
  (void)pop();
  fault.ring = pop() & 3;
  registers = before;
  if (eager_accessed_ && vector == hw::kVectorPageFault) {
    const hw::Words directory = core_.memory().memory().window(cpu_.page_table_base());
    const u32 slot = fault.address >> 22;
    if ((directory.load(slot) & kEntryPresent) != 0) (void)directory.fetch_or(slot, kEntryAccessed);
  }
}

bool ModelPort::load(sequence::Mode mode, u32 address, u32& value, sequence::Fault& fault) {
  const hw::Registers before = cpu_.registers();
  go_to(mode);
  const bool loaded = cpu_.load(address, &value, sizeof value);
  loaded ? void(cpu_.registers() = before) : back_from_fault(before, fault);
  return loaded;
}

bool ModelPort::store(sequence::Mode mode, u32 address, u32 value, sequence::Fault& fault) {
  const hw::Registers before = cpu_.registers();
  go_to(mode);
  const bool stored = cpu_.store(address, &value, sizeof value);
  stored ? void(cpu_.registers() = before) : back_from_fault(before, fault);
  return stored;
}

void ModelPort::interrupt(sequence::Mode mode, u32 vector, sequence::Fault& fault) {
  const hw::Registers before = cpu_.registers();
  go_to(mode);
  constexpr u32 kFromIdt = 2;
  if (vector == hw::kVectorHypercall) {
    cpu_.trap_hypercall();
  } else {
    cpu_.trap_exception(hw::kVectorGeneralProtection, vector << 3 | kFromIdt, 0);
  }
  back_from_fault(before, fault);
}

// --- the host --------------------------------------------------------------------------------------------------------

ModelHost::ModelHost(const model::MachineFile& file)
    : machine_{file, 1, model::CoalescingProfile::xen, queue_, fingerprint_} {
  machine_.set_supervisor(*this);
  BootParameters parameters;
  parameters.max_domains = metal::kMaxDomains;
  parameters.hypervisor_frames = metal::kHypervisorFrames;
  parameters.tick = 0;
  room_.resize(static_cast<std::size_t>(Hypervisor::bytes_needed(bare_, parameters)));
  core_ = std::make_unique<Hypervisor>(bare_, Arena{room_.data(), room_.size()}, parameters);
  // The machine's own slot of every directory names a frame of the hypervisor, as on the PC: a table that was a
  // directory once cannot be taken for something else because of it.
  const MachineFrame own{metal::kHypervisorFrames - 1};
  bare_.memory().frame(core_->memory().master_directory()).store(kMachineSlot, own.address() | kWritableEntry);
}

std::vector<std::string> ModelHost::run(const sequence::Options& options, bool eager_accessed) {
  model::Cpu& cpu = machine_.physical_cpu(0);
  machine_.set_running(&cpu);
  core_->create_domain0(metal::kDomain0Kilobytes, 1, kEntry);
  core_->boot_cpu(cpu, cpu.registers());
  struct Guest {
    std::unique_ptr<ModelPort> port;
    std::unique_ptr<sequence::Sequence> sequence;
  };
  std::array<Guest, 2> guests;
  std::string broken;
  try {
    for (bool more = true; more;) {
      const DomainId id = core_->run_states().current(0).domain->id;
      Guest& guest = guests.at(id);
      if (guest.port == nullptr) {
        guest.port = std::make_unique<ModelPort>(cpu, *core_, *bare_.block(), eager_accessed);
        guest.sequence = std::make_unique<sequence::Sequence>(*guest.port, options, id);
        if (!guest.sequence->prepare(guest.port->start())) throw std::runtime_error("a domain cannot be prepared");
      } else {
        guest.port->resume();
      }
      more = guest.sequence->step();
    }
  } catch (const std::exception& error) {  // then what was said until there is what is wanted most
    broken = error.what();
  }
  std::vector<std::string> lines;
  for (const std::string& line : machine_.console_lines()) lines.push_back(line.substr(line.find("] ") + 2));
  if (!broken.empty()) lines.push_back("broken: " + broken);
  return lines;
}

}  // namespace hosted

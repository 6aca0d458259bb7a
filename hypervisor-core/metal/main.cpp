// The hypervisor on a PC: boots the core on it, loads domain 0, and enters the core for whatever the CPU reports.
#include <new>

#include "control/console.h"
#include "domain.h"
#include "hypervisor.h"
#include "memory/page_table.h"
#include "metal/boot_information.h"
#include "metal/guest_image.h"
#include "metal/metal_machine.h"
#include "metal/parameters.h"
#include "metal/ports.h"
#include "metal/probe.h"

extern "C" {
extern hv::u32 machine_table[1024];
extern hw::Registers entry_frame;  // where every entry from a guest or the idle loop is pushed
extern char stack_top[], image_end[], guest_image[], guest_image_end[];
extern const hv::u32 fault_fixups[], fault_fixups_end[], return_fault_places[], return_fault_places_end[];

void metal_start(hv::u32 magic, hv::u32 information);
void metal_enter(hw::Registers& registers);
hw::Registers* metal_own_fault(hw::Registers& registers);
[[noreturn]] void metal_double_fault();
}

namespace metal {

namespace {

// Built in place, so that nothing has to run before metal_start().
template <class T>
struct Room {
  alignas(T) u8 bytes[sizeof(T)];
  T& object() { return *reinterpret_cast<T*>(bytes); }
};
constinit BootInformation boot;
constinit Room<MetalMachine> machine_room{};
constinit Room<Hypervisor> core_room{};
constinit bool core_ready = false;

MetalMachine& machine() { return machine_room.object(); }
Hypervisor& core() { return core_room.object(); }

void copy_in(Domain& domain, u32 page, const char* from, u32 bytes) {
  FrameTable& frames = core().memory().frames();
  MachineFrame frame = frames.first(domain.memory.frames);
  for (u32 i = 0; i < page; ++i) frame = frames.next(frame);
  for (u32 done = 0; done < bytes; frame = frames.next(frame)) {
    const hw::Words words = machine().memory().window(frame);
    for (u32 index = 0; index < kEntriesPerTable && done < bytes; ++index, done += 4) {
      u32 word = 0;
      __builtin_memcpy(&word, from + done, bytes - done < 4 ? bytes - done : 4);
      words.store(index, word);
    }
  }
}

[[noreturn]] void stop_at(const char* what, const hw::Registers& registers) {
  ConsoleLine(machine().console())
      .text("vector ")
      .number(registers.vector)
      .text(" error ")
      .number(registers.error_code)
      .text(" at ")
      .hexadecimal(registers.eip)
      .text(", address ")
      .hexadecimal(read_cr2())
      .end();
  machine().stop(what);
}

// The stack had no room for a fault: it has overflowed, or was lost.
[[noreturn]] void double_fault() {
  const DescriptorTables& tables = machine().tables();
  ConsoleLine(machine().console())
      .text("vector 8 at ")
      .hexadecimal(tables.given_up_at())
      .text(", stack ")
      .hexadecimal(tables.given_up_stack())
      .text(tables.given_up_stack() < machine_page_address(kStackPage) ? ", which has overflowed" : "")
      .end();
  machine().stop("double fault inside the hypervisor");
}

u32 take_debug_status() {
  u32 status;
  asm volatile("movl %%db6, %0" : "=r"(status));
  asm volatile("movl %0, %%db6" ::"r"(0xffff0ff0));
  return status;
}

void start(u32 magic, u32 information) {
  const bool known = boot.read(magic, information);
  const u32 kilobytes = boot.number("memory", kMemoryMegabytes) * 1024;
  new (machine_room.bytes) MetalMachine{kilobytes / (kPageSize / 1024)};
  machine().start(linear_of(stack_top));
  if (!known) machine().stop("not loaded by multiboot");
  if (kilobytes > boot.memory_kilobytes() || kilobytes < 16 * 1024) machine().stop("memory= is not what there is");

  BootParameters parameters;
  char scheduler[16] = "bvt", variant[16] = "paper";
  (void)boot.word("scheduler", scheduler, sizeof scheduler);
  (void)boot.word("variant", variant, sizeof variant);
  parameters.max_domains = kMaxDomains;
  parameters.scheduler = scheduler;
  parameters.variant = variant;
  parameters.tick = SystemTime{boot.number("tick", 10)} * 1'000'000;
  parameters.hypervisor_frames = kHypervisorFrames;
  const u32 room = kHypervisorPrivate + (kHypervisorFrames << kPageShift) - linear_of(image_end);
  if (Hypervisor::bytes_needed(machine(), parameters) > room) machine().stop("no room for the core's tables");
  new (core_room.bytes) Hypervisor{machine(), Arena{image_end, room}, parameters};
  machine()
      .memory()
      .frame(core().memory().master_directory())
      .store(kMachineSlot, machine_of(machine_table) | kWritableEntry);
  core_ready = true;
  if (probe != nullptr) machine().tables().open_gate(kProbeVector, 1);

  Domain& domain0 =
      core().create_domain0(boot.number("domain0", kDomain0Kilobytes), 1, guest_page_address(kGuestImagePage));
  copy_in(domain0, kGuestLinePage, boot.command_line(), BootInformation::kLineBytes);
  copy_in(domain0, kGuestImagePage, guest_image, static_cast<u32>(guest_image_end - guest_image));
  ConsoleLine(machine().console())
      .text("ringzero: ")
      .number(kilobytes / 1024)
      .text(" MB, ")
      .number(low_word(machine().cycles_per_second() / 1'000'000))
      .text(" MHz, scheduler ")
      .text(scheduler)
      .text("/")
      .text(variant)
      .end();
  core().boot_cpu(machine().cpu(0), entry_frame);
}

void take_device_interrupt(hw::Registers& registers, u32 input) {
  if (!machine().controllers().really(input)) return;
  core().interrupt(machine().cpu(0), registers, hw::kFirstDeviceLine + input);
  machine().controllers().end_of_interrupt(input);
}

void enter(hw::Registers& registers) {
  hw::Cpu& cpu = machine().cpu(0);
  switch (const u32 vector = registers.vector; vector) {
    case hw::kVectorHypercall:
      return core().hypercall(cpu, registers);
    case hw::kVectorPageFault:
      return core().exception(cpu, registers, read_cr2());
    case hw::kVectorDebug:
      return core().exception(cpu, registers, take_debug_status());
    case kTimerVector:
      machine().apic().end_of_interrupt();
      return core().interrupt(cpu, registers, hw::kTimerLine);
    case kIpiVector:
      machine().apic().end_of_interrupt();
      return core().interrupt(cpu, registers, hw::kIpiLine);
    case kSpuriousVector:
      return;
    case kProbeVector:
      if (probe != nullptr) probe(core(), registers);
      return;
    default:
      constexpr u32 kNonMaskable = 2, kMachineCheck = 18, kExceptions = 32;
      if (vector == kNonMaskable || vector == kMachineCheck) stop_at("the hardware is broken", registers);
      if (vector < kExceptions) return core().exception(cpu, registers, 0);
      if (vector >= kDeviceVector && vector < kDeviceVector + 16)
        return take_device_interrupt(registers, vector - kDeviceVector);
      stop_at("an interrupt that nobody asked for", registers);
  }
}

// Ring 0 faulted, with `fault` pushed below whatever was on the stack.
hw::Registers* own_fault(hw::Registers& fault) {
  for (const u32* fixup = fault_fixups; fixup != fault_fixups_end; fixup += 2) {
    if (fault.eip != fixup[0]) continue;
    fault.eip = fixup[1];
    return &fault;
  }
  const u32* place = return_fault_places;
  while (place != return_fault_places_end && *place != fault.eip) ++place;
  if (!core_ready || place == return_fault_places_end) stop_at("exception inside the hypervisor", fault);

  // A guest's segment could not be loaded. At the last of these places its other registers are loaded already, and the
  // fault was pushed over where they lay.
  hw::Registers& guest = entry_frame;
  const u32 vector = fault.vector, error_code = fault.error_code;
  if (place + 1 == return_fault_places_end)
    __builtin_memmove(static_cast<void*>(&guest), &fault, __builtin_offsetof(hw::Registers, vector));
  guest.vector = vector;
  guest.error_code = error_code;
  // The first use of a page of the guest's LDT: mapped by the core, and tried again; or the guest's own fault.
  if (vector == hw::kVectorPageFault) {
    core().exception(machine().cpu(0), guest, read_cr2());
  } else {
    core().return_fault(machine().cpu(0), guest);
  }
  return &guest;
}

}  // namespace

}  // namespace metal

void metal_start(hv::u32 magic, hv::u32 information) { metal::start(magic, information); }
void metal_enter(hw::Registers& registers) { metal::enter(registers); }
hw::Registers* metal_own_fault(hw::Registers& registers) { return metal::own_fault(registers); }
void metal_double_fault() { metal::double_fault(); }
extern "C" void __cxa_pure_virtual() { metal::machine().stop("a pure virtual function was called"); }

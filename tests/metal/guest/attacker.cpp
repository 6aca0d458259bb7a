// A domain that tries everything it should not. Each attempt is a line that says what stopped it; domain 0 looks
// afterwards whether anybody else has noticed.
#include <initializer_list>

#include "metal/guest/attempts.h"
#include "metal/guest/checks.h"
#include "metal/guest/devices.h"
#include "metal/guest/domain_builder.h"
#include "metal/guest/programs.h"
#include "metal/guest/user_space.h"
#include "metal/image/probe_calls.h"

namespace guest {

namespace {

Attempts attempts;

s32 map(u32 address, u32 entry) {
  return hypercall(Hypercall::update_va_mapping, address >> kPageShift, entry, kVaInvalidate);
}

// --- memory ----------------------------------------------------------------------------------------------------------

void hypervisor_memory(bool segment_limits) {
  u32 value = 0;
  attempts.store("write the machine-to-physical table", kMachineToPhysStart);
  bool faulted = !user_load_from(kMachineToPhysStart, &value);
  attempts.report("read it from ring 3", faulted, "exception 0x", last_trap.vector);
  faulted = !user_store_to(kHypervisorPrivate + 0x100000, 0);
  attempts.report("write the hypervisor from ring 3", faulted, "exception 0x", last_trap.vector);
  if (segment_limits) {
    attempts.load("read the hypervisor's memory", kHypervisorPrivate);
    attempts.load("read across the end of the segment", kHypervisorPrivate - 2);
    attempts.store("write the hypervisor's code", kHypervisorPrivate + 0x100000);
    attempts.store("write through the linear page table", kLinearTableStart);
    attempts.store("write the GDT where it is mapped", kPerDomainStart);
    attempts.store("write the hypervisor's own tables", 0xff800000);
    attempts.store("write the last word of memory", 0xfffffffc);
    attempts.instruction("jump into the hypervisor", [] {
      asm volatile("movl $0xfc500000, %%eax; jmp *%%eax" ::: "eax");
    });
  }
  attempts.instruction("call its code segment", [] { asm volatile("lcall $0x0808, $0xfc500000"); });
  attempts.refused("print the hypervisor's memory", hypercall(Hypercall::console_io, 0, 64, kHypervisorPrivate));
  attempts.refused("print up to its first byte and beyond",
                   hypercall(Hypercall::console_io, 0, 64, kHypervisorStart - 32));
  attempts.refused("have the number of requests written there",
                   hypercall(Hypercall::mmu_update, 0, 0, kHypervisorPrivate));
  attempts.refused("have frame numbers written there", hypercall(Hypercall::dom_mem_op, 0, kHypervisorPrivate, 1));
  attempts.refused("have an answer written there", hypercall(Hypercall::event_channel_op, kMachineToPhysStart));
  attempts.refused("take calls from there", hypercall(Hypercall::multicall, kHypervisorPrivate, 1));
  attempts.refused("take calls from a list that wraps around", hypercall(Hypercall::multicall, 0xfbffff00, 0x10000000));
}

void others_frames() {
  note_own_frames();
  const u32 address = start_info->spare_address;
  u32 mapped = 0, read_only = 0, pinned = 0, written = 0, given = 0, renamed = 0;
  for_each_foreign_frame([&](u32 frame) {
    mapped += map(address, frame << kPageShift | kP | kW) == 0 ? 1 : 0;
    read_only += map(address, frame << kPageShift | kP) == 0 ? 1 : 0;
    pinned += mmu_update(command(MmuCommand::pin_l1, frame << kPageShift)) == 0 ? 1 : 0;
    written += mmu_update({frame << kPageShift, 0}) == 0 ? 1 : 0;
    renamed += mmu_update({frame << kPageShift | 2, 0}) == 0 ? 1 : 0;
    u32 number = frame;
    given += hypercall(Hypercall::dom_mem_op, 1, address_of(&number), 1) == 1 ? 1 : 0;
  });
  attempts.report("map any of 6200 frames that are not its own, writable", mapped == 0, "all refused");
  attempts.report("or to read them", read_only == 0, "all refused");
  attempts.report("pin them as page tables", pinned == 0, "all refused");
  attempts.report("write a word of them", written == 0, "all refused");
  attempts.report("give them a page number", renamed == 0, "all refused");
  attempts.report("give them away", given == 0, "all refused");
  attempts.refused("name domain 0 as the foreign domain",
                   mmu_update(command(MmuCommand::set_foreign_domain, 0, 0 << 8)));
  attempts.refused("map by way of domain 0",
                   hypercall(Hypercall::update_va_mapping_otherdomain, address >> kPageShift, kP, 0, 0));
  attempts.refused("use a frame beyond memory as base", mmu_update(command(MmuCommand::new_base_pointer, 0xfffff000)));
  attempts.refused("use the hypervisor's directory as base",
                   mmu_update(command(MmuCommand::new_base_pointer, 0x00401000)));
}

void own_tables() {
  const u32 address = start_info->spare_address, directory = directory_address(),
            table = frame_of_page(start_info->table_first) << kPageShift;
  attempts.refused("map a page table writable", map(address, table | kP | kW));
  attempts.refused("map the directory writable", map(address, directory | kP | kW));
  attempts.refused("map the directory writable as its own table", mmu_update({directory + 16, directory | kP | kW}));
  attempts.refused("fill a slot of the hypervisor", mmu_update({directory + 1009 * 4, table | kP | kW}));
  attempts.refused("map 4 MB at once", mmu_update({directory + 16, 0x00000000 | kP | kW | kEntryLarge}));
  attempts.refused("map a page for all address spaces",
                   map(address, frame_of_page(300) << kPageShift | kP | kW | kEntryGlobal));
  attempts.refused("map in the hypervisor's part", map(kHypervisorStart, frame_of_page(300) << kPageShift | kP | kW));
  const u32 page = first_page_behind_image() + 8, frame = frame_of_page(page) << kPageShift;
  *at<u32>(page_address(page)) = frame | kP | kW;
  (void)mmu_update({entry_of_page(page), frame | kP});
  attempts.refused("pin a page table that maps itself writable", mmu_update(command(MmuCommand::pin_l1, frame)));
  (void)map(page_address(page), frame | kP | kW);
  *at<u32>(page_address(page)) = 0x00100000 | kP | kW;
  (void)map(page_address(page), frame | kP);
  attempts.refused("pin one that maps the hypervisor's code", mmu_update(command(MmuCommand::pin_l1, frame)));
  attempts.refused("have the count of a batch written into a page table",
                   hypercall(Hypercall::mmu_update, 0, 0, page_address(start_info->table_first)));
  attempts.store("write its page table", page_address(start_info->table_first));
  u32 number = frame_of_page(start_info->table_first);
  attempts.refused("give a page table away",
                   hypercall(Hypercall::dom_mem_op, 1, address_of(&number), 1) == 1 ? 0 : -22);
  const u32 used = first_page_behind_image() + 9;
  *at<volatile u32>(page_address(used)) = 1;
  const MmuUpdate retype[] = {{entry_of_page(used), frame_of_page(used) << kPageShift | kP},
                              command(MmuCommand::pin_l1, frame_of_page(used) << kPageShift)};
  *at<volatile u32>(page_address(used)) = 0;
  if (mmu_update(retype, 2) == 0)
    attempts.store("write a new page table through what the TLB still holds", page_address(used));
}

// --- descriptors and privileged instructions -------------------------------------------------------------------------

void descriptors() {
  const u32 page = first_page_behind_image() + 10, frame = frame_of_page(page);
  struct Bad {
    const char* what;
    u32 low, high;
  };
  constexpr Bad kBad[] = {
      {"a GDT with a code segment of ring 0", 0x0000ffff, 0x00cf9a00},
      {"with a data segment over the hypervisor", 0x0000ffff, 0x00cff200},
      {"with a segment that wraps around", 0x0000ffff, 0xfccff2ff},
      {"with an expand-down segment", 0x00000000, 0x00c0f600},
      {"with a call gate into ring 0", 0x08080000, 0x0000ec00},
      {"with a task state", 0x00000067, 0x00008900},
  };
  for (const Bad& bad : kBad) {
    (void)map(page_address(page), frame << kPageShift | kP | kW);
    u32* words = at<u32>(page_address(page));
    words[40] = bad.low;
    words[41] = bad.high;
    (void)map(page_address(page), frame << kPageShift | kP);
    u32 frames[1] = {frame};
    attempts.refused(bad.what, hypercall(Hypercall::set_gdt, address_of(frames), 512));
    attempts.refused("or changed to it later",
                     hypercall(Hypercall::update_descriptor, (frame << kPageShift) + 800, bad.low, bad.high));
  }
  attempts.refused("a descriptor written into a page table",
                   hypercall(Hypercall::update_descriptor, frame_of_page(start_info->table_first) << kPageShift, 0, 0));
  attempts.refused("an LDT in the hypervisor's part",
                   mmu_update(command(MmuCommand::set_ldt, kHypervisorPrivate, 512)));
  attempts.refused("a handler in ring 0", hypercall(Hypercall::set_callbacks, 0x0808, 0xfc500000, 0x0819, 0));
  attempts.refused("a stack of ring 0", hypercall(Hypercall::stack_switch, 0x0810, 0xfd000000));
  attempts.refused("the hypercall's vector as its own gate", hypercall(Hypercall::set_fast_trap, 0x82));
  attempts.refused("a breakpoint in the hypervisor", hypercall(Hypercall::set_debugreg, 0, 0xfc500000));
  attempts.refused("to hear of every use of the debug registers", hypercall(Hypercall::set_debugreg, 7, 0x2000));
  attempts.refused("an operation of domain 0", hypercall(Hypercall::dom0_op, address_of(start_info)));
  EventChannelOp op{};
  op.dom1 = 0;
  op.port1 = 1;
  attempts.refused("to close a channel of domain 0", event_op(EventChannelCommand::close, op));
}

void instructions() {
#define TRY(text) attempts.instruction(text, [] { asm volatile(text ::: "eax", "ecx", "edx", "memory"); })
  TRY("hlt");
  TRY("cli");
  TRY("sti");
  TRY("inb $0x60, %%al");
  TRY("outb %%al, $0x20");
  TRY("movl %%cr0, %%eax");
  TRY("movl %%eax, %%cr0");
  TRY("movl %%cr3, %%eax");
  TRY("movl %%eax, %%cr3");
  TRY("movl %%eax, %%cr4");
  TRY("movl %%eax, %%db7");
  TRY("lmsw %%ax");
  TRY("clts");
  TRY("invd");
  TRY("wbinvd");
  TRY("invlpg 0xc0000000");
  TRY("rdmsr");
  TRY("wrmsr");
  TRY("lgdt 0xc0010000");
  TRY("lidt 0xc0010000");
  TRY("lldt %%ax");
  TRY("movl $0x840, %%eax; ltr %%ax");
  TRY("movl $0x0810, %%eax; movl %%eax, %%ds");
  TRY("movl $0x0810, %%eax; movl %%eax, %%ss");
  TRY("ljmp $0x0840, $0");
  TRY("int $0x08");
  TRY("int $0x0e");
  TRY("int $0x31");
  TRY("int $0x40");
  TRY("pushl $0x0810; pushl $0; pushl $2; pushl $0x0808; pushl $0xfc500000; iret");
#undef TRY
  u32 flags;
  asm volatile("pushfl; popl %%eax; orl $0x3000, %%eax; andl $~0x200, %%eax; pushl %%eax; popfl; pushfl; popl %0"
               : "=r"(flags)::"eax");
  attempts.report("popf: interrupts off, ports open", (flags & 0x3200) == 0x200, "flags stay 0x", flags);
}

// How domains die that can take no exception: alone.
constexpr const char* kDeaths[] = {"stack=1", "stack=2", "stack=3", "stack=4"};

}  // namespace

// The attacking domain.
void attacker() {
  if (make_user_space(first_page_behind_image() + 2) != 0) shut_down(99);
  const bool segment_limits = !option_is("gaps", "qemu");
  hypervisor_memory(segment_limits);
  others_frames();
  own_tables();
  descriptors();
  instructions();
  shut_down(attempts.end(segment_limits ? 94 : 86));
}

// A domain with a bad stack.
void doomed() {
  switch (option("stack", 0)) {
    case 1:  // in the hypervisor's part, and a fault
      asm volatile("movl $0xfd000000, %%esp; int3" ::: "memory");
      break;
    case 2:  // the kernel's, for system calls: the CPU itself pushes there
      (void)make_user_space(first_page_behind_image() + 2);
      (void)hypercall(Hypercall::stack_switch, hw::kRing1Ds, option_is("gaps", "qemu") ? 0x00100000 : 0xfd000000);
      (void)user_run(user_address(user_call), kUserStack, 0, 0, nullptr);
      break;
    case 3:  // a read-only page
      asm volatile("movl %0, %%esp; int3" ::"r"(page_address(start_info->table_first) + 64) : "memory");
      break;
    default:  // at 0, where it wraps around
      asm volatile("xorl %%esp, %%esp; int3" ::: "memory");
  }
  shut_down(98);
}

namespace {

// A domain with a virtual block device and an interface, which asks for what is not its own. Nothing of what it asks
// for reaches the disk or the wire; metal.py looks at both.
void attack_devices(Checks& checks) {
  const char* step = "";
  const s32 made = build_domain({.line = "run=device_attacker", .start = false}, &step);
  checks.that(made > 0, "a domain that attacks through its devices");
  if (made <= 0) return;
  const auto id = static_cast<u32>(made);
  constexpr DiskPlace kOwn = {64, kAttackerSectors}, kReadOnly = {400, kAttackerSectors}, kOthers = {600, 8};
  checks.that(give_disk(id, kAttackerDisk, VbdAccess::read_write, &kOwn, 1) &&
                  give_disk(id, kAttackerReadOnlyDisk, VbdAccess::read_only, &kReadOnly, 1) &&
                  give_disk(kDomain0, kOthersDisk, VbdAccess::read_write, &kOthers, 1) && give_network(id),
              "it has its own devices, and others are there");
  checks.result(unpause(id), 0, "it is let go");
  DomainInfo info{};
  sleep_until([&] { return !domain_info(id, info) || (info.flags & 0x60) != 0; });
  checks.that((info.flags >> 6 & 1) == 1 && (info.flags >> 8 & 0xff) == 0, "it has given up");
  checks.result(destroy(id), 0, "and is destroyed");
}

}  // namespace

// Domain 0.
u32 attack() {
  const bool qemu = option_is("gaps", "qemu");
  Checks checks;
  const u32 deaths = bind_virq(Virq::domain_exception);
  const u32 secret = first_page_behind_image() + 4;
  for (u32 i = 0; i < 1024; ++i) at<u32>(page_address(secret))[i] = i * 0x9e3779b9;
  const char* step = "";
  DomainInfo info{};
  const s32 made = build_domain({.line = qemu ? "run=attacker gaps=qemu" : "run=attacker"}, &step);
  checks.that(made > 0, "a domain that attacks");
  if (made <= 0) return 1;
  sleep_until([&] { return port_events[deaths] != 0; });
  checks.that(domain_info(static_cast<u32>(made), info) && (info.flags >> 6 & 1) == 1 && (info.flags >> 8 & 0xff) == 0,
              "it has given up");
  for (const char* death : kDeaths) {
    char line[40] = "run=doomed ";
    u32 at_end = 11;
    for (const char* word : {death, qemu ? " gaps=qemu" : ""})
      for (; *word != '\0'; ++word) line[at_end++] = *word;
    line[at_end] = '\0';
    const u32 before = port_events[deaths];
    const s32 doomed = build_domain({.line = line}, &step);
    if (doomed > 0) sleep_until([&] { return port_events[deaths] != before; });
    checks.that(doomed > 0 && domain_info(static_cast<u32>(doomed), info) && (info.flags >> 5 & 1) == 1,
                "a domain with a bad stack crashes, alone");
    checks.result(destroy(static_cast<u32>(doomed)), 0, "and can be destroyed");
  }
  checks.result(destroy(static_cast<u32>(made)), 0, "the attacker is destroyed");
  attack_devices(checks);
  bool unchanged = true;
  for (u32 i = 0; i < 1024; ++i) unchanged = unchanged && at<u32>(page_address(secret))[i] == i * 0x9e3779b9;
  checks.that(unchanged, "domain 0's memory is what it was");
  checks.that(probe(metal::kProbeAudit) == 1, "the hypervisor's conservation laws hold");
  return checks.failed();
}

}  // namespace guest

// Hostile kernels on the whole stack: what the hypervisor refuses it refuses with the documented error, what it cannot
// refuse ends the domain that did it, and the domain beside them computes as if nothing were going on.
#include <doctest/doctest.h>

#include <algorithm>
#include <memory>

#include "interface/control.h"
#include "interface/events.h"
#include "interface/network.h"
#include "support/foreign_kernel.h"
#include "support/guest_host.h"

namespace {

using hv::Hypercall, hv::MmuCommand, hv::MmuRequest;
using sim::Duration;
using test::s32, test::u16, test::u32, test::u64, test::u8;

constexpr s32 kEperm = -1, kEfault = -14, kEinval = -22, kEnosys = -38;
constexpr u32 kNowhere = 0x0bad0000;        // an EIP that names nothing
constexpr u32 kUnmapped = 0x1000;           // an address without a page
constexpr u32 kPrivate = 0xfd000000;        // inside the hypervisor
constexpr u32 kRing0Code = 0x00cf9a00;      // high word of a flat ring-0 code segment
constexpr std::int64_t kSomeWork = 20'000;  // cycles between two calls

// Computes, and now and then makes a call that is refused.
class Attacker : public test::ForeignKernel {
 public:
  struct Outcome {
    const char* attempt;
    s32 result, documented;
  };
  struct Fault {
    u32 vector, error_code, address;  // address: of a page fault
  };
  std::vector<Outcome> outcomes;
  u64 frames_tried = 0, frames_given = 0;  // foreign ones
  std::vector<const char*> touched;        // what of the hypervisor's could be read or written
  std::vector<Fault> faults;
  u64 calls_since = 0;  // in the endless loop at the end

 protected:
  model::Task<> main() override {
    own_page_ = start().first_free_page;
    scratch_ = address(own_page_ + 1);
    tables_ = table_page(0);
    co_await take_traps();
    co_await bad_pointers();
    co_await bad_numbers();
    co_await own_tables();
    co_await descriptors();
    co_await entry_points();
    co_await foreign_frames();
    reach_for_the_hypervisor();
    registers().eip = kNowhere;  // goes on in page_fault()
  }

 private:
  model::Task<> attempt(const char* what, s32 documented, Hypercall number, u32 a = 0, u32 b = 0, u32 c = 0,
                        u32 d = 0) {
    const s32 result = co_await call(number, a, b, c, d);
    outcomes.push_back({what, result, documented});
    co_await compute(kSomeWork);
  }
  model::Task<> request(const char* what, s32 documented, u32 pointer, u32 value) {
    put(scratch_, hv::MmuUpdate{pointer, value});
    co_await attempt(what, documented, Hypercall::mmu_update, scratch_, 1);
  }
  model::Task<> command(const char* what, MmuCommand number, u32 pointer, u32 upper = 0) {
    co_await request(what, kEinval, pointer | static_cast<u32>(MmuRequest::extended),
                     static_cast<u32>(number) | upper << 8);
  }

  model::Task<> take_traps() {
    const u32 page_fault = entry([this] { return this->page_fault(); });
    const u32 protection = entry([this] { return this->general_protection(); });
    const auto gate = [](u32 vector, u32 eip) {
      return hv::TrapEntry{static_cast<u8>(vector), 0, static_cast<u16>(hw::kRing1Cs), eip};
    };
    put(scratch_, std::array{gate(hw::kVectorPageFault, page_fault), gate(hw::kVectorGeneralProtection, protection),
                             hv::TrapEntry{}});
    co_await attempt("a proper trap table", 0, Hypercall::set_trap_table, scratch_);
  }

  model::Task<> bad_pointers() {
    for (const u32 pointer : {kUnmapped, hv::kHypervisorStart - 4, hv::kHypervisorStart, kPrivate, ~0u - 3}) {
      co_await attempt("mmu_update's list", kEfault, Hypercall::mmu_update, pointer, 1);
      co_await attempt("trap table", kEfault, Hypercall::set_trap_table, pointer);
      co_await attempt("GDT's list", kEfault, Hypercall::set_gdt, pointer, 512);
      co_await attempt("frames to give back", kEfault, Hypercall::dom_mem_op, 1, pointer, 1);
      co_await attempt("multicall's list", kEfault, Hypercall::multicall, pointer, 1);
      co_await attempt("event-channel operation", kEfault, Hypercall::event_channel_op, pointer);
      co_await attempt("console text", kEfault, Hypercall::console_io, 0, 16, pointer);
    }
    // The hypervisor must not write where the guest may not: a page table is mapped, but read-only.
    const u32 table = address(tables_);
    co_await attempt("mmu_update's count into a page table", kEfault, Hypercall::mmu_update, scratch_, 0, table);
    co_await attempt("a multicall's result into a page table", kEfault, Hypercall::multicall, table, 1);
  }

  model::Task<> bad_numbers() {
    for (const u32 number : {19u, 31u, 32u, 0x7fffffffu, ~0u}) {
      co_await attempt("unknown hypercall", kEnosys, static_cast<Hypercall>(number));
    }
    co_await attempt("unknown scheduler operation", kEnosys, Hypercall::sched_op, 77);
    co_await attempt("unknown memory operation", kEnosys, Hypercall::dom_mem_op, 77);
    co_await attempt("batch of one too many", kEinval, Hypercall::mmu_update, scratch_, hv::kMaxMmuUpdates + 1);
    co_await attempt("batch of four thousand million", kEinval, Hypercall::mmu_update, scratch_, ~0u);
    co_await attempt("multicall that wraps round", kEfault, Hypercall::multicall, scratch_, 0x08000000);
    co_await attempt("domain 0's operations", kEperm, Hypercall::dom0_op, scratch_);
    co_await request("unknown request", kEinval, frame(own_page_).address() | 3, 0);
    co_await command("unknown command", static_cast<MmuCommand>(200), frame(own_page_).address());
  }

  model::Task<> own_tables() {
    const u32 table = frame(tables_).address(), directory = start().directory_frame << hv::kPageShift;
    const u32 directory_page = start().table_first + start().table_pages - 1;
    constexpr u32 kWritable = hv::kEntryPresent | hv::kEntryWritable, kKernelSlot = hv::kGuestKernelStart >> 22;
    const auto number = [](u32 page) { return address(page) >> hv::kPageShift; };
    co_await attempt("writable mapping of its page table", kEinval, Hypercall::update_va_mapping, number(own_page_),
                     table | kWritable);
    co_await attempt("writable mapping of its directory", kEinval, Hypercall::update_va_mapping, number(directory_page),
                     directory | kWritable);
    co_await request("the same by the entry's machine address", kEinval, entry_of(tables_), table | kWritable);
    co_await request("its directory, writable, as a page table of itself", kEinval, directory + 4,
                     directory | kWritable);
    co_await request("a slot of the hypervisor's", kEinval, directory + hv::kGuestDirectorySlots * 4,
                     table | kWritable);
    co_await request("a page that is mapped writable as a page table", kEinval, directory + kKernelSlot * 4 + 40,
                     frame(own_page_).address() | kWritable);
    co_await command("pin a page that is mapped writable", MmuCommand::pin_l1, frame(own_page_).address());
    co_await command("pin its page table as a directory", MmuCommand::pin_l2, table);
    co_await command("a page table as base", MmuCommand::new_base_pointer, table);
    co_await command("unpin what is not pinned", MmuCommand::unpin, table);
    co_await attempt("a large page", kEinval, Hypercall::update_va_mapping, number(own_page_),
                     frame(own_page_).address() | kWritable | hv::kEntryLarge | hv::kEntryGlobal);
    co_await attempt("a mapping of the hypervisor's addresses", kEinval, Hypercall::update_va_mapping,
                     kPrivate >> hv::kPageShift, frame(own_page_).address() | kWritable);
    put(scratch_, frame(tables_).number());
    co_await attempt("give its page table back", kEinval, Hypercall::dom_mem_op, 1, scratch_, 1);
  }

  model::Task<> descriptors() {
    const u32 table = own_page_ + 2;
    put(address(table), std::array<u32, 2>{0x0000ffff, kRing0Code});
    put(scratch_, frame(table).number());
    co_await attempt("GDT in a page that it can write", kEinval, Hypercall::set_gdt, scratch_, 512);
    co_await attempt("give up writing it", 0, Hypercall::update_va_mapping, address(table) >> hv::kPageShift,
                     frame(table).address() | hv::kEntryPresent);
    co_await attempt("GDT with a ring-0 segment", kEinval, Hypercall::set_gdt, scratch_, 512);
    co_await attempt("GDT too short for the reserved entries", kEinval, Hypercall::set_gdt, scratch_, 8);
    co_await attempt("GDT too long", kEinval, Hypercall::set_gdt, scratch_, 8193);
    co_await attempt("a ring-0 descriptor", kEinval, Hypercall::update_descriptor, frame(table).address(), 0x0000ffff,
                     kRing0Code);
    co_await attempt("a descriptor over a page-table entry", kEinval, Hypercall::update_descriptor,
                     frame(tables_).address(), 0, 0);
    co_await command("LDT that reaches into the hypervisor", MmuCommand::set_ldt,
                     hv::kHypervisorPrivate - hv::kPageSize, 8192);
    co_await command("LDT too long", MmuCommand::set_ldt, address(table), 8193);
    co_await command("LDT off the page", MmuCommand::set_ldt, address(table) + 8, 512);
  }

  model::Task<> entry_points() {
    constexpr u32 kDr7GeneralDetect = 1u << 13;
    co_await attempt("a ring-0 stack", kEperm, Hypercall::stack_switch, hw::kHypervisorDs, address(own_page_));
    co_await attempt("events to ring 0", kEperm, Hypercall::set_callbacks, hw::kHypervisorCs, kPrivate, hw::kRing1Cs,
                     0);
    co_await attempt("failsafe in ring 0", kEperm, Hypercall::set_callbacks, hw::kRing1Cs, 0, hw::kHypervisorCs,
                     kPrivate);
    put(scratch_, std::array{hv::TrapEntry{3, 3, static_cast<u16>(hw::kHypervisorCs), kPrivate}, hv::TrapEntry{}});
    co_await attempt("a trap to ring 0", kEperm, Hypercall::set_trap_table, scratch_);
    co_await attempt("a fast trap on the hypercall gate", kEperm, Hypercall::set_fast_trap, hw::kVectorHypercall);
    co_await attempt("a fast trap without a handler", kEperm, Hypercall::set_fast_trap, 0x80);
    co_await attempt("a breakpoint in the hypervisor", kEperm, Hypercall::set_debugreg, 0, kPrivate);
    co_await attempt("detection of debug-register use", kEperm, Hypercall::set_debugreg, 7, kDr7GeneralDetect);
    co_await attempt("a debug register that is none", kEinval, Hypercall::set_debugreg, 4, 0);
  }

  // Whoever's it is: the hypervisor's, domain 0's, the neighbour's, free, or beyond the end of RAM.
  model::Task<> foreign_frames() {
    std::vector<bool> own(machine().physical_memory().frame_count(), false);
    for (u32 page = 0; page < start().pages; ++page) own[frame(page).number()] = true;
    own[start().shared_info >> hv::kPageShift] = true;
    std::vector<u32> foreign = {static_cast<u32>(own.size()), static_cast<u32>(own.size()) + 7, 0x000fffff};
    for (u32 number = 0; number < own.size(); number += 61) {
      if (!own[number]) foreign.push_back(number);
    }
    const u32 page_number = address(own_page_) >> hv::kPageShift, victim_entry = entry_of(own_page_);
    constexpr u32 kWritable = hv::kEntryPresent | hv::kEntryWritable;
    constexpr u32 kCommand = static_cast<u32>(MmuRequest::extended);
    for (const u32 number : foreign) {
      const u32 there = number << hv::kPageShift;
      ++frames_tried;
      std::vector<hv::MmuUpdate> requests = {
          {victim_entry, there | kWritable},                                    // map it writable
          {victim_entry, there | hv::kEntryPresent},                            // map it
          {there + 64, kNowhere},                                               // write a word of it
          {there | static_cast<u32>(MmuRequest::update_m2p), own_page_},        // claim its machine-to-physical entry
          {start().directory_frame << hv::kPageShift | 4, there | kWritable}};  // use it as a page table
      for (const MmuCommand verb :
           {MmuCommand::pin_l1, MmuCommand::pin_l2, MmuCommand::unpin, MmuCommand::new_base_pointer}) {
        requests.push_back({there | kCommand, static_cast<u32>(verb)});
      }
      for (const hv::MmuUpdate& update : requests) {
        put(scratch_, update);
        if (co_await call(Hypercall::mmu_update, scratch_, 1u) != kEinval) ++frames_given;
      }
      if (co_await call(Hypercall::update_va_mapping, page_number, there | kWritable) != kEinval) ++frames_given;
      put(scratch_, number);
      if (co_await call(Hypercall::dom_mem_op, 1u, scratch_, 1u) != kEinval) ++frames_given;
      if (co_await call(Hypercall::set_gdt, scratch_, 512u) != kEinval) ++frames_given;
      if (co_await call(Hypercall::update_descriptor, there, 0u, 0u) != kEinval) ++frames_given;
    }
  }

  // Ring 1 passes the MMU's test for a supervisor; the limit of its segments must not let it through.
  void reach_for_the_hypervisor() {
    struct Place {
      const char* what;
      u32 address;
      bool may_read;
    };
    for (const Place& place : {Place{"machine-to-physical table", hv::kMachineToPhysStart, true},
                               Place{"all of machine memory", hv::kHypervisorPrivate, false},
                               Place{"the last readable word and the next", hv::kHypervisorPrivate - 2, false},
                               Place{"its page tables", hv::kLinearTableStart, false},
                               Place{"descriptor tables", hv::kPerDomainStart, false}}) {
      u32 word = 0;
      if (cpu().read(place.address, &word, sizeof word) != place.may_read) touched.push_back(place.what);
      if (cpu().write(place.address, &word, sizeof word)) touched.push_back(place.what);
    }
  }

  // After the jump to nowhere. Two extra words on the stack: the error code, and below it the address.
  model::Task<> page_fault() {
    const u32 stack = registers().esp;
    faults.push_back({hw::kVectorPageFault, get<u32>(stack + 4), get<u32>(stack)});
    push_return(kPrivate, hw::kHypervisorCs);
    if (!cpu().interrupt_return()) throw std::logic_error{"the stack is there"};
    co_return;  // goes on in general_protection()
  }

  model::Task<> general_protection() {
    faults.push_back({hw::kVectorGeneralProtection, get<u32>(registers().esp), 0});
    if (faults.size() == 2) {  // after the IRET to ring 0: now a hypercall from ring 3
      push_return(entry([this] { return from_ring_3(); }), hw::kRing3Cs, 0x1000, hw::kRing3Ds);
      if (!cpu().interrupt_return()) throw std::logic_error{"the stack is there"};
      co_return;
    }
    put(scratch_, hv::MmuUpdate{frame(tables_).address() | static_cast<u32>(MmuRequest::extended), 200});
    while (true) {
      (void)co_await call(Hypercall::mmu_update, scratch_, 1u);
      (void)co_await call(Hypercall::multicall, kPrivate, 100u);
      ++calls_since;
      co_await compute(kSomeWork);
    }
  }

  model::Task<> from_ring_3() { (void)co_await call(Hypercall::xen_version); }

  u32 own_page_ = 0, tables_ = 0;
  u32 scratch_ = 0;
};

// Does one thing that no error number answers.
class Crasher : public test::ForeignKernel {
 public:
  enum class Deed {
    jump_nowhere,
    return_to_ring_0,
    fault_on_bad_stack,
    event_on_bad_stack,
    handler_nowhere,
    compute_on_the_hypervisor
  };
  explicit Crasher(Deed deed) : deed_{deed} {}

 protected:
  model::Task<> main() override {
    const u32 scratch = address(start().first_free_page);
    const auto handle_page_faults_at = [&](u32 eip) {
      put(scratch,
          std::array{hv::TrapEntry{hw::kVectorPageFault, 0, static_cast<u16>(hw::kRing1Cs), eip}, hv::TrapEntry{}});
      return call(Hypercall::set_trap_table, scratch);
    };
    co_await compute(kSomeWork);
    switch (deed_) {
      case Deed::jump_nowhere:
        registers().eip = kNowhere;
        break;
      case Deed::return_to_ring_0:
        push_return(kPrivate, hw::kHypervisorCs);
        if (!cpu().interrupt_return()) throw std::logic_error{"the stack is there"};
        break;
      case Deed::fault_on_bad_stack:
        (void)co_await handle_page_faults_at(hv::kGuestKernelStart);
        registers().esp = kPrivate;
        registers().eip = kNowhere;
        break;
      case Deed::event_on_bad_stack: {
        hv::EventChannelOp bind{};
        bind.command = static_cast<u32>(hv::EventChannelCommand::bind_virq);
        bind.number = static_cast<u32>(hv::Virq::timer);
        (void)co_await call(Hypercall::event_channel_op, put(scratch, bind));
        (void)co_await call(Hypercall::set_callbacks, hw::kRing1Cs, hv::kGuestKernelStart, hw::kRing1Cs, 0u);
        registers().esp = kPrivate;
        while (true) co_await compute(1'000'000'000);
      }
      case Deed::handler_nowhere:
        (void)co_await handle_page_faults_at(kNowhere);
        registers().eip = kNowhere;
        break;
      case Deed::compute_on_the_hypervisor: {
        static constexpr model::Footprint kFootprint{.first_page = hv::kHypervisorPrivate, .pages = 4};
        co_await model::compute{machine(), sim::Cycles{kSomeWork}, &kFootprint};
      }
    }
  }

 private:
  Deed deed_;
};

// What an attacker's neighbour has beside it in the control run.
class Quiet : public test::ForeignKernel {
 protected:
  model::Task<> main() override {
    while (true) co_await compute(1'000'000'000);
  }
};

guest::GuestSpec foreign_guest(const std::string& name, test::ForeignKernel& kernel, u32 cpu) {
  guest::GuestSpec spec;
  spec.name = name;
  spec.memory_bytes = 4ull << 20;
  spec.cpus = guest::CpuSet::only(cpu);
  spec.kernel = kernel.image();
  return spec;
}

guest::GuestSpec victim_on(u32 cpu) {
  guest::GuestSpec spec = test::computing_guest("victim");
  spec.cpus = guest::CpuSet::only(cpu);
  return spec;
}

constexpr Duration kRun = Duration::seconds(1);

std::int64_t work_beside(test::ForeignKernel& kernel, u32 victim_cpu) {
  guest::Host host{test::host_of(guest::System::xen, {victim_on(victim_cpu), foreign_guest("other", kernel, 0)}, 2)};
  host.boot();
  host.run_for(kRun);
  CHECK(host.audit().value_or("clean") == "clean");
  kernel.end();
  return host.useful_cycles(0);
}

}  // namespace

TEST_CASE("each forbidden hypercall gives its documented error, and the neighbour's work does not change") {
  Quiet quiet;
  const std::int64_t undisturbed = work_beside(quiet, 1);
  Attacker attacker;
  // Domain 0 shares its CPU with the attacker and is up later, so that the second begins elsewhere in a unit of work.
  constexpr std::int64_t kWorkUnit = 2'400'000;
  CHECK(std::abs(work_beside(attacker, 1) - undisturbed) <= kWorkUnit);

  CHECK(attacker.outcomes.size() == 83);
  for (const Attacker::Outcome& outcome : attacker.outcomes) {
    CAPTURE(outcome.attempt);
    CHECK(outcome.result == outcome.documented);
  }
  CHECK(attacker.frames_tried > 8'000);
  CHECK(attacker.frames_given == 0);
  CHECK(attacker.touched.empty());

  REQUIRE(attacker.faults.size() == 3);
  CHECK(attacker.faults[0].vector == hw::kVectorPageFault);  // the jump to nowhere
  CHECK(attacker.faults[0].address == kNowhere);
  CHECK(attacker.faults[1].vector == hw::kVectorGeneralProtection);  // the IRET to ring 0
  CHECK(attacker.faults[1].error_code == hw::kHypervisorCs);
  CHECK(attacker.faults[2].vector == hw::kVectorGeneralProtection);  // the hypercall from ring 3
  CHECK(attacker.faults[2].error_code == (hw::kVectorHypercall << 3 | 2));
  CHECK(attacker.calls_since > 1'000);
}

TEST_CASE("on the same CPU a domain keeps its half beside one that makes refused hypercalls for ever") {
  Quiet quiet;
  const std::int64_t undisturbed = work_beside(quiet, 0);
  Attacker attacker;
  const std::int64_t beside = work_beside(attacker, 0);
  CHECK(attacker.faults.size() == 3);
  CHECK(static_cast<double>(beside) / static_cast<double>(undisturbed) == doctest::Approx(1).epsilon(0.02));
}

TEST_CASE("what no error number answers crashes the domain that did it, and no other") {
  using Deed = Crasher::Deed;
  struct Case {
    Deed deed;
    const char* name;
    const char* reason;
  };
  static constexpr Case kCases[] = {
      {Deed::jump_nowhere, "jump to an EIP that names nothing", "exception without a handler"},
      {Deed::return_to_ring_0, "IRET to ring 0", "exception without a handler"},
      {Deed::fault_on_bad_stack, "fault on a stack in the hypervisor", "no stack to take an exception on"},
      {Deed::event_on_bad_stack, "event on a stack in the hypervisor", "no stack to take an event on"},
      {Deed::handler_nowhere, "handler that names nothing", "no stack to take an exception on"},
      {Deed::compute_on_the_hypervisor, "working set in the hypervisor", "exception without a handler"},
  };
  std::vector<std::unique_ptr<Crasher>> crashers;
  std::vector<guest::GuestSpec> guests = {victim_on(1)};
  for (const Case& one : kCases) {
    crashers.push_back(std::make_unique<Crasher>(one.deed));
    guests.push_back(foreign_guest(one.name, *crashers.back(), 0));
  }
  guest::Host host{test::host_of(guest::System::xen, std::move(guests), 2)};
  host.boot();
  host.run_for(kRun);
  CHECK(host.audit().value_or("clean") == "clean");

  const std::vector<std::string>& console = crashers[0]->machine().console_lines();
  CHECK(console.size() == std::size(kCases));
  for (std::size_t i = 0; i < std::size(kCases); ++i) {
    const std::string message = "domain " + std::to_string(i + 2) + ": " + kCases[i].reason;
    CAPTURE(kCases[i].name);
    CHECK(std::any_of(console.begin(), console.end(),
                      [&](const std::string& line) { return line.find(message) != std::string::npos; }));
  }
  // All is quiet again, and the victim has a CPU to itself.
  const std::int64_t before = host.useful_cycles(0);
  host.run_for(kRun);
  CHECK(static_cast<double>(host.useful_cycles(0) - before) > 2.4e9 * 0.99);
  for (const auto& crasher : crashers) crasher->end();
}

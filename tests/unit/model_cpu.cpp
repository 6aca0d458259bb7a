// One CPU under a supervisor that only writes down what it was entered for.
#include <doctest/doctest.h>

#include <algorithm>
#include <vector>

#include "interface/layout.h"
#include "model/execution.h"
#include "model/machine.h"
#include "model/task.h"

namespace {

constexpr hv::u32 kKernelStack = 0x00800000, kUserStack = 0x00700000;
constexpr hv::MachineFrame kDirectory{16};
const std::string kMachine = std::string{RINGZERO_SOURCE_DIR} + "/model/machines/dell2650.json";

struct Entry {
  char kind;  // 'h'ypercall, 'e'xception, 'i'nterrupt
  hv::u32 number;
  hv::u32 address;
  std::int64_t cycle;
};

// Remembers entries. A page fault is repaired by mapping the page, a general protection fault ends what ran; everything
// else just returns.
class Recorder final : public model::Supervisor {
 public:
  explicit Recorder(model::Machine& machine) : machine_{machine} {}
  void hypercall(model::Cpu& cpu, hw::Registers& registers) override {
    entries.push_back({'h', registers.eax, registers.ebx, cpu.cycles().count()});
    registers.eax = 77;
  }
  void exception(model::Cpu& cpu, hw::Registers& registers, hv::u32 address) override {
    entries.push_back({'e', registers.vector, address, cpu.cycles().count()});
    if (registers.vector == hw::kVectorPageFault) {
      const hv::u32 entry =
          (address & 0xffc00000) | hv::kEntryPresent | hv::kEntryWritable | hv::kEntryUser | hv::kEntryLarge;
      machine_.physical_memory().frame(kDirectory).store(address >> 22, entry);
      if (registers.eip == address) go_idle(registers);  // nothing to run there
    }
    if (registers.vector == hw::kVectorGeneralProtection) go_idle(registers);
  }
  void interrupt(model::Cpu& cpu, hw::Registers&, hv::u32 line) override {
    entries.push_back({'i', line, 0, cpu.cycles().count()});
  }
  model::Account account() const override { return model::Account::hypervisor; }
  std::vector<Entry> entries;

 private:
  static void go_idle(hw::Registers& registers) {
    registers.eip = hw::kIdleLoop;
    registers.cs = hw::kHypervisorCs;
  }
  model::Machine& machine_;
};

// A machine of one or two CPUs whose low 16 MB are mapped to themselves with 4 MB pages.
struct Bench {
  explicit Bench(hv::u32 cpus = 1) : machine{file, cpus, model::CoalescingProfile::xen, queue, fingerprint} {
    machine.set_supervisor(supervisor);
    for (hv::u32 slot = 0; slot < 4; ++slot) {
      machine.physical_memory()
          .frame(kDirectory)
          .store(slot, slot << 22 | hv::kEntryPresent | hv::kEntryWritable | hv::kEntryUser | hv::kEntryLarge);
    }
    for (hv::u32 id = 0; id < cpus; ++id) {
      model::Cpu& cpu = machine.physical_cpu(id);
      cpu.load_page_table_base(kDirectory);
      cpu.set_ring1_stack(hw::kRing1Ds, kKernelStack);
      cpu.registers().cs = hw::kHypervisorCs;
      cpu.registers().eip = hw::kIdleLoop;
    }
  }

  // Starts CPU `id` with `software` in ring `cs & 3`.
  void run(model::Task<>& software, hv::u32 cs = hw::kRing3Cs, hv::CpuId id = 0) {
    model::Cpu& cpu = machine.physical_cpu(id);
    cpu.registers().cs = cs;
    cpu.registers().ss = (cs & 3) == 3 ? hw::kRing3Ds : hw::kRing1Ds;
    cpu.registers().esp = (cs & 3) == 3 ? kUserStack : kKernelStack;
    cpu.registers().eflags = hw::kInterruptFlag;
    cpu.suspend_here(software.handle(), model::Burst{});
    cpu.start();
  }
  void stop_here() {  // what software does last: nothing is left to run
    machine.running().registers().cs = hw::kHypervisorCs;
    machine.running().registers().eip = hw::kIdleLoop;
  }
  std::int64_t total(hv::CpuId id, model::Account account) const {
    return machine.physical_cpu(id).accounts()[static_cast<std::size_t>(account)].count();
  }

  model::MachineFile file = model::MachineFile::load(kMachine);
  sim::EventQueue queue;
  sim::Fingerprint fingerprint;
  model::Machine machine;
  Recorder supervisor{machine};
};

using sim::Cycles;

TEST_CASE("a burst takes its cycles, to the cycle") {
  Bench bench;
  std::int64_t begin = 0, end = 0;
  auto program = [](Bench& b, std::int64_t& from, std::int64_t& to) -> model::Task<> {
    from = b.machine.running().cycles().count();
    co_await model::compute(b.machine, Cycles{2'400'000});
    to = b.machine.running().cycles().count();
    b.stop_here();
  };
  model::Task<> task = program(bench, begin, end);
  bench.run(task);
  bench.queue.run_until(sim::Time::at(sim::Duration::milliseconds(2)));
  CHECK(end - begin == 2'400'000);
  CHECK(bench.total(0, model::Account::guest_user) == 2'400'000);
}

TEST_CASE("an interrupt cuts a burst at its instant, and the rest runs after it") {
  Bench bench;
  std::int64_t begin = 0, end = 0;
  auto program = [](Bench& b, std::int64_t& from, std::int64_t& to) -> model::Task<> {
    model::Cpu& cpu = b.machine.running();
    cpu.arm_timer(static_cast<hv::u64>(cpu.cycles().count()) + 1'000'000);
    from = cpu.cycles().count();
    co_await model::compute(b.machine, Cycles{2'400'000});
    to = b.machine.running().cycles().count();
    b.stop_here();
  };
  model::Task<> task = program(bench, begin, end);
  const std::int64_t armed_at = bench.machine.physical_cpu(0).cycles().count();
  bench.run(task);
  bench.queue.run_until(sim::Time::at(sim::Duration::milliseconds(2)));
  REQUIRE(bench.supervisor.entries.size() == 1);
  const Entry& timer = bench.supervisor.entries[0];
  CHECK(timer.kind == 'i');
  CHECK(timer.number == hw::kTimerLine);
  const std::int64_t entry = bench.file.cpu.interrupt_entry.count(), back = bench.file.cpu.interrupt_return.count();
  CHECK(timer.cycle == armed_at + 1'000'000 + entry);
  CHECK(end - begin == 2'400'000 + entry + back);
  CHECK(bench.total(0, model::Account::guest_user) == 2'400'000 + bench.file.cpu.apic_write.count());
}

TEST_CASE("every cycle of a CPU is in exactly one account, at any instant") {
  Bench bench;
  auto program = [](Bench& b) -> model::Task<> {
    for (int i = 0; i < 20; ++i) {
      model::Cpu& cpu = b.machine.running();
      cpu.arm_timer(static_cast<hv::u64>(cpu.cycles().count()) + 70'000);
      co_await model::compute(b.machine, Cycles{100'000});
      co_await model::hypercall(b.machine, hv::Hypercall::xen_version);
    }
    b.stop_here();
  };
  model::Task<> task = program(bench);
  bench.run(task, hw::kRing1Cs);
  for (int step = 1; step <= 100; ++step) {
    bench.queue.run_until(sim::Time::at(sim::Duration::microseconds(13) * step));
    Cycles sum;
    for (const Cycles& part : bench.machine.physical_cpu(0).accounts()) sum += part;
    CHECK(sum.count() == bench.machine.physical_cpu(0).accounted_until().count());
  }
  CHECK(bench.total(0, model::Account::idle) > 0);
  CHECK(bench.total(0, model::Account::hypervisor) > 0);
}

TEST_CASE("a hypercall returns its result to the coroutine that made it") {
  Bench bench;
  hv::s32 result = 0;
  auto program = [](Bench& b, hv::s32& eax) -> model::Task<> {
    eax = co_await model::hypercall(b.machine, hv::Hypercall::sched_op, 5u);
    b.stop_here();
  };
  model::Task<> task = program(bench, result);
  bench.run(task, hw::kRing1Cs);
  bench.queue.run_until(sim::Time::at(sim::Duration::milliseconds(1)));
  CHECK(result == 77);
  REQUIRE(bench.supervisor.entries.size() == 1);
  CHECK(bench.supervisor.entries[0].number == static_cast<hv::u32>(hv::Hypercall::sched_op));
  CHECK(bench.supervisor.entries[0].address == 5);
}

TEST_CASE("a burst whose page is missing faults with that address and goes on once the page is there") {
  Bench bench;
  const model::Footprint footprint{
      .first_page = 0x02000000, .pages = 2, .writable_pages = 1, .cache_lines = 0, .insertions_per_mcycle = 0};
  bool finished = false;
  auto program = [](Bench& b, const model::Footprint& f, bool& done) -> model::Task<> {
    co_await model::compute(b.machine, Cycles{1'000}, &f);
    done = true;
    b.stop_here();
  };
  model::Task<> task = program(bench, footprint, finished);
  bench.run(task);
  bench.queue.run_until(sim::Time::at(sim::Duration::milliseconds(1)));
  CHECK(finished);
  REQUIRE(bench.supervisor.entries.size() == 1);
  CHECK(bench.supervisor.entries[0].kind == 'e');
  CHECK(bench.supervisor.entries[0].number == hw::kVectorPageFault);
  CHECK(bench.supervisor.entries[0].address == 0x02000000);
}

TEST_CASE("an EIP that names nothing is a fetch fault at that address") {
  Bench bench;
  model::Cpu& cpu = bench.machine.physical_cpu(0);
  cpu.registers().cs = hw::kRing3Cs;
  cpu.registers().eip = 0x12345678;
  cpu.start();
  bench.queue.run_until(sim::Time::at(sim::Duration::milliseconds(1)));
  REQUIRE(bench.supervisor.entries.size() == 1);
  CHECK(bench.supervisor.entries[0].number == hw::kVectorPageFault);
  CHECK(bench.supervisor.entries[0].address == 0x12345678);
}

TEST_CASE("a system call through the direct gate pushes five words and IRET takes them back") {
  Bench bench;
  std::vector<hv::u32> stack(5);
  hw::Registers inside, after;
  auto program = [](Bench& b, std::vector<hv::u32>& words, hw::Registers& in, hw::Registers& out) -> model::Task<> {
    co_await model::compute(b.machine, Cycles{10});
    model::Cpu& cpu = b.machine.running();
    REQUIRE(cpu.system_call_entry());
    in = cpu.registers();
    cpu.read(in.esp, words.data(), 20);
    CHECK(cpu.interrupt_return());
    out = cpu.registers();
    b.stop_here();
  };
  model::Task<> task = program(bench, stack, inside, after);
  bench.machine.physical_cpu(0).set_direct_gate({0x80, hw::kRing1Cs, 0});
  bench.run(task);
  bench.queue.run_until(sim::Time::at(sim::Duration::milliseconds(1)));
  CHECK(inside.cs == hw::kRing1Cs);
  CHECK(inside.esp == kKernelStack - 20);
  CHECK(stack[1] == hw::kRing3Cs);
  CHECK(stack[3] == kUserStack);
  CHECK(stack[4] == hw::kRing3Ds);
  CHECK(after.cs == hw::kRing3Cs);
  CHECK(after.esp == kUserStack);
  CHECK(bench.total(0, model::Account::hypervisor) == bench.file.cpu.load_cr3.count());  // only the set-up
}

TEST_CASE("IRET from ring 1 to ring 0 is a general protection fault") {
  Bench bench;
  auto program = [](Bench& b) -> model::Task<> {
    model::Cpu& cpu = b.machine.running();
    const hv::u32 frame[3] = {0x1000, hw::kHypervisorCs, 0};
    cpu.registers().esp -= 12;
    cpu.write(cpu.registers().esp, frame, 12);
    cpu.interrupt_return();
    b.stop_here();
    co_return;
  };
  model::Task<> task = program(bench);
  bench.run(task, hw::kRing1Cs);
  bench.queue.run_until(sim::Time::at(sim::Duration::milliseconds(1)));
  REQUIRE(bench.supervisor.entries.size() == 1);
  CHECK(bench.supervisor.entries[0].number == hw::kVectorGeneralProtection);
}

TEST_CASE("a system call whose kernel stack is not there changes nothing") {
  Bench bench;
  auto program = [](Bench& b) -> model::Task<> {
    model::Cpu& cpu = b.machine.running();
    cpu.set_ring1_stack(hw::kRing1Ds, 0x40000000);
    CHECK_FALSE(cpu.system_call_entry());
    CHECK(cpu.registers().cs == hw::kRing3Cs);
    CHECK(cpu.registers().ss == hw::kRing3Ds);
    CHECK(cpu.registers().esp == kUserStack);
    b.stop_here();
    co_return;
  };
  model::Task<> task = program(bench);
  bench.machine.physical_cpu(0).set_direct_gate({0x80, hw::kRing1Cs, 0});
  bench.run(task);
  bench.queue.run_until(sim::Time::at(sim::Duration::milliseconds(1)));
  CHECK(bench.supervisor.entries.empty());
}

TEST_CASE("the segments of rings 1 and 3 end where the hypervisor begins, whatever is mapped there") {
  static constexpr model::Footprint kFootprint{.first_page = hv::kHypervisorPrivate - hv::kPageSize, .pages = 2};
  for (const hv::u32 cs : {hw::kRing1Cs, hw::kRing3Cs}) {
    Bench bench;
    constexpr hv::u32 kAll = hv::kEntryPresent | hv::kEntryWritable | hv::kEntryUser | hv::kEntryLarge;
    for (hv::u32 slot = hv::kGuestDirectorySlots; slot < hv::kEntriesPerTable; ++slot) {
      bench.machine.physical_memory().frame(kDirectory).store(slot, kAll);
    }
    auto program = [](Bench& b) -> model::Task<> {
      model::Cpu& cpu = b.machine.running();
      hv::u32 word = 0;
      CHECK(cpu.write(hv::kHypervisorPrivate - 4, &word, 4));
      CHECK_FALSE(cpu.write(hv::kHypervisorPrivate - 3, &word, 4));
      CHECK_FALSE(cpu.read(hv::kHypervisorPrivate, &word, 4));
      CHECK_FALSE(cpu.write(0xfffffffc, &word, 4));
      co_await model::compute(b.machine, Cycles{10'000}, &kFootprint);
    };
    model::Task<> task = program(bench);
    bench.run(task, cs);
    bench.queue.run_until(sim::Time::at(sim::Duration::milliseconds(1)));
    REQUIRE(bench.supervisor.entries.size() == 1);
    CHECK(bench.supervisor.entries[0].number == hw::kVectorGeneralProtection);
  }
}

TEST_CASE("an IPI interrupts the other CPU after the machine's IPI latency") {
  Bench bench{2};
  auto sender = [](Bench& b, sim::Time& at) -> model::Task<> {
    co_await model::compute(b.machine, Cycles{5'000});
    b.machine.running().send_ipi(1);
    at = b.machine.running().now();
    b.stop_here();
  };
  sim::Time sent;
  model::Task<> task = sender(bench, sent);
  bench.machine.physical_cpu(1).start();
  bench.run(task);
  bench.queue.run_until(sim::Time::at(sim::Duration::milliseconds(1)));
  REQUIRE(bench.supervisor.entries.size() == 1);
  CHECK(bench.supervisor.entries[0].number == hw::kIpiLine);
  const sim::Clock& clock = bench.machine.clock();
  const Cycles due = clock.cycles_at(sent + bench.file.cpu.ipi_latency) + bench.file.cpu.interrupt_entry;
  CHECK(bench.supervisor.entries[0].cycle - due.count() <= 1);
  CHECK(bench.supervisor.entries[0].cycle - due.count() >= 0);
}

TEST_CASE("a CPU in a loop that takes no time is stopped instead of hanging") {
  Bench bench;
  auto program = [](Bench& b) -> model::Task<> {
    while (true) co_await model::interruptible(b.machine);
  };
  model::Task<> task = program(bench);
  bench.run(task);
  CHECK_THROWS_AS(bench.queue.run_until(sim::Time::at(sim::Duration::milliseconds(1))), model::BrokenInvariant);
}

}  // namespace

TEST_CASE("a sweep waits for every line that the cache lacks, once, and resumes where a page was missing") {
  Bench bench;
  constexpr hv::u32 kFirst =
      (16u << 20) - 2 * hv::kPageSize;  // the last two pages that are mapped, and two that are not
  const model::Sweep sweep{kFirst, 4 * hv::kPageSize, model::Use::read};
  std::vector<std::int64_t> waited;
  const auto waits = [](Bench& b) {
    return b.machine.physical_cpu(0).causes()[static_cast<std::size_t>(model::Cause::cache)].count();
  };
  auto program = [&](Bench& b) -> model::Task<> {
    for (int lap = 0; lap < 2; ++lap) {
      const std::int64_t before = waits(b);
      co_await model::compute(b.machine, Cycles{10}, {&sweep, 1});
      waited.push_back(waits(b) - before);
    }
    b.stop_here();
  };
  model::Task<> task = program(bench);
  bench.run(task);
  bench.queue.run_until(sim::Time::at(sim::Duration::milliseconds(2)));

  const std::int64_t line = bench.machine.clock().cycles_in(bench.file.memory.line_stream).count();
  const std::int64_t latency = bench.file.memory.latency.count();
  REQUIRE(waited.size() == 2);
  // 4 pages of 64 lines, the first of each not prefetched, and the line of the page directory that holds both slots.
  CHECK(waited[0] == 4 * (63 * line + latency) + latency);
  CHECK(waited[1] == 0);
  const auto faults = std::count_if(bench.supervisor.entries.begin(), bench.supervisor.entries.end(),
                                    [](const Entry& entry) { return entry.kind == 'e'; });
  CHECK(faults == 1);  // the supervisor maps all of the next 4 MB
}

TEST_CASE("a line written on one CPU is missed on the other") {
  Bench bench{2};
  const auto hits = [&](hv::CpuId id, model::Use use) {
    model::Cpu& cpu = bench.machine.physical_cpu(id);
    const auto before = cpu.causes()[static_cast<std::size_t>(model::Cause::cache)];
    REQUIRE(cpu.touch(0x5000, 1, use));
    return cpu.causes()[static_cast<std::size_t>(model::Cause::cache)] == before;
  };
  hits(0, model::Use::read);
  hits(1, model::Use::read);
  CHECK(hits(0, model::Use::read));
  CHECK(hits(1, model::Use::write));
  CHECK_FALSE(hits(0, model::Use::read));
  CHECK(hits(1, model::Use::read));
}

TEST_CASE("code and data have translations of their own") {
  Bench bench;
  model::Cpu& cpu = bench.machine.physical_cpu(0);
  const auto walked = [&](model::Use use) {
    const auto before = cpu.causes()[static_cast<std::size_t>(model::Cause::tlb)];
    REQUIRE(cpu.touch(0x5000, 1, use));
    return cpu.causes()[static_cast<std::size_t>(model::Cause::tlb)] != before;
  };
  CHECK(walked(model::Use::execute));
  CHECK(walked(model::Use::read));
  CHECK_FALSE(walked(model::Use::execute));
  CHECK_FALSE(walked(model::Use::read));
  cpu.invalidate_page(0x5000);
  CHECK(walked(model::Use::execute));
  CHECK(walked(model::Use::read));
}

TEST_CASE("every busy cycle has one cause") {
  Bench bench;
  const model::Sweep sweep{0x100000, 3 * hv::kPageSize, model::Use::write};
  auto program = [&](Bench& b) -> model::Task<> {
    for (int i = 0; i < 5; ++i) {
      co_await model::compute(b.machine, Cycles{12'345}, {&sweep, 1});
      co_await model::hypercall(b.machine, hv::Hypercall::sched_op, 1u);
    }
    b.stop_here();
  };
  model::Task<> task = program(bench);
  bench.run(task);
  bench.queue.run_until(sim::Time::at(sim::Duration::milliseconds(2)));
  Cycles busy, caused;
  const model::Accounts accounts = bench.machine.physical_cpu(0).accounts();
  for (std::size_t i = 1; i < accounts.size(); ++i) busy += accounts[i];
  for (const Cycles cause : bench.machine.physical_cpu(0).causes()) caused += cause;
  CHECK(busy == caused);
  CHECK(busy.count() > 5 * 12'345);
}

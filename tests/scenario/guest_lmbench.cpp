#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "support/guest_host.h"
#include "support/native_kernel.h"
#include "workloads/programs/lmbench/lmbench.h"

namespace {

using guest::System;
using guest::u32;
using sim::Duration;

using Results = std::map<std::string, double>;

Results run_lmbench(System system, std::vector<std::string> tests, std::uint32_t samples) {
  guest::GuestSpec guest;
  guest.name = "bench";
  guest.memory_bytes = 256ull << 20;
  guest.programs = {guest::LmbenchSettings{std::move(tests), samples, nullptr}};
  guest::Host host{test::host_of(system, {guest})};
  host.boot();
  for (int step = 0; step < 100 && !host.finished(); ++step) host.run_for(Duration::milliseconds(100));
  REQUIRE(host.finished());
  const auto broken = host.audit();
  CHECK_MESSAGE(!broken, broken.value_or(""));
  Results results;
  for (const guest::ProgramResult& result : host.results(0)) results[result.name.substr(8)] = result.value;
  return results;
}

// The most that was seen of a process whose text is one file of so many pages.
struct Shape {
  u32 pages = 0, areas = 0, tables = 0;
};

Shape observe(const std::string& test, u32 text_pages) {
  const model::MachineFile& machine = test::dell2650();
  guest::Lmbench lmbench{guest::LmbenchSettings{{test}, 1, nullptr}, sim::Clock{machine.cpu.clock}};
  test::NativeKernel native{{[&](guest::SystemCalls& calls) { return lmbench.run(calls); }}};
  Shape most;
  while (!lmbench.finished()) {
    native.run_for(Duration::microseconds(1));
    for (const auto& process : native.kernel().processes()) {
      if (!process->space) continue;
      const guest::AddressSpace& space = *process->space;
      const auto text = space.areas.find(guest::kProgramStart);
      if (text == space.areas.end() || text->second.end - text->second.start != text_pages * 4096) continue;
      most.pages = std::max(most.pages, space.present_pages);
      most.areas = std::max(most.areas, static_cast<u32>(space.areas.size()));
      most.tables = std::max(most.tables, static_cast<u32>(space.tables.size()));
    }
  }
  return most;
}

}  // namespace

TEST_CASE("every test of lmbench has a positive result on bare hardware and on the hypervisor, and is stable") {
  for (const System system : {System::native, System::xen}) {
    const Results once = run_lmbench(system, {}, 3), again = run_lmbench(system, {}, 5);
    for (const std::string& test : guest::lmbench_test_names()) {
      CAPTURE(test);
      CAPTURE(static_cast<int>(system));
      CHECK(once.at(test) > 0);
      // Where the pages of many processes lie decides what they take from each other in the cache.
      const bool placement = test.starts_with("8p") || test.starts_with("16p");
      CHECK(again.at(test) == doctest::Approx(once.at(test)).epsilon(placement ? 0.35 : 0.01));
    }
  }
}

TEST_CASE("what the CPUs spent an iteration on adds up to its time") {
  const Results results = run_lmbench(System::xen, {"null_call", "page_fault", "fork_proc"}, 1);
  for (const char* test : {"null_call", "page_fault", "fork_proc"}) {
    CAPTURE(test);
    double sum = 0;
    for (const auto& [name, cycles] : results) {
      if (name.starts_with(std::string{test} + '.')) sum += cycles;
    }
    CHECK(sum / 2400 == doctest::Approx(results.at(test)).epsilon(0.001));
  }
}

TEST_CASE("hello has 85 to 105 pages in 12 to 14 areas under 3 page tables") {
  const Shape hello = observe("exec_proc", 1);
  CHECK(hello.pages >= 85);
  CHECK(hello.pages <= 105);
  CHECK(hello.areas >= 12);
  CHECK(hello.areas <= 14);
  CHECK(hello.tables == 3);
}

TEST_CASE("the process that forks has 100 to 130 pages in 12 to 15 areas under 3 page tables") {
  const Shape parent = observe("fork_proc", guest::ProcessShapes::standard().bench.image.text_pages);
  CHECK(parent.pages >= 100);
  CHECK(parent.pages <= 130);
  CHECK(parent.areas >= 12);
  CHECK(parent.areas <= 15);
  CHECK(parent.tables == 3);
}

TEST_CASE("the shell has 280 to 400 pages in 18 to 30 areas under 3 page tables") {
  const Shape shell = observe("sh_proc", guest::ProcessShapes::standard().shell.image.text_pages);
  CHECK(shell.pages >= 280);
  CHECK(shell.pages <= 400);
  CHECK(shell.areas >= 18);
  CHECK(shell.areas <= 30);
  CHECK(shell.tables == 3);
}

TEST_CASE("a fork and an exit copy or take over 8 to 14 pages, each by one fault") {
  const auto& cpu = test::dell2650().cpu;
  const double fault = static_cast<double>((cpu.exception_entry + cpu.interrupt_return).count());
  // fork, wait, and the return and the exit of the child
  const double calls = 3 * static_cast<double>((cpu.system_call_entry + cpu.interrupt_return).count());
  const double faults = (run_lmbench(System::native, {"fork_proc"}, 1).at("fork_proc.crossing") - calls) / fault;
  CHECK(faults == doctest::Approx(std::round(faults)).epsilon(1e-6));
  CHECK(faults >= 8);
  CHECK(faults <= 14);
}

TEST_CASE("a test that lmbench does not have is told with those that it has") {
  guest::GuestSpec guest;
  guest.name = "bench";
  guest.memory_bytes = 64ull << 20;
  guest.programs = {guest::LmbenchSettings{{"null_cal"}, 1, nullptr}};
  CHECK_THROWS_WITH_AS(guest::Host{test::host_of(System::native, {guest})},
                       doctest::Contains("no test \"null_cal\" in lmbench; there is: null_call, null_I_O"),
                       guest::SpecError);
}

// What must hold of lmbench whatever the costs are: differences between systems come from what the systems do.
#include <doctest/doctest.h>

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "support/guest_host.h"
#include "workloads/kernel/path.h"

namespace {

using Changes = std::vector<std::pair<std::string, double>>;
using Times = std::map<std::string, double>;  // us per test

Times lmbench(guest::System system, const Changes& changes, const std::vector<std::string>& tests) {
  model::MachineFile machine = test::dell2650();
  guest::KernelFile kernel = guest::KernelFile::linux24();
  for (const auto& [key, value] : changes) {
    if (key.starts_with("kernel.")) {
      kernel.set(key, value);
    } else {
      machine.set(key, value);
    }
  }
  guest::GuestSpec guest;
  guest.name = "lmbench";
  guest.memory_bytes = 256u << 20;
  guest.programs = {guest::LmbenchSettings{.tests = tests}};
  guest::HostSpec spec = test::host_of(system, {guest});
  spec.machine = &machine;
  spec.kernel_file = &kernel;
  guest::Host host{spec};
  host.boot();
  while (!host.finished()) {
    REQUIRE(host.now().picoseconds() < 120'000'000'000'000);
    host.run_for(sim::Duration::milliseconds(10));
  }
  Times times;
  for (const guest::ProgramResult& result : host.results(0)) {
    if (result.unit == "us") times[result.name] = result.value;
  }
  return times;
}

// Everything that only the hypervisor does, and what its presence makes of TLB and cache.
Changes free_hypervisor() {
  Changes changes;
  // The core's paths.
  for (const model::ParameterEntry& entry : test::dell2650().entries()) {
    if (entry.key.starts_with("core.")) changes.emplace_back(entry.key, 0);
  }
  // Crossings: the hypercall's entry is the hypervisor's alone. Each entry of the hypervisor also returns, by the same
  // IRET as a native kernel: it is free on both systems.
  changes.emplace_back("cpu.hypercall_entry", 0);
  changes.emplace_back("memory.map_frame", 0);
  changes.emplace_back("cpu.locked_operation", 0);  // of the core's updates; a kernel for one CPU has none
  changes.emplace_back("cpu.interrupt_return", 0);
  // A native kernel turns interrupts off and on by CLI and STI; on Xen that is a store, and the faster one.
  changes.emplace_back("cpu.disable_interrupts", 0);
  changes.emplace_back("cpu.enable_interrupts", 0);
  // Single operations: the two kernels need them in different numbers (TS and segments at a switch, CR3 or INVLPG for a
  // flush), so they are free on both systems.
  for (const char* key : {"cpu.load_cr3", "cpu.invalidate_page", "cpu.load_segment", "cpu.set_task_switched",
                          "cpu.load_descriptor_table"}) {
    changes.emplace_back(key, 0);
  }
  // What the guest does for it.
  changes.emplace_back("kernel.update_queue.instructions", 0);
  changes.emplace_back("kernel.event_dispatch.instructions", 0);
  // The hypervisor copies requests and frames, and a page table that one port clears the other may have kept.
  changes.emplace_back("memory.copy_cached", 0);
  changes.emplace_back("memory.zero_page_cached", 0);
  changes.emplace_back("memory.zero_page_uncached", 0);
  // The guest's kernel is mapped in 4 KB pages that are not global, the native one in global pages of 4 MB, and the
  // hypervisor's own lines displace others: page walks and cache lines are free on both systems.
  for (const char* key :
       {"tlb.walk", "tlb.level", "tlb.bit_update", "memory.latency", "memory.line_refill", "memory.line_stream"}) {
    changes.emplace_back(key, 0);
  }
  return changes;
}

const std::vector<std::string> kWithoutMappings{"null_call", "null_I_O", "stat", "open_close", "sig_inst"};

}  // namespace

TEST_CASE("with all costs of the hypervisor zero, every cell of Xen is that of native Linux within 1 %") {
  const std::vector<std::string> tests{"null_call", "null_I_O",     "stat",       "open_close", "sig_inst",  "sig_hndl",
                                       "fork_proc", "mmap_latency", "prot_fault", "page_fault", "exec_proc", "2p_0K"};
  const Times native = lmbench(guest::System::native, free_hypervisor(), tests);
  const Times xen = lmbench(guest::System::xen, free_hypervisor(), tests);
  REQUIRE(native.size() == tests.size());
  for (const auto& [test, time] : native) {
    const std::string& name = test;  // clang 14 captures no binding
    CAPTURE(name);
    CHECK(xen.at(name) == doctest::Approx(time).epsilon(0.01));
  }
}

TEST_CASE("page walks that take twice as long slow down what refills the TLB, and nothing else") {
  const model::ParameterEntry& walk = *test::dell2650().find("tlb.walk");
  const model::ParameterEntry& level = *test::dell2650().find("tlb.level");
  const Changes twice{{walk.key, 2 * walk.value}, {level.key, 2 * level.value}};
  const std::vector<std::string> refilling{"fork_proc", "mmap_latency", "page_fault", "2p_0K"};
  std::vector<std::string> tests = kWithoutMappings;
  tests.insert(tests.end(), refilling.begin(), refilling.end());
  for (const guest::System system : {guest::System::native, guest::System::xen}) {
    const Times before = lmbench(system, {}, tests);
    const Times after = lmbench(system, twice, tests);
    for (const std::string& name : kWithoutMappings) {
      CAPTURE(name);
      CHECK(after.at("lmbench." + name) == doctest::Approx(before.at("lmbench." + name)).epsilon(0.001));
    }
    for (const std::string& name : refilling) {
      CAPTURE(name);
      CHECK(after.at("lmbench." + name) > 1.005 * before.at("lmbench." + name));
    }
  }
}

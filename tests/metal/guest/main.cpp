// The test kernel's start: which program it runs is an option of the command line.
#include "metal/guest/kernel.h"
#include "metal/guest/programs.h"

namespace {

// Of domain 0: they end the run with a verdict.
struct Program {
  const char* name;
  hv::u32 (*run)();
};
constexpr Program kPrograms[] = {{"tour", guest::tour},       {"shares", guest::shares},
                                 {"attack", guest::attack},   {"sequence", guest::run_sequence},
                                 {"devices", guest::devices}, {"recursion", guest::recursion}};

}  // namespace

extern "C" void guest_main(const hv::StartInfo* info) {
  using namespace guest;
  start_info = info;
  set_up_kernel();
  if (option_is("run", "compute")) compute();
  if (option_is("run", "second")) second();
  if (option_is("run", "attacker")) attacker();
  if (option_is("run", "doomed")) doomed();
  if (option_is("run", "device_attacker")) device_attacker();
  if (option_is("run", "device_domain")) device_domain();
  for (const Program& program : kPrograms) {
    if (!option_is("run", program.name)) continue;
    const u32 failed = program.run();
    Line{} << "verdict " << program.name << ": " << (failed == 0 ? "passed" : "FAILED");
    shut_down(failed);
  }
  Line{} << "no program of that name: " << command_line();
  shut_down(1);
}

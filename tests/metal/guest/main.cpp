// The test kernel's start: which program it runs is an option of the command line.
#include "metal/guest/kernel.h"
#include "metal/guest/programs.h"

extern "C" void guest_main(const hv::StartInfo* info) {
  using namespace guest;
  start_info = info;
  set_up_kernel();
  if (option_is("run", "hello")) {
    Line{} << "hello from ring 1, " << info->pages << " pages";
    shut_down(0);
  }
  Line{} << "no program of that name: " << command_line();
  shut_down(1);
}

#include "model/execution.h"

namespace model {

bool hypercall::await_suspend(std::coroutine_handle<> here) {
  Cpu& cpu = place_.machine().running();
  const hv::u32 place = place_.suspend(here);
  hw::Registers& registers = cpu.registers();
  registers.eax = static_cast<hv::u32>(number_);
  registers.ebx = arguments_[0];
  registers.ecx = arguments_[1];
  registers.edx = arguments_[2];
  registers.esi = arguments_[3];
  registers.edi = arguments_[4];
  cpu.trap_hypercall();
  if (registers.eip != place) return true;  // the CPU was given to somebody else, or an event comes first
  if (cpu.is_ahead()) return true;  // of others' events: one may interrupt here, however many calls are made in a row
  place_.machine().code().release(place);
  return false;
}

}  // namespace model

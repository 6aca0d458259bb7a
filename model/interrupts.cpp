#include "model/interrupts.h"

namespace model {

void InterruptRouter::route(hv::u32 line, hv::CpuId cpu) {
  Line& l = state(line);
  if (l.cpu == cpu) return;
  if (l.pending()) signal_(l.cpu, line, false);
  l.cpu = cpu;
  if (l.pending()) signal_(l.cpu, line, true);
}

void InterruptRouter::mask(hv::u32 line) {
  Line& l = state(line);
  if (l.pending()) signal_(l.cpu, line, false);
  l.masked = true;
}

void InterruptRouter::unmask(hv::u32 line) {
  Line& l = state(line);
  if (!l.masked) return;
  l.masked = false;
  if (l.pending()) signal_(l.cpu, line, true);
}

void InterruptRouter::assert_line(hv::u32 line) {
  Line& l = state(line);
  if (l.asserted) return;
  l.asserted = true;
  if (l.pending()) signal_(l.cpu, line, true);
}

void InterruptRouter::deassert_line(hv::u32 line) {
  Line& l = state(line);
  if (l.pending()) signal_(l.cpu, line, false);
  l.asserted = false;
}

void InterruptRouter::end_of_interrupt(hv::u32 line) {
  const Line& l = state(line);
  if (l.pending()) signal_(l.cpu, line, true);
}

}  // namespace model

#include "metal/guest/attempts.h"

namespace guest {

namespace {

u32 own_frames[kFrames / 32 + 1];

}  // namespace

void Attempts::report(const char* what, bool stopped, const char* by, u32 number) {
  ++made_;
  if (!stopped) ++succeeded_;
  Line line;
  line << (stopped ? "  stopped " : "  SUCCESS ");
  for (; *what != '\0'; ++what) {  // registers in assembly have two percent signs
    const char one[] = {*what, '\0'};
    if (what[0] != '%' || what[1] != '%') line << one;
  }
  if (!stopped) return;
  line << ": " << by;
  if (number != ~0u) line.hex(number);
}

void Attempts::instruction(const char* what, void (*code)()) {
  const bool faulted = !try_code(code);
  report(what, faulted && (last_trap.vector == 13 || last_trap.vector == 14 || last_trap.vector == 12), "exception 0x",
         last_trap.vector);
}

void Attempts::load(const char* what, u32 address) {
  u32 value;
  const bool faulted = !try_load(address, &value);
  report(what, faulted, "exception 0x", last_trap.vector);
}

void Attempts::store(const char* what, u32 address) {
  const bool faulted = !try_store(address, 0x66666666);
  report(what, faulted, "exception 0x", last_trap.vector);
}

u32 Attempts::end(u32 expected) {
  Line{} << made_ << " attempts, " << succeeded_ << " succeeded";
  return succeeded_ == 0 && made_ == expected ? 0 : 1;
}

bool own_frame(u32 frame) { return (own_frames[frame / 32] >> frame % 32 & 1) != 0; }

void note_own_frame(u32 frame) { own_frames[frame / 32] |= 1u << frame % 32; }

void note_own_frames() {
  for (u32 page = 0; page < start_info->pages; ++page) note_own_frame(frame_of_page(page));
  note_own_frame(start_info->shared_info >> kPageShift);
}

}  // namespace guest

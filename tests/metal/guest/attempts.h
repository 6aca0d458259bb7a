// Attempts of a domain that attacks: each is a line that says what stopped it.
#pragma once

#include "metal/guest/kernel.h"

namespace guest {

class Attempts {
 public:
  void report(const char* what, bool stopped, const char* by, u32 number = ~0u);
  // A hypercall, which must be refused.
  void refused(const char* what, s32 result) { report(what, result < 0, "error -0x", static_cast<u32>(-result)); }
  // An instruction, which must fault.
  void instruction(const char* what, void (*code)());
  void load(const char* what, u32 address);
  void store(const char* what, u32 address);

  // What the domain shuts down with: 0 if there were as many as there should be and all were stopped.
  u32 end(u32 expected);

 private:
  u32 made_ = 0, succeeded_ = 0;
};

// Frames up to the end of memory and a bit beyond; f is called with each that is not this domain's.
inline constexpr u32 kFrames = 6200;
void note_own_frame(u32 frame);
void note_own_frames();  // those of its pages, and the shared-info page
bool own_frame(u32 frame);
template <class F>
void for_each_foreign_frame(F f) {
  for (u32 frame = 0; frame < kFrames; ++frame)
    if (!own_frame(frame)) f(frame);
}

}  // namespace guest

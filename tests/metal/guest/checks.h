// Checks of a test program: each says what it saw, and failures are counted.
#pragma once

#include "metal/guest/kernel.h"

namespace guest {

class Checks {
 public:
  void that(bool good, const char* what) {
    Line{} << (good ? "  ok      " : "  FAILED  ") << what;
    failed_ += good ? 0 : 1;
    ++made_;
  }
  // A hypercall's result, which is printed when it is another.
  void result(s32 got, s32 wanted, const char* what) {
    if (got == wanted) return that(true, what);
    that(false, what);
    Line{} << "          result " << got << ", expected " << wanted;
  }
  u32 failed() const { return failed_; }
  u32 made() const { return made_; }

 private:
  u32 failed_ = 0, made_ = 0;
};

inline constexpr s32 kNotPermitted = -1, kNoSuchDomain = -3, kNoMemory = -12, kBadAddress = -14, kNoDevice = -19,
                     kInvalid = -22, kNotImplemented = -38;

}  // namespace guest

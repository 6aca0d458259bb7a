// Lines on the machine's console, without a formatting library.
#pragma once

#include "base/types.h"
#include "hardware/machine.h"

namespace hv {

class ConsoleLine {
 public:
  explicit ConsoleLine(hw::Console& console) : console_{console} {}

  ConsoleLine& text(const char* text) {
    while (*text != '\0') put(*text++);
    return *this;
  }
  ConsoleLine& text(const char* text, u32 bytes) {
    for (u32 i = 0; i < bytes; ++i) put(text[i]);
    return *this;
  }
  ConsoleLine& number(u32 value) {
    char digits[10];
    u32 count = 0;
    do digits[count++] = static_cast<char>('0' + value % 10);
    while ((value /= 10) != 0);
    while (count != 0) put(digits[--count]);
    return *this;
  }
  ConsoleLine& hexadecimal(u32 value) {
    text("0x");
    for (u32 shift = 32; shift != 0;) put("0123456789abcdef"[value >> (shift -= 4) & 15]);
    return *this;
  }
  void end() {
    put('\n');
    console_.write(buffer_, used_);
    used_ = 0;
  }

 private:
  void put(char c) {  // what does not fit is cut off, the end of line never
    if (used_ + 1 < sizeof buffer_ || c == '\n') buffer_[used_++] = c;
  }

  hw::Console& console_;
  char buffer_[320];
  u32 used_ = 0;
};

}  // namespace hv

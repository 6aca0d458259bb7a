// What the boot loader says: how much memory there is, and the command line. "name=number" options are metal's; the
// whole line is handed on to domain 0.
#pragma once

#include "base/types.h"

namespace metal {

class BootInformation {
 public:
  // `magic` and `information` as multiboot passes them. False: loaded by something else.
  bool read(hv::u32 magic, hv::u32 information);

  hv::u32 memory_kilobytes() const { return memory_kilobytes_; }
  const char* command_line() const { return line_; }
  // Of "name=1234"; `otherwise` when it is not there.
  hv::u32 number(const char* name, hv::u32 otherwise) const;
  // Copies the word of "name=word" into `to`, ended by 0. False: not there.
  bool word(const char* name, char* to, hv::u32 bytes) const;

  static constexpr hv::u32 kLineBytes = 512;

 private:
  const char* find(const char* name) const;

  hv::u32 memory_kilobytes_ = 0;
  char line_[kLineBytes] = {};
};

}  // namespace metal

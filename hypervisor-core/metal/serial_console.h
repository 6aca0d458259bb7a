// The console: port 0xe9, which both emulators print, and the first serial line for everything else.
#pragma once

#include "hardware/machine.h"

namespace metal {

class SerialConsole final : public hw::Console {
 public:
  void write(const char* text, hv::u32 bytes) override;
};

}  // namespace metal

#include "metal/serial_console.h"

#include "metal/ports.h"

namespace metal {

namespace {

constexpr u16 kDebugPort = 0xe9;  // reads as itself where it exists

}  // namespace

void SerialConsole::write(const char* text, u32 bytes) {
  if (in8(kDebugPort) == kDebugPort) return out8s(kDebugPort, text, bytes);
  constexpr u16 kSerial = 0x3f8, kStatus = kSerial + 5;
  constexpr u8 kRoom = 0x20;
  for (u32 i = 0; i < bytes; ++i) {
    while ((in8(kStatus) & kRoom) == 0) {
    }
    out8(kSerial, static_cast<u8>(text[i]));
  }
}

}  // namespace metal

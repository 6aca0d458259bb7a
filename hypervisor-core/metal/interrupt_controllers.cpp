#include "metal/interrupt_controllers.h"

#include "metal/descriptors.h"
#include "metal/ports.h"

namespace metal {

namespace {

constexpr u16 kFirst = 0x20, kSecond = 0xa0;  // command ports; data behind each
constexpr u32 kCascade = 2;                   // input of the first that the second is at
constexpr u8 kEndOfInterrupt = 0x20, kReadInService = 0x0b;

}  // namespace

void InterruptControllers::start() {
  for (const u16 port : {kFirst, kSecond}) {
    const bool first = port == kFirst;
    const auto data = static_cast<u16>(port + 1);
    out8(port, 0x11);  // edges, two controllers, four words of set-up
    out8(data, static_cast<u8>(first ? kDeviceVector : kDeviceVector + 8));
    out8(data, first ? 1 << kCascade : kCascade);
    out8(data, 0x01);  // 8086
  }
  write_masks();
}

void InterruptControllers::write_masks() {
  const u32 masks = masks_ & ~(1u << kCascade);
  out8(kFirst + 1, static_cast<u8>(masks));
  out8(kSecond + 1, static_cast<u8>(masks >> 8));
}

void InterruptControllers::mask(u32 line) {
  masks_ |= 1u << (line - hw::kFirstDeviceLine);
  write_masks();
}

void InterruptControllers::unmask(u32 line) {
  masks_ &= ~(1u << (line - hw::kFirstDeviceLine));
  write_masks();
}

bool InterruptControllers::really(u32 input) {
  if ((input & 7) != 7) return true;
  const u16 port = input < 8 ? kFirst : kSecond;
  out8(port, kReadInService);
  if ((in8(port) & 0x80) != 0) return true;
  if (port == kSecond) out8(kFirst, kEndOfInterrupt);  // the cascade's was one
  return false;
}

void InterruptControllers::end_of_interrupt(u32 input) {
  if (input >= 8) out8(kSecond, kEndOfInterrupt);
  out8(kFirst, kEndOfInterrupt);
}

}  // namespace metal

#include "model/memory.h"

#include <algorithm>
#include <cstring>

namespace model {

namespace {

hv::u32 frame_of(hv::u32 address) { return address >> hv::kPageShift; }
hv::u32 word_of(hv::u32 address) { return address % hv::kPageSize / 4; }

}  // namespace

PhysicalMemory::PhysicalMemory(hv::u32 frames, std::function<void()> on_map)
    : frames_(frames), on_map_{std::move(on_map)} {}

hw::Words PhysicalMemory::frame(hv::MachineFrame frame) { return hw::Words{contents_of(frame.number()).data()}; }

hw::Words PhysicalMemory::window(hv::MachineFrame wanted) {
  if (window_ != wanted) {
    window_ = wanted;
    on_map_();
  }
  return frame(wanted);
}

PhysicalMemory::Contents& PhysicalMemory::contents_of(hv::u32 number) {
  std::unique_ptr<Contents>& contents = frames_.at(number);
  if (!contents) {
    contents = std::make_unique<Contents>();
    ++resident_frames_;
  }
  return *contents;
}

void PhysicalMemory::zero(hv::MachineFrame frame) { zero_bytes(frame.address(), hv::kPageSize); }

void PhysicalMemory::store(hv::u32 address, hv::u32 value) {
  const hv::u32 number = frame_of(address);
  if (number >= frames_.size()) return;
  if (value == 0 && !frames_[number]) return;
  contents_of(number)[word_of(address)] = value;
}

bool PhysicalMemory::compare_exchange(hv::u32 address, hv::u32& expected, hv::u32 desired) {
  const hv::u32 present = load(address);
  if (present != expected) {
    expected = present;
    return false;
  }
  store(address, desired);
  return true;
}

// memmove, because g++ makes of a memcpy that it knows to be short a string instruction, which takes longer to begin
// than these are long.
void PhysicalMemory::read_any(hv::u32 address, void* to, hv::u32 bytes) const {
  auto* destination = static_cast<unsigned char*>(to);
  while (bytes > 0) {
    const hv::u32 offset = address % hv::kPageSize;
    const hv::u32 here = std::min(bytes, hv::kPageSize - offset);
    const hv::u32 number = frame_of(address);
    if (number >= frames_.size()) {
      std::memset(destination, 0xff, here);
    } else if (const Contents* contents = frames_[number].get()) {
      std::memmove(destination, reinterpret_cast<const unsigned char*>(contents->data()) + offset, here);
    } else {
      std::memset(destination, 0, here);
    }
    address += here;
    destination += here;
    bytes -= here;
  }
}

void PhysicalMemory::write_any(hv::u32 address, const void* from, hv::u32 bytes) {
  const auto* source = static_cast<const unsigned char*>(from);
  while (bytes > 0) {
    const hv::u32 offset = address % hv::kPageSize;
    const hv::u32 here = std::min(bytes, hv::kPageSize - offset);
    const hv::u32 number = frame_of(address);
    if (number < frames_.size()) {
      std::memmove(reinterpret_cast<unsigned char*>(contents_of(number).data()) + offset, source, here);
    }
    address += here;
    source += here;
    bytes -= here;
  }
}

void PhysicalMemory::zero_bytes(hv::u32 address, hv::u32 bytes) {
  while (bytes > 0) {
    const hv::u32 offset = address % hv::kPageSize;
    const hv::u32 here = std::min(bytes, hv::kPageSize - offset);
    const hv::u32 number = frame_of(address);
    if (number < frames_.size() && frames_[number]) {
      std::memset(reinterpret_cast<unsigned char*>(frames_[number]->data()) + offset, 0, here);
    }
    address += here;
    bytes -= here;
  }
}

}  // namespace model

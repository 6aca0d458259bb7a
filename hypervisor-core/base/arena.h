// Memory given to the core at boot, handed out once and never taken back.
//
// Tables are carved from it while booting and when a domain slot is used for the first time, so the core has no
// heap. What is taken is counted: the per-domain figure that the paper puts at 20 kB is read from here.
#pragma once

#include <new>

#include "base/types.h"

namespace hv {

class Arena {
 public:
  constexpr Arena() = default;
  Arena(void* memory, u64 bytes) : next_{static_cast<u8*>(memory)}, left_{bytes} {}

  // Zeroed room for `count` objects, default-constructed; null when the arena is used up.
  template <class T>
  T* make(u64 count = 1) {
    void* room = take(sizeof(T) * count, alignof(T));
    if (room == nullptr) return nullptr;
    T* first = static_cast<T*>(room);
    for (u64 i = 0; i < count; ++i) new (static_cast<void*>(first + i)) T();
    return first;
  }

  // One object, constructed with `arguments`; null when the arena is used up.
  template <class T, class... Arguments>
  T* construct(Arguments&&... arguments) {
    void* room = take(sizeof(T), alignof(T));
    return room == nullptr ? nullptr : new (room) T(static_cast<Arguments&&>(arguments)...);
  }

  u64 taken() const { return taken_; }

 private:
  void* take(u64 bytes, u64 alignment) {
    const u64 misaligned = reinterpret_cast<std::uintptr_t>(next_) % alignment;
    const u64 padding = misaligned == 0 ? 0 : alignment - misaligned;
    if (padding + bytes > left_) return nullptr;
    u8* room = next_ + padding;
    next_ += padding + bytes;
    left_ -= padding + bytes;
    taken_ += padding + bytes;
    return room;
  }

  u8* next_ = nullptr;
  u64 left_ = 0;
  u64 taken_ = 0;
};

}  // namespace hv

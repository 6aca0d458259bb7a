// Machine memory as the core reaches it.
#pragma once

#include <atomic>

#include "base/types.h"

namespace hw {

using namespace hv;  // NOLINT

// The 1024 words of one machine frame. Loads and stores are relaxed atomics, because the MMU (and on metal another
// CPU) sets accessed and dirty bits in page tables between two looks; a bare pointer read could be folded.
// Valid until the next call of Memory::window() if they come from there, else for ever.
class Words {
 public:
  constexpr Words() = default;
  constexpr explicit Words(u32* first) : first_{first} {}
  u32 load(u32 index) const { return std::atomic_ref<u32>(first_[index]).load(std::memory_order_relaxed); }
  void store(u32 index, u32 value) const {
    std::atomic_ref<u32>(first_[index]).store(value, std::memory_order_relaxed);
  }
  // Stores `desired` if the word still is `expected`; else puts what it is into `expected` and returns false.
  bool compare_exchange(u32 index, u32& expected, u32 desired) const {
    return std::atomic_ref<u32>(first_[index]).compare_exchange_strong(expected, desired, std::memory_order_relaxed);
  }
  // Sets `bits`, returns the word as it was before: the locked bit operations of event delivery.
  u32 fetch_or(u32 index, u32 bits) const {
    return std::atomic_ref<u32>(first_[index]).fetch_or(bits, std::memory_order_relaxed);
  }
  u32 fetch_and(u32 index, u32 bits) const {
    return std::atomic_ref<u32>(first_[index]).fetch_and(bits, std::memory_order_relaxed);
  }

 private:
  u32* first_ = nullptr;
};

class Memory {
 public:
  virtual u32 frame_count() const = 0;  // frames of RAM; numbers 0 .. frame_count - 1
  // A frame that the hypervisor has mapped for good: its own, and those it shares with a domain. Below frame_count.
  virtual Words frame(MachineFrame frame) = 0;
  // Any other frame, such as a domain's page table: the hypervisor's 64 MB cannot map all of memory, so it is mapped
  // when it is another one than the last, and stays until the next.
  virtual Words window(MachineFrame frame) = 0;
  virtual void zero(MachineFrame frame) = 0;

 protected:
  ~Memory() = default;
};

}  // namespace hw

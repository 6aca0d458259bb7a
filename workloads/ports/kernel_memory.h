// The kernel's own memory as the MMU sees it, for what it shares with
// the hypervisor or a device: rings, tables, argument blocks.
#pragma once

#include <type_traits>

#include "workloads/kernel/kernel.h"

namespace guest {

class KernelMemory {
 public:
  explicit KernelMemory(Kernel& kernel) : kernel_{kernel} {}

  void read(u32 address, void* to, u32 bytes) {
    if (!kernel_.cpu().read(address, to, bytes)) kernel_.panic("its own memory is not mapped");
  }
  void write(u32 address, const void* from, u32 bytes) {
    if (!kernel_.cpu().write(address, from, bytes)) kernel_.panic("its own memory is not mapped writable");
  }
  template <class T>
  T get(u32 address) {
    static_assert(std::is_trivially_copyable_v<T>);
    T value;
    read(address, &value, sizeof value);
    return value;
  }
  template <class T>
  void put(u32 address, const T& value) {
    static_assert(std::is_trivially_copyable_v<T>);
    write(address, &value, sizeof value);
  }
  u32 load(u32 address) { return get<u32>(address); }
  void store(u32 address, u32 value) { put(address, value); }

 private:
  Kernel& kernel_;
};

}  // namespace guest

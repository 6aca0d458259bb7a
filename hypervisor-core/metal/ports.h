// Instructions of ring 0 that C++ has no words for.
#pragma once

#include "base/types.h"

namespace metal {

using namespace hv;  // NOLINT: metal speaks the core's words

inline void out8(u16 port, u8 value) { asm volatile("outb %0, %1" ::"a"(value), "Nd"(port)); }
inline u8 in8(u16 port) {
  u8 value;
  asm volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
  return value;
}
inline u16 in16(u16 port) {
  u16 value;
  asm volatile("inw %1, %0" : "=a"(value) : "Nd"(port));
  return value;
}
inline void out16(u16 port, u16 value) { asm volatile("outw %0, %1" ::"a"(value), "Nd"(port)); }
inline void in16s(u16 port, void* to, u32 words) {
  asm volatile("rep insw" : "+D"(to), "+c"(words) : "d"(port) : "memory");
}
inline void out16s(u16 port, const void* from, u32 words) {
  asm volatile("rep outsw" : "+S"(from), "+c"(words) : "d"(port) : "memory");
}
inline void out8s(u16 port, const void* from, u32 bytes) {
  asm volatile("rep outsb" : "+S"(from), "+c"(bytes) : "d"(port) : "memory");
}

inline u64 read_tsc() {
  u32 low, high;
  asm volatile("rdtsc" : "=a"(low), "=d"(high));
  return join_words(low, high);
}
inline void invalidate(u32 address) { asm volatile("invlpg (%0)" ::"r"(address) : "memory"); }
inline u32 read_cr0() {
  u32 value;
  asm volatile("movl %%cr0, %0" : "=r"(value));
  return value;
}
inline void write_cr0(u32 value) { asm volatile("movl %0, %%cr0" ::"r"(value) : "memory"); }
inline u32 read_cr2() {
  u32 value;
  asm volatile("movl %%cr2, %0" : "=r"(value));
  return value;
}
inline void write_cr3(u32 value) { asm volatile("movl %0, %%cr3" ::"r"(value) : "memory"); }
inline u32 read_cr4() {
  u32 value;
  asm volatile("movl %%cr4, %0" : "=r"(value));
  return value;
}
inline void write_cr4(u32 value) { asm volatile("movl %0, %%cr4" ::"r"(value) : "memory"); }

}  // namespace metal

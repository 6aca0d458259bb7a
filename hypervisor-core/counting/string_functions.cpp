// The memory functions that the core's compiler calls, as a 32-bit kernel has them: string instructions. The C
// library's own choose by the host's processor, so counts would differ from machine to machine.
#include <cstddef>

extern "C" {

void* memcpy(void* to, const void* from, std::size_t bytes) {
  void* destination = to;
  std::size_t words = bytes / 4, rest = bytes % 4;
  asm volatile("rep movsl" : "+D"(destination), "+S"(from), "+c"(words)::"memory");
  asm volatile("rep movsb" : "+D"(destination), "+S"(from), "+c"(rest)::"memory");
  return to;
}

void* memset(void* to, int value, std::size_t bytes) {
  void* destination = to;
  std::size_t words = bytes / 4, rest = bytes % 4;
  asm volatile("rep stosl"
               : "+D"(destination), "+c"(words)
               : "a"(0x01010101u * static_cast<unsigned char>(value))
               : "memory");
  asm volatile("rep stosb" : "+D"(destination), "+c"(rest) : "a"(value) : "memory");
  return to;
}
}

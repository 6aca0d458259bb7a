// The memory functions that the compiler calls, beside memcpy and memset of counting/string_functions.cpp.
#include <cstddef>

extern "C" {

void* memmove(void* to, const void* from, std::size_t bytes) {
  auto* destination = static_cast<unsigned char*>(to);
  const auto* source = static_cast<const unsigned char*>(from);
  if (destination <= source) {
    while (bytes-- != 0) *destination++ = *source++;
  } else {
    while (bytes-- != 0) destination[bytes] = source[bytes];
  }
  return to;
}

int memcmp(const void* a, const void* b, std::size_t bytes) {
  const auto* left = static_cast<const unsigned char*>(a);
  const auto* right = static_cast<const unsigned char*>(b);
  for (; bytes != 0; --bytes, ++left, ++right)
    if (*left != *right) return *left - *right;
  return 0;
}
}

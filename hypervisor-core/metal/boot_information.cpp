#include "metal/boot_information.h"

#include "metal/layout.h"

namespace metal {

namespace {

constexpr u32 kLoaderMagic = 0x2badb002;
constexpr u32 kHasMemory = 1, kHasLine = 4;  // flags
constexpr u32 kMemoryUpper = 2, kLine = 4;   // words

}  // namespace

bool BootInformation::read(u32 magic, u32 information) {
  if (magic != kLoaderMagic) return false;
  const u32* words = at_linear<u32>(information);
  if ((words[0] & kHasMemory) == 0) return false;
  memory_kilobytes_ = 1024 + words[kMemoryUpper];
  if ((words[0] & kHasLine) != 0) {
    const char* line = at_linear<char>(kHypervisorPrivate + words[kLine]);
    for (u32 i = 0; i + 1 < kLineBytes && line[i] != '\0'; ++i) line_[i] = line[i];
  }
  return true;
}

const char* BootInformation::find(const char* name) const {
  for (const char* at = line_; *at != '\0'; ++at) {
    if (at != line_ && at[-1] != ' ') continue;
    u32 i = 0;
    while (name[i] != '\0' && at[i] == name[i]) ++i;
    if (name[i] == '\0' && at[i] == '=') return at + i + 1;
  }
  return nullptr;
}

u32 BootInformation::number(const char* name, u32 otherwise) const {
  const char* digit = find(name);
  if (digit == nullptr || *digit < '0' || *digit > '9') return otherwise;
  u32 value = 0;
  for (; *digit >= '0' && *digit <= '9'; ++digit) value = value * 10 + static_cast<u32>(*digit - '0');
  return value;
}

bool BootInformation::word(const char* name, char* to, u32 bytes) const {
  const char* from = find(name);
  if (from == nullptr) return false;
  u32 i = 0;
  for (; i + 1 < bytes && from[i] != '\0' && from[i] != ' '; ++i) to[i] = from[i];
  to[i] = '\0';
  return true;
}

}  // namespace metal

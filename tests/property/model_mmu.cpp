// Random page tables, random accesses: the MMU, and the TLB in front of it, against a walker written from the manual's
// sentences with ordinary arithmetic, on its own copy of the memory.
#include "model/mmu.h"

#include <doctest/doctest.h>

#include <random>
#include <vector>

#include "model/tlb.h"

namespace {

using hv::u32;

constexpr u32 kFrames = 24, kDirectory = 0;

struct Expected {
  bool ok = false;
  u32 machine_address = 0;
  u32 error_code = 0;
};

// Words of the first kFrames frames. Sets accessed and dirty bits in place.
class NaiveWalker {
 public:
  explicit NaiveWalker(std::vector<u32>& words) : words_{words} {}

  Expected access(u32 address, bool write, bool user) {
    const u32 code = (write ? 2 : 0) + (user ? 4 : 0);
    u32& pde = words_[kDirectory * 1024 + address / (4096 * 1024)];
    if (pde % 2 == 0) return {.error_code = code};
    if (pde / 128 % 2 == 1) {  // PS
      if (!allowed(pde, pde, write, user)) return {.error_code = code + 1};
      pde |= 0x20;
      if (write) pde |= 0x40;
      return {.ok = true, .machine_address = pde / 0x400000 * 0x400000 + address % 0x400000};
    }
    const u32 table = pde / 4096;
    u32 none = 0xffffffff;  // what an address without RAM reads as
    u32& pte = table < kFrames ? words_[table * 1024 + address / 4096 % 1024] : none;
    if (pte % 2 == 0) return {.error_code = code};
    if (!allowed(pde, pte, write, user)) return {.error_code = code + 1};
    pde |= 0x20;
    pte |= 0x20;
    if (write) pte |= 0x40;
    return {.ok = true, .machine_address = pte / 4096 * 4096 + address % 4096};
  }

 private:
  static bool allowed(u32 pde, u32 pte, bool write, bool user) {
    const bool writable = pde / 2 % 2 == 1 && pte / 2 % 2 == 1, users = pde / 4 % 2 == 1 && pte / 4 % 2 == 1;
    return (!user || users) && (!write || writable);
  }
  std::vector<u32>& words_;
};

// Few slots, mostly present, pointing at frames inside and sometimes outside RAM; tables may be anything, the
// directory too.
std::vector<u32> random_words(std::mt19937& random) {
  std::vector<u32> words(kFrames * 1024, 0);
  for (u32 frame = 0; frame < kFrames; ++frame) {
    for (u32 slot = 0; slot < 8; ++slot) {
      u32 entry = random() & 0x1ff;
      if (random() % 4 != 0) entry |= 7;
      if (random() % 8 != 0) entry &= ~0x80u;
      const u32 target =
          random() % 16 == 0 ? static_cast<u32>(random() % 0x100000) : static_cast<u32>(random() % kFrames);
      words[frame * 1024 + slot] = entry | target << 12;
    }
  }
  return words;
}

u32 random_address(std::mt19937& random) {
  return static_cast<u32>(random() % 8 << 22 | random() % 9 << 12 | random() % 4096);
}

model::PhysicalMemory memory_of(const std::vector<u32>& words) {
  model::PhysicalMemory memory{kFrames};
  for (u32 i = 0; i < words.size(); ++i) memory.store(i * 4, words[i]);
  return memory;
}

bool same(const model::PhysicalMemory& memory, const std::vector<u32>& words) {
  for (u32 i = 0; i < words.size(); ++i) {
    if (memory.load(i * 4) != words[i]) return false;
  }
  return true;
}

}  // namespace

TEST_CASE("100 000 random accesses translate, fault and mark entries as the manual says") {
  int translated = 0;
  for (unsigned seed = 0; seed < 500; ++seed) {
    std::mt19937 random{seed};
    std::vector<u32> words = random_words(random);
    model::PhysicalMemory memory = memory_of(words);
    NaiveWalker naive{words};
    for (int i = 0; i < 200; ++i) {
      const u32 address = random_address(random);
      const bool write = random() % 2 == 0, user = random() % 2 == 0;
      const Expected expected = naive.access(address, write, user);
      const model::Walk walk = model::walk(memory, hv::MachineFrame{kDirectory}, address, {write, user});
      CAPTURE(seed);
      CAPTURE(address);
      REQUIRE(walk.translated == expected.ok);
      if (expected.ok) {
        REQUIRE((walk.frame.address() | address % 4096) == expected.machine_address);
        ++translated;
      } else {
        REQUIRE(walk.error_code == expected.error_code);
      }
    }
    REQUIRE(same(memory, words));
  }
  CHECK(translated > 20'000);  // both outcomes are common
  CHECK(translated < 80'000);
}

TEST_CASE("a TLB in front changes nothing as long as it is told of every changed entry") {
  for (unsigned seed = 0; seed < 200; ++seed) {
    std::mt19937 random{seed};
    std::vector<u32> words = random_words(random);
    model::PhysicalMemory memory = memory_of(words);
    NaiveWalker naive{words};
    model::Tlb tlb{1 + seed % 64, {}};
    for (int i = 0; i < 400; ++i) {
      if (random() % 50 == 0) {  // software rewrites an entry, and drops what the TLB may know of it
        const u32 index = static_cast<u32>(random() % kFrames * 1024 + random() % 8);
        words[index] ^= 1u << random() % 9;
        memory.store(index * 4, words[index]);
        tlb.flush_global();
      }
      const u32 address = random_address(random);
      const bool write = random() % 2 == 0, user = random() % 2 == 0;
      const std::vector<u32> before = words;
      const Expected expected = naive.access(address, write, user);
      const model::TlbResult result = tlb.translate(memory, hv::MachineFrame{kDirectory}, address, {write, user});
      CAPTURE(seed);
      CAPTURE(address);
      REQUIRE(result.ok == expected.ok);
      REQUIRE((result.ok ? result.machine_address : result.fault_code) ==
              (expected.ok ? expected.machine_address : expected.error_code));
      // A table may map itself, so marking an entry can change a translation; then the TLB must forget it as well.
      if (before != words) tlb.flush_global();
    }
    REQUIRE(same(memory, words));
  }
}

// The words the core is written in: fixed-width integers, machine frames, domain and CPU numbers.
//
// Everything here is 32-bit x86 with two-level page tables, whatever machine the core was compiled for:
// a guest-visible address is a `u32`, never a host pointer.
#pragma once

#include <compare>
#include <cstdint>

namespace hv {

using u8 = std::uint8_t;
using u16 = std::uint16_t;
using u32 = std::uint32_t;
using u64 = std::uint64_t;
using s32 = std::int32_t;
using s64 = std::int64_t;

inline constexpr u32 kPageShift = 12;
inline constexpr u32 kPageSize = 1u << kPageShift;
inline constexpr u32 kEntriesPerTable = 1024;

// Numbers of 64 bits cross the interface as two words.
constexpr u64 join_words(u32 low, u32 high) { return u64{high} << 32 | low; }
constexpr u32 low_word(u64 value) { return static_cast<u32>(value); }
constexpr u32 high_word(u64 value) { return static_cast<u32>(value >> 32); }

// Number of a 4 kB frame of machine memory. Not a guest's pseudo-physical frame, not a byte address.
class MachineFrame {
 public:
  constexpr MachineFrame() = default;
  constexpr explicit MachineFrame(u32 number) : number_{number} {}
  constexpr u32 number() const { return number_; }
  constexpr u32 address() const { return number_ << kPageShift; }  // first byte; RAM is below 4 GB
  static constexpr MachineFrame of_address(u32 machine_address) { return MachineFrame{machine_address >> kPageShift}; }
  static constexpr MachineFrame none() { return MachineFrame{0xffffffffu}; }
  friend constexpr auto operator<=>(MachineFrame, MachineFrame) = default;

 private:
  u32 number_ = 0xffffffffu;
};

using DomainId = u32;
using CpuId = u32;
using VcpuId = u32;

inline constexpr DomainId kDomain0 = 0;
inline constexpr DomainId kDomainSelf = 0x7ff0;
inline constexpr DomainId kNoDomain = 0xffffffffu;

// System time: nanoseconds since the hypervisor booted. Signed, so that differences are safe.
using SystemTime = s64;
inline constexpr SystemTime kNever = INT64_MAX;
constexpr SystemTime earlier(SystemTime a, SystemTime b) { return b < a ? b : a; }

inline constexpr u32 kMaxCpus = 16;
inline constexpr u32 kAllCpus = ~0u;  // as a mask
inline constexpr u32 kMaxVcpusPerDomain = 8;
inline constexpr u32 kMaxVifsPerDomain = 8;

}  // namespace hv

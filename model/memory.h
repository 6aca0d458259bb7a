// Machine memory whose contents exist only where somebody wrote.
//
// Most frames of a simulated machine are data pages that nobody ever looks into, so a frame costs host memory only from
// its first use through frame() or its first store; until then it reads as zeros.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <functional>
#include <memory>
#include <vector>

#include "hardware/memory.h"

namespace model {

class PhysicalMemory final : public hw::Memory {
 public:
  // `on_map` is called when the hypervisor's window moves; one window for all CPUs.
  explicit PhysicalMemory(
      hv::u32 frames, std::function<void()> on_map = [] {});

  hv::u32 frame_count() const override { return static_cast<hv::u32>(frames_.size()); }
  hw::Words frame(hv::MachineFrame frame) override;  // contents exist afterwards
  hw::Words window(hv::MachineFrame frame) override;
  void zero(hv::MachineFrame frame) override;

  // Words by byte address, which is a multiple of 4. Beyond RAM a load gives ones and a store is lost, as on a bus
  // where nobody answers. Loads and stores of zero leave an untouched frame without contents.
  hv::u32 load(hv::u32 address) const {
    const hv::u32 number = address >> hv::kPageShift;
    if (number >= frames_.size()) return kNobodyAnswers;
    const Contents* contents = frames_[number].get();
    return contents == nullptr ? 0 : (*contents)[address % hv::kPageSize / 4];
  }
  void store(hv::u32 address, hv::u32 value);
  // Stores `desired` if the word still is `expected`; else puts what it is into `expected` and returns false.
  bool compare_exchange(hv::u32 address, hv::u32& expected, hv::u32 desired);

  // Any number of bytes at any address, also across frames.
  void read_bytes(hv::u32 address, void* to, hv::u32 bytes) const {
    if (bytes != sizeof(hv::u32) || address % sizeof(hv::u32) != 0) return read_any(address, to, bytes);
    const hv::u32 word = load(address);
    std::memcpy(to, &word, sizeof word);
  }
  void write_bytes(hv::u32 address, const void* from, hv::u32 bytes) {
    const hv::u32 number = address >> hv::kPageShift;
    if (bytes != sizeof(hv::u32) || address % sizeof(hv::u32) != 0 || number >= frames_.size() || !frames_[number]) {
      return write_any(address, from, bytes);
    }
    std::memcpy(&(*frames_[number])[address % hv::kPageSize / 4], from, sizeof(hv::u32));
  }
  void zero_bytes(hv::u32 address, hv::u32 bytes);

  std::uint64_t bytes_resident() const { return resident_frames_ * hv::kPageSize; }

 private:
  static constexpr hv::u32 kNobodyAnswers = 0xffffffff;

  using Contents = std::array<hv::u32, hv::kEntriesPerTable>;

  Contents& contents_of(hv::u32 number);  // which exist afterwards
  void read_any(hv::u32 address, void* to, hv::u32 bytes) const;
  void write_any(hv::u32 address, const void* from, hv::u32 bytes);

  std::vector<std::unique_ptr<Contents>> frames_;
  std::uint64_t resident_frames_ = 0;
  std::function<void()> on_map_;
  hv::MachineFrame window_;
};

}  // namespace model

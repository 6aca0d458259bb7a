// Machine memory through the direct map; beyond its 44 MB through one page that is mapped anew.
#pragma once

#include "hardware/memory.h"
#include "metal/layout.h"

namespace metal {

class MetalMemory final : public hw::Memory {
 public:
  constexpr explicit MetalMemory(u32 frames) : frames_{frames} {}

  u32 frame_count() const override { return frames_; }
  hw::Words frame(MachineFrame frame) override;
  hw::Words window(MachineFrame frame) override;
  void zero(MachineFrame frame) override;

  // Where any frame is mapped, for string instructions; as long as the Words of window() are.
  u32 address(MachineFrame frame);

 private:
  u32 frames_;
  MachineFrame mapped_;
};

}  // namespace metal

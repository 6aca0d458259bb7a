#include "metal/metal_memory.h"

#include "metal/ports.h"

extern "C" hv::u32 machine_table[1024];

namespace metal {

hw::Words MetalMemory::frame(MachineFrame frame) {
  // The core's own frames and those it shares are the first that it takes: they are within reach of the direct map.
  return window(frame);
}

hw::Words MetalMemory::window(MachineFrame frame) { return hw::Words{at_linear<u32>(address(frame))}; }

u32 MetalMemory::address(MachineFrame frame) {
  if (frame.number() < kDirectMapFrames) return kHypervisorPrivate + frame.address();
  if (mapped_ != frame) {
    mapped_ = frame;
    machine_table[kWindowPage] = frame.address() | kEntryPresent | kEntryWritable | kEntryAccessed | kEntryDirty;
    invalidate(machine_page_address(kWindowPage));
  }
  return machine_page_address(kWindowPage);
}

void MetalMemory::zero(MachineFrame frame) {
  const hw::Words words = window(frame);
  for (u32 i = 0; i < kEntriesPerTable; ++i) words.store(i, 0);
}

}  // namespace metal

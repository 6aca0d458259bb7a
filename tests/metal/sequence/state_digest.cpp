#include "metal/sequence/state_digest.h"

#include "memory/descriptor.h"

namespace sequence {

u32 frame_table_digest(Hypervisor& core) {
  Digest digest;
  const FrameTable& frames = core.memory().frames();
  for (u32 number = 0; number < frames.frame_count(); ++number) {
    const FrameInfo& info = frames.info(MachineFrame{number});
    digest.mix(info.owner | u32{static_cast<u8>(info.type)} << 16 | u32{info.flags} << 24);
    digest.mix(info.total_count);
    digest.mix(info.type_count);
    digest.mix(info.next);
  }
  return digest.value();
}

u32 contents_digest(Hypervisor& core, u32 frame) {
  Digest digest;
  const FrameInfo& info = core.memory().frames().info(MachineFrame{frame});
  const hw::Words words = core.memory().memory().window(MachineFrame{frame});
  const bool directory = info.type == FrameType::l2, descriptors = info.type == FrameType::gdt;
  for (u32 index = 0; index < kEntriesPerTable; ++index) {
    if (index == kMachineSlot) continue;  // what was a directory still has it
    if (directory && index >= kGuestDirectorySlots) break;
    if (descriptors && index >= 2 * kFirstReservedDescriptor && index < 2 * kEndReservedDescriptors) continue;
    digest.mix(words.load(index));
  }
  return digest.value();
}

}  // namespace sequence

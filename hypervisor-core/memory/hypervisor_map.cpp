#include "memory/page_table.h"

namespace hv {
namespace {

constexpr u32 kWordsPerPage = kEntriesPerTable;
constexpr u32 kMachineToPhysSlot = kMachineToPhysStart >> 22;
constexpr u32 kDirectMapSlot = kHypervisorPrivate >> 22;  // machine memory from 0, up to the linear table
constexpr u32 kDirectMapSlots = kLinearTableSlot - kDirectMapSlot;

}  // namespace

bool HypervisorMap::build(hw::Memory& memory, FrameTable& frames) {
  const u32 table_frames = (frames.frame_count() + kWordsPerPage - 1) / kWordsPerPage;
  if (table_frames > kEntriesPerTable || frames.free_count() < table_frames + 2) return false;

  // At boot the free list is ascending without a gap, so these are consecutive.
  machine_to_phys_ = frames.allocate(frames.hypervisor());
  for (u32 i = 1; i < table_frames; ++i) (void)frames.allocate(frames.hypervisor());
  for (u32 number = 0; number < frames.frame_count(); ++number) {
    set_machine_to_phys(memory, MachineFrame{number}, kNoPage);
  }

  const MachineFrame window = frames.allocate(frames.hypervisor());
  memory.zero(window);
  for (u32 i = 0; i < table_frames; ++i) {
    const MachineFrame frame{machine_to_phys_.number() + i};
    memory.frame(window).store(i, frame.address() | kEntryPresent | kEntryAccessed | kEntryGlobal);
  }

  master_ = frames.allocate(frames.hypervisor());
  memory.zero(master_);
  const hw::Words master = memory.frame(master_);
  master.store(kMachineToPhysSlot, window.address() | kWritableEntry);
  const u64 ram_bytes = u64{frames.frame_count()} << kPageShift;
  for (u32 i = 0; i < kDirectMapSlots && u64{i} << 22 < ram_bytes; ++i) {
    master.store(kDirectMapSlot + i, i << 22 | kWritableEntry | kEntryLarge | kEntryGlobal);
  }
  master.store(kLinearTableSlot, master_.address() | kWritableEntry);
  return true;
}

void HypervisorMap::install(hw::Memory& memory, MachineFrame directory) const {
  for (u32 slot = kGuestDirectorySlots; slot < kEntriesPerTable; ++slot) {
    const u32 entry = memory.frame(master_).load(slot);
    memory.frame(directory).store(slot, slot == kLinearTableSlot ? directory.address() | kWritableEntry : entry);
  }
}

void HypervisorMap::set_machine_to_phys(hw::Memory& memory, MachineFrame frame, u32 page) const {
  const MachineFrame holder{machine_to_phys_.number() + frame.number() / kWordsPerPage};
  memory.frame(holder).store(frame.number() % kWordsPerPage, page);
}

u32 HypervisorMap::machine_to_phys(hw::Memory& memory, MachineFrame frame) const {
  const MachineFrame holder{machine_to_phys_.number() + frame.number() / kWordsPerPage};
  return memory.frame(holder).load(frame.number() % kWordsPerPage);
}

}  // namespace hv

#include "metal/guest/user_space.h"

namespace guest {

s32 make_user_space(u32 first_page) {
  const u32 table = frame_of_page(first_page), code = frame_of_page(first_page + 1),
            data = frame_of_page(first_page + 2);
  u32* entries = at<u32>(page_address(first_page));
  for (u32 i = 0; i < kEntriesPerTable; ++i) entries[i] = 0;
  entries[0] = code << kPageShift | kP | kU;
  entries[1] = data << kPageShift | kP | kW | kU;
  __builtin_memcpy(at<char>(page_address(first_page + 1)), user_code, static_cast<u32>(user_code_end - user_code));
  const MmuUpdate list[] = {
      {entry_of_page(first_page), table << kPageShift | kP},
      command(MmuCommand::flush_tlb, 0),
      command(MmuCommand::pin_l1, table << kPageShift),
      {directory_address() + (kUserCode >> 22) * 4, table << kPageShift | kP | kW | kU},
  };
  return mmu_update(list, 4);
}

}  // namespace guest

#include "model/mmu.h"

#include "model/planted.h"

namespace model {

namespace {

constexpr hv::u32 kLargePageMask = 0xffc00000;

hv::u32 fault_code(Access access, bool present) {
  return (present && !MODEL_PLANTED(code_without_present) ? hw::kFaultPresent : 0) |
         (access.write && !MODEL_PLANTED(code_without_write) ? hw::kFaultWrite : 0) |
         (access.user && !MODEL_PLANTED(code_without_user) ? hw::kFaultUser : 0);
}

// Sets `bits` in the entry that was read as `value`. False: it was changed meanwhile, so the walk starts anew.
bool set_bits(PhysicalMemory& memory, Walk& so_far, hv::u32 entry, hv::u32 value, hv::u32 bits) {
  if ((value & bits) == bits) return true;
  ++so_far.entries_updated;
  return memory.compare_exchange(entry, value, value | bits);
}

}  // namespace

// Every return names `result`, so that it is made in the caller's place: a walk is short, and copying what it has just
// written in parts would take longer than reading the entries.
Walk walk(PhysicalMemory& memory, hv::MachineFrame directory, hv::u32 address, Access access, bool write_protect) {
  Walk result;
  while (true) {
    result = Walk{};
    const auto read_entry = [&](hv::u32 table, hv::u32 index) {
      const hv::u32 entry = table + index * 4;
      result.entry_address[result.levels_read++] = entry;
      return memory.load(entry);
    };

    const hv::u32 upper = read_entry(directory.address(), address >> 22);
    if ((upper & hv::kEntryPresent) == 0) {
      result.error_code = fault_code(access, false);
      return result;
    }
    result.large = (upper & hv::kEntryLarge) != 0;

    hv::u32 leaf = upper;
    if (!result.large) {
      leaf = read_entry(upper & hv::kEntryFrameMask, address >> hv::kPageShift & (hv::kEntriesPerTable - 1));
      if ((leaf & hv::kEntryPresent) == 0) {
        result.error_code = fault_code(access, false);
        return result;
      }
    }
    result.rights.writable =
        ((MODEL_PLANTED(directory_writable_ignored) ? leaf : upper & leaf) & hv::kEntryWritable) != 0;
    result.rights.user = ((MODEL_PLANTED(directory_user_ignored) ? leaf : upper & leaf) & hv::kEntryUser) != 0;
    if (!result.rights.allow(access, write_protect && !MODEL_PLANTED(write_protect_off))) {
      result.error_code = fault_code(access, true);
      return result;
    }

    const hv::u32 used = (MODEL_PLANTED(accessed_not_set) ? 0 : hv::kEntryAccessed) |
                         (access.write && !MODEL_PLANTED(dirty_not_set) ? hv::kEntryDirty : 0);
    if (!result.large && !MODEL_PLANTED(directory_accessed_not_set) &&
        !set_bits(memory, result, result.entry_address[0], upper, hv::kEntryAccessed))
      continue;
    if (!set_bits(memory, result, result.entry_address[result.levels_read - 1], leaf, used)) continue;

    result.translated = true;
    result.global = (leaf & hv::kEntryGlobal) != 0;
    result.dirty = ((leaf | used) & hv::kEntryDirty) != 0;
    const hv::u32 base = result.large ? (leaf & kLargePageMask) | (address & ~kLargePageMask) : leaf;
    result.frame = hv::MachineFrame::of_address(base);
    return result;
  }
}

}  // namespace model

#include "memory/page_table.h"

#include "base/planted.h"
#include "memory/descriptor.h"

namespace hv {
namespace {

constexpr u32 kEntryForbidden = kEntryGlobal | kEntryLarge;  // in an L1 bit 7 selects the PAT, in an L2 a 4 MB page

constexpr MachineFrame target_of(u32 entry) { return MachineFrame::of_address(entry); }
constexpr bool present(u32 entry) { return (entry & kEntryPresent) != 0; }
constexpr bool writable(u32 entry) { return (entry & kEntryWritable) != 0; }

// Only the core changes what an entry refers to, but the MMU may set accessed and dirty bits at any time, so a store
// must be one step from what the entry is to what it becomes.
void exchange(hw::Words words, u32 index, u32 old, u32 entry) {
  while (!words.compare_exchange(index, old, entry)) {
  }
}

}  // namespace

bool PageTables::take(MachineFrame frame, FrameType type) {
  FrameInfo& info = frames_.info(frame);
  if (info.type != type) {
    if (info.type_count != 0 && !HV_PLANTED(type_changes_in_use)) return false;
    if (info.has(FrameInfo::kFlushNeeded) && !HV_PLANTED(no_flush_on_retype))
      tlb_.request(info.owner, info.flush_stamp);
    info.flags = static_cast<u8>(info.flags & ~FrameInfo::kFlushNeeded);
    if (!HV_PLANTED(contents_not_validated)) info.flags = static_cast<u8>(info.flags & ~FrameInfo::kValidated);
    info.type = type;
  }
  ++info.total_count;
  ++info.type_count;
  if (info.has(FrameInfo::kValidated)) return true;
  // The count is up before the contents are looked at, so that a table that maps itself writable is found out.
  if (HV_PLANTED(count_after_validation)) --info.type_count;
  const bool valid = validate(frame, type);
  if (HV_PLANTED(count_after_validation)) ++info.type_count;
  if (!valid) {
    --info.type_count;
    --info.total_count;
    return false;
  }
  info.flags |= FrameInfo::kValidated;
  return true;
}

void PageTables::drop(MachineFrame frame) {
  FrameInfo& info = frames_.info(frame);
  if (--info.type_count == 0) {
    if ((info.type == FrameType::l1 || info.type == FrameType::l2) && !HV_PLANTED(contents_not_released)) {
      info.flags = static_cast<u8>(info.flags & ~FrameInfo::kValidated);
      info.type == FrameType::l1 ? drop_l1_entries(frame, kEntriesPerTable)
                                 : drop_l2_entries(frame, kGuestDirectorySlots);
    } else if (info.type == FrameType::writable) {
      info.flush_stamp = tlb_.now();
    }
  }
  release(frame);
}

void PageTables::release(MachineFrame frame) {
  FrameInfo& info = frames_.info(frame);
  if (--info.total_count != 0) return;
  info.flush_stamp = tlb_.now();
  if (info.owner == kOwnerOrphan) {
    // It may have been domain 0 that held it, by a mapping.
    if (!HV_PLANTED(no_flush_of_orphans)) tlb_.request_owner(kDomain0, info.flush_stamp);
    frames_.release(frame, frames_.orphans());
  }
}

bool PageTables::validate(MachineFrame frame, FrameType type) {
  switch (type) {
    case FrameType::l1:
      return validate_l1(frame);
    case FrameType::l2:
      return validate_l2(frame);
    case FrameType::gdt:
    case FrameType::ldt:
      return validate_descriptors(frame);
    case FrameType::none:
    case FrameType::writable:
      break;
  }
  return true;
}

bool PageTables::validate_l1(MachineFrame table) {
  const OwnerId owner = frames_.info(table).owner;
  const hw::Words words = memory_.window(table);
  for (u32 index = 0; index < kEntriesPerTable; ++index) {
    const u32 entry = words.load(index);
    if (present(entry) && !take_mapping(owner, entry)) {
      did(hw::Step::page_table_validate, index + 1);
      if (!HV_PLANTED(l1_not_undone)) drop_l1_entries(table, index);
      return false;
    }
  }
  did(hw::Step::page_table_validate, kEntriesPerTable);
  return true;
}

bool PageTables::validate_l2(MachineFrame directory) {
  for (u32 slot = 0; slot < kGuestDirectorySlots; ++slot) {
    const u32 entry = memory_.window(directory).load(slot);  // looked up again: taking a table looks at other frames
    if (present(entry) && !take_table(directory, entry)) {
      did(hw::Step::directory_validate, slot + 1);
      if (!HV_PLANTED(l2_not_undone)) drop_l2_entries(directory, slot);
      return false;
    }
  }
  did(hw::Step::directory_validate, kGuestDirectorySlots);
  map_.install(memory_, directory);
  return true;
}

bool PageTables::validate_descriptors(MachineFrame frame) {
  if (HV_PLANTED(descriptors_not_validated)) return true;
  const hw::Words words = memory_.window(frame);
  for (u32 index = 0; index < kDescriptorsPerPage; ++index) {
    if (!descriptor_is_safe(words.load(2 * index), words.load(2 * index + 1))) {
      did(hw::Step::page_table_validate, index + 1);
      return false;
    }
  }
  did(hw::Step::page_table_validate, kDescriptorsPerPage);
  return true;
}

void PageTables::drop_l1_entries(MachineFrame table, u32 end) {
  const hw::Words words = memory_.window(table);
  for (u32 index = 0; index < end; ++index) {
    const u32 entry = words.load(index);
    if (present(entry)) drop_mapping(entry);
  }
  did(hw::Step::page_table_release, end);
}

void PageTables::drop_l2_entries(MachineFrame directory, u32 end) {
  for (u32 slot = 0; slot < end; ++slot) {
    const u32 entry = memory_.window(directory).load(slot);
    if (present(entry)) drop_table(directory, entry);
  }
  did(hw::Step::directory_validate, end);
}

bool PageTables::take_mapping(OwnerId table_owner, u32 entry) {
  did(hw::Step::mapping_take);
  const MachineFrame target = target_of(entry);
  if ((entry & kEntryForbidden) != 0 && !HV_PLANTED(l1_forbidden_bits)) return false;
  if (!frames_.contains(target)) return false;
  FrameInfo& info = frames_.info(target);
  if (info.owner != table_owner && !foreign(info.owner) && !HV_PLANTED(mapping_of_any_owner)) return false;
  if (!writable(entry) || HV_PLANTED(writable_mapping_untyped)) {
    ++info.total_count;
    return true;
  }
  if (info.type == FrameType::writable) {  // by far the most common: no change of type, nothing to validate
    ++info.total_count;
    ++info.type_count;
  } else if (!take(target, FrameType::writable)) {
    return false;
  }
  info.flags |= FrameInfo::kFlushNeeded;
  return true;
}

void PageTables::drop_mapping(u32 entry) {
  did(writable(entry) ? hw::Step::writable_drop : hw::Step::mapping_drop);
  const MachineFrame target = target_of(entry);
  if (writable(entry) && !HV_PLANTED(writable_mapping_untyped)) {
    drop(target);
    return;
  }
  const FrameInfo& info = frames_.info(target);
  if (info.type == FrameType::ldt && info.type_count != 0) ldt_unmapped_ = true;
  release(target);
}

// An entry that names the directory itself, read-only, maps the tables as pages and takes no reference: a table cannot
// keep itself alive.
bool PageTables::take_table(MachineFrame directory, u32 entry) {
  const MachineFrame target = target_of(entry);
  if ((entry & kEntryForbidden) != 0 && !HV_PLANTED(l2_forbidden_bits)) return false;
  if (!frames_.contains(target)) return false;
  if (target == directory) return !writable(entry) || HV_PLANTED(self_map_writable);
  // Tables of one address space have one owner, also in domain 0: its right to map others' frames ends at pages.
  if (frames_.info(target).owner != frames_.info(directory).owner && !HV_PLANTED(table_of_any_owner)) return false;
  did(hw::Step::table_take);
  return take(target, FrameType::l1);
}

void PageTables::drop_table(MachineFrame directory, u32 entry) {
  if (target_of(entry) == directory) return;
  did(hw::Step::table_drop);
  drop(target_of(entry));
}

bool PageTables::set_l1_entry(MachineFrame table, u32 index, u32 entry) {
  const hw::Words words = memory_.window(table);
  const u32 old = words.load(index);
  constexpr u32 kCounted = kEntryFrameMask | kEntryWritable | kEntryPresent;
  if (present(entry)) {
    if ((entry & kEntryForbidden) != 0 && !HV_PLANTED(l1_forbidden_bits_changed)) return false;
    if (((old ^ entry) & kCounted) == 0) {  // accessed, dirty, user, cache bits: no reference changes
      exchange(words, index, old, entry);
      return true;
    }
    if (!take_mapping(frames_.info(table).owner, entry)) return false;
  }
  exchange(words, index, old, entry);
  if (present(old) && !HV_PLANTED(l1_old_entry_kept)) drop_mapping(old);
  return true;
}

bool PageTables::set_l2_entry(MachineFrame directory, u32 slot, u32 entry) {
  if (slot >= kGuestDirectorySlots && !HV_PLANTED(hypervisor_slots)) return false;
  const u32 old = memory_.window(directory).load(slot);
  if (present(entry)) {
    if ((entry & kEntryForbidden) != 0) return false;
    // Whether the directory lets a page table's pages be written makes no difference to the counts, unless the "page
    // table" is the directory itself, which must never become writable.
    const bool self_map = target_of(entry) == directory && !HV_PLANTED(self_map_becomes_writable);
    const u32 counted = kEntryFrameMask | kEntryPresent | (self_map ? kEntryWritable : 0);
    if (((old ^ entry) & counted) == 0) {
      exchange(memory_.window(directory), slot, old, entry);
      return true;
    }
    if (!take_table(directory, entry)) return false;
  }
  exchange(memory_.window(directory), slot, old, entry);
  if (present(old) && !HV_PLANTED(l2_old_entry_kept)) drop_table(directory, old);
  return true;
}

bool PageTables::find_entry(MachineFrame directory, u32 address, MachineFrame& table, u32& index) const {
  const u32 directory_entry = memory_.window(directory).load(address >> 22);
  if (!present(directory_entry)) return false;
  table = target_of(directory_entry);
  index = address >> kPageShift & (kEntriesPerTable - 1);
  return frames_.info(table).type == FrameType::l1;  // a self-mapped directory is no page table
}

}  // namespace hv

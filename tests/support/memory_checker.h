// Recomputes every reference to every frame from the page-table words in RAM and compares with the frame table.
//
// Independent of the core's bookkeeping: it starts at what holds tables from outside (pins, page-table bases, loaded
// descriptor tables, pages shared with the core, lent buffers, I/O) and follows the words the MMU would follow. From
// the frame table it takes only owners and pins.
#pragma once

#include <fmt/format.h>

#include <initializer_list>
#include <string>
#include <vector>

#include "memory/descriptor.h"
#include "support/memory_world.h"

namespace test {

class MemoryChecker {
 public:
  explicit MemoryChecker(MemoryWorld& world) : world_{world}, frames_{world.memory.frames()} {}

  std::vector<PostedBuffer> posted;    // lent and not yet used
  std::vector<MachineFrame> payloads;  // held for transmission

  // Empty if everything agrees, else the first disagreement.
  std::string check() {
    failure_.clear();
    const u32 count = frames_.frame_count();
    references_.assign(count, {});
    collect_roots();
    // Directories first: they say which frames are page tables.
    for (u32 f = 0; f < count; ++f)
      if (references_[f].l2 != 0) follow_directory(MachineFrame{f});
    for (u32 f = 0; f < count; ++f)
      if (references_[f].l1 != 0) follow_table(MachineFrame{f});
    for (u32 f = 0; f < count; ++f) compare(MachineFrame{f});
    check_owners();
    return failure_;
  }

 private:
  struct References {
    u32 l1 = 0, l2 = 0, gdt = 0, ldt = 0, writable = 0, untyped = 0;
  };

  template <class... Args>
  void fail(fmt::format_string<Args...> text, Args&&... args) {
    if (failure_.empty()) failure_ = fmt::format(text, std::forward<Args>(args)...);
  }
  u32 word(MachineFrame frame, u32 index) { return world_.machine.ram.word(frame.address() + index * 4); }
  References& of(MachineFrame frame) { return references_.at(frame.number()); }

  void collect_roots() {
    for (u32 f = 0; f < frames_.frame_count(); ++f) {
      const FrameInfo& info = frames_.info(MachineFrame{f});
      if (info.has(FrameInfo::kPinned)) ++(info.type == FrameType::l2 ? references_[f].l2 : references_[f].l1);
    }
    for (const auto& guest : world_.guests) {
      const DomainMemory& memory = guest->domain.memory;
      const Vcpu& vcpu = guest->vcpu;
      if (vcpu.directory != MachineFrame::none()) ++of(vcpu.directory).l2;
      for (u32 i = 0; i < (vcpu.gdt_entries + 511) / 512; ++i) ++of(vcpu.gdt_frames[i]).gdt;
      for (MachineFrame f = frames_.first(memory.shared); f != MachineFrame::none(); f = frames_.next(f))
        ++of(f).writable;
      if (memory.descriptor_table == MachineFrame::none()) continue;
      for (u32 i = 0; i < 16; ++i) {
        const u32 entry = word(memory.descriptor_table, ldt_first_page(vcpu.id) + i);
        if ((entry & kP) != 0) ++of(MachineFrame::of_address(entry)).ldt;
      }
    }
    for (const PostedBuffer& buffer : posted) ++of(buffer.table).l1;
    for (const MachineFrame frame : payloads) ++of(frame).untyped;
  }

  void follow_directory(MachineFrame directory) {
    for (u32 slot = 0; slot < kEntriesPerTable; ++slot) {
      const u32 entry = word(directory, slot);
      if (slot >= 1008) {
        const u32 expected =
            slot == kLinearTableSlot ? directory.number() : word(world_.memory.master_directory(), slot) >> kPageShift;
        if (slot != kPerDomainSlot && entry >> kPageShift != expected)
          fail("directory {:#x}: hypervisor slot {} is {:#x}", directory.number(), slot, entry);
        continue;
      }
      if ((entry & kP) == 0) continue;
      const MachineFrame target = MachineFrame::of_address(entry);
      if (target.number() >= frames_.frame_count() || (entry & (kEntryLarge | kEntryGlobal)) != 0) {
        fail("directory {:#x} slot {}: forbidden entry {:#x}", directory.number(), slot, entry);
      } else if (target == directory) {
        if ((entry & kW) != 0) fail("directory {:#x} maps itself writable", directory.number());
      } else {
        ++of(target).l1;
        if (frames_.info(target).owner != frames_.info(directory).owner)
          fail("directory {:#x} uses a table {:#x} of another owner", directory.number(), target.number());
      }
    }
  }

  void follow_table(MachineFrame table) {
    const OwnerId owner = frames_.info(table).owner;
    for (u32 index = 0; index < kEntriesPerTable; ++index) {
      const u32 entry = word(table, index);
      if ((entry & kP) == 0) continue;
      const MachineFrame target = MachineFrame::of_address(entry);
      if (target.number() >= frames_.frame_count() || (entry & (kEntryLarge | kEntryGlobal)) != 0) {
        fail("table {:#x} entry {}: forbidden entry {:#x}", table.number(), index, entry);
        continue;
      }
      const OwnerId mapped = frames_.info(target).owner;
      const bool gone = mapped == kOwnerOrphan;  // domain 0 keeps what it had mapped
      if (mapped != owner && !(owner == kDomain0 && (is_domain(mapped) || gone)))
        fail("table {:#x} of {:#x} maps frame {:#x} of {:#x}", table.number(), owner, target.number(), mapped);
      ++((entry & kW) != 0 ? of(target).writable : of(target).untyped);
    }
  }

  void compare(MachineFrame frame) {
    const References& found = of(frame);
    const FrameInfo& info = frames_.info(frame);
    const u32 typed = found.l1 + found.l2 + found.gdt + found.ldt + found.writable;
    const int kinds = (found.l1 != 0) + (found.l2 != 0) + (found.gdt != 0) + (found.ldt != 0) + (found.writable != 0);
    if (kinds > 1)
      fail("frame {:#x} is used as l1 {} l2 {} gdt {} ldt {} and mapped writable {} times", frame.number(), found.l1,
           found.l2, found.gdt, found.ldt, found.writable);
    if (info.type_count != typed)
      fail("frame {:#x}: type count {}, but {} references", frame.number(), info.type_count, typed);
    if (info.total_count != typed + found.untyped)
      fail("frame {:#x}: total count {}, but {} references", frame.number(), info.total_count, typed + found.untyped);
    const FrameType kind = found.l1 != 0         ? FrameType::l1
                           : found.l2 != 0       ? FrameType::l2
                           : found.gdt != 0      ? FrameType::gdt
                           : found.ldt != 0      ? FrameType::ldt
                           : found.writable != 0 ? FrameType::writable
                                                 : info.type;
    if (info.type != kind) fail("frame {:#x} has type {}", frame.number(), static_cast<int>(info.type));
    if (!is_domain(info.owner) && info.owner != kOwnerOrphan && typed + found.untyped != 0)
      fail("frame {:#x} of nobody or the hypervisor has {} references", frame.number(), typed + found.untyped);
    if (info.owner == kOwnerOrphan && typed + found.untyped == 0) fail("orphan {:#x} not freed", frame.number());
  }

  void check_owners() {
    FrameTable& frames = world_.memory.frames();
    u32 sum = frames.free_count() + frames.hypervisor().count + frames.orphans().count;
    for (const FrameList* list :
         std::initializer_list<const FrameList*>{&frames.free_list(), &frames.hypervisor(), &frames.orphans()})
      if (!frames.audit_list(*list)) fail("the list of owner {:#x} is broken", list->owner);
    for (const auto& guest : world_.guests) {
      const DomainMemory& memory = guest->domain.memory;
      if (memory.descriptor_table == MachineFrame::none()) continue;
      const u32 owned = memory.frames.count + memory.shared.count;
      sum += owned;
      if (!frames.audit_list(memory.frames) || !frames.audit_list(memory.shared))
        fail("a list of domain {} is broken", guest->domain.id);
      if (frames.audit_owned(static_cast<OwnerId>(guest->domain.id)) != owned)
        fail("domain {} owns other than {} frames", guest->domain.id, owned);
    }
    if (sum != frames.frame_count()) fail("{} frames have an owner, RAM has {}", sum, frames.frame_count());
  }

  MemoryWorld& world_;
  FrameTable& frames_;
  std::vector<References> references_;
  std::string failure_;
};

}  // namespace test

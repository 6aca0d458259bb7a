#include "support/memory_checker.h"

namespace test {
namespace {

// Written down again, from the processor manual and the interface's documentation.
constexpr u32 kPresent = 1, kWritable = 2, kPageSizeBit = 0x80, kGlobal = 0x100;
constexpr u32 kFirstHypervisorSlot = 1008, kSelfSlot = 1020, kDescriptorSlot = 1021;
constexpr u32 kHypervisorBase = 0xfc400000;  // what lies below in the hypervisor's 64 MB may be read
constexpr u32 kReservedFirst = 256, kReservedEnd = 296;
constexpr u32 kWindowPages = 32, kGdtPages = 16;  // of one vCPU behind kDescriptorSlot

constexpr u32 frame_of(u32 entry) { return entry >> 12; }

constexpr bool is_unused(const FrameInfo& info) {
  return info.total_count == 0 && info.type_count == 0 && info.owner != kOwnerOrphan;
}

// What a guest may do with a segment descriptor: the first byte and one past the last that it reaches, and its ring.
bool reaches_too_far(u32 low, u32 high) {
  if ((high & 0x8000) == 0) return false;
  const u32 ring = high >> 13 & 3, type = high >> 8 & 31;
  if (ring == 0) return true;
  if (type < 16) {  // system: a call gate must lead to ring 1
    const u32 selector = low >> 16, index = selector >> 3;
    const bool ours = (selector & 4) == 0 && index >= kReservedFirst && index < kReservedEnd && selector != 0x0819;
    return type != 12 || (selector & 3) != 1 || ours;
  }
  std::uint64_t limit = (low & 0xffff) | (high & 0xf0000);
  if ((high & 0x800000) != 0) limit = limit << 12 | 0xfff;
  const std::uint64_t base = low >> 16 | (high & 0xff) << 16 | (high & 0xff000000);
  const bool expand_down = type < 24 && (type & 4) != 0;
  return expand_down || base + limit >= kHypervisorBase;
}

}  // namespace

std::string MemoryChecker::check() {
  failure_.clear();
  const u32 count = frame_count();
  references_.assign(count, {});
  collect_roots();
  // Directories first: they say which frames are page tables.
  for (u32 f = 0; f < count; ++f)
    if (references_[f].l2 != 0) follow_directory(f);
  for (u32 f = 0; f < count; ++f)
    if (references_[f].l1 != 0) follow_table(f);
  for (u32 f = 0; f < count; ++f) {
    if (references_[f].gdt + references_[f].ldt != 0) follow_descriptors(f);
    compare(f);
  }
  check_owners();
  check_cpus();
  return failure_;
}

void MemoryChecker::collect_roots() {
  for (u32 f = 0; f < frame_count(); ++f)
    if (info(f).has(FrameInfo::kPinned)) ++(info(f).type == FrameType::l2 ? references_[f].l2 : references_[f].l1);
  domains_.for_each([this](const Domain& domain) {
    const FrameTable& frames = memory_.frames();
    const FrameList& shared = domain.memory.shared;
    for (MachineFrame f = frames.first(shared); f != MachineFrame::none(); f = frames.next(f)) ++of(f).writable;
    for (u32 i = 0; i < domain.vcpu_count; ++i) collect_vcpu(domain, *domain.vcpus[i]);
  });
  for (const PostedBuffer& buffer : posted) ++of(buffer.table).l1;
  for (const MachineFrame frame : payloads) ++of(frame).untyped;
}

void MemoryChecker::collect_vcpu(const Domain& domain, const Vcpu& vcpu) {
  if (vcpu.directory != MachineFrame::none()) ++of(vcpu.directory).l2;
  const u32 gdt_pages = (vcpu.gdt_entries + 511) / 512;
  for (u32 i = 0; i < gdt_pages; ++i) ++of(vcpu.gdt_frames[i]).gdt;
  if (gdt_pages != 0) check_reserved(vcpu.gdt_frames[0]);
  if (domain.memory.descriptor_table == MachineFrame::none()) return;
  const hw::Words window = machine_.ram.frame(domain.memory.descriptor_table);
  for (u32 i = 0; i < kWindowPages; ++i) {
    const u32 entry = window.load(vcpu.id * kWindowPages + i);
    const u32 expected = i < gdt_pages ? vcpu.gdt_frames[i].number() : 0;
    if (i < kGdtPages && ((entry & kPresent) != 0 ? frame_of(entry) : 0) != expected)
      fail("domain {}: page {} of its GDT shows frame {:#x}", domain.id, i, frame_of(entry));
    if (i < kGdtPages || (entry & kPresent) == 0) continue;
    if (i - kGdtPages >= (vcpu.ldt_entries + 511) / 512)
      fail("domain {}: LDT page {} beyond its {} entries", domain.id, i - kGdtPages, vcpu.ldt_entries);
    if (info(frame_of(entry)).owner != domain.id)
      fail("domain {}: frame {:#x} of another in its LDT", domain.id, frame_of(entry));
    ++of(MachineFrame{frame_of(entry)}).ldt;
  }
}

void MemoryChecker::check_reserved(MachineFrame page) {
  constexpr u32 kReserved[] = {0,          0,      0xffff,     0x00cf9a00, 0xffff,     0x00cf9200, 0xc3ff,
                               0x00cfba00, 0xc3ff, 0x00cfb200, 0xc3ff,     0x00cffa00, 0xc3ff,     0x00cff200};
  const hw::Words words = machine_.ram.frame(page);
  for (u32 i = 0; i < 2 * (kReservedEnd - kReservedFirst); ++i)
    if (words.load(2 * kReservedFirst + i) != (i < std::size(kReserved) ? kReserved[i] : 0))
      fail("reserved descriptor {} of GDT {:#x} is changed", kReservedFirst + i / 2, page.number());
}

void MemoryChecker::follow_directory(u32 directory) {
  const hw::Words words = machine_.ram.frame(MachineFrame{directory});
  const OwnerId owner = info(directory).owner;
  for (u32 slot = 0; slot < kFirstHypervisorSlot; ++slot) {
    const u32 entry = words.load(slot), target = frame_of(entry);
    if ((entry & kPresent) == 0) continue;
    if (target >= frame_count() || (entry & (kPageSizeBit | kGlobal)) != 0) {
      fail("directory {:#x} slot {}: forbidden entry {:#x}", directory, slot, entry);
    } else if (target == directory) {
      if ((entry & kWritable) != 0) fail("directory {:#x} maps itself writable", directory);
    } else {
      ++references_[target].l1;
      if (info(target).owner != owner) fail("directory {:#x} uses table {:#x} of another owner", directory, target);
    }
  }
  const hw::Words master = machine_.ram.frame(memory_.master_directory());
  for (u32 slot = kFirstHypervisorSlot; slot < 1024; ++slot) {
    const u32 entry = words.load(slot);
    bool as_expected = entry == master.load(slot);
    if (slot == kSelfSlot) as_expected = frame_of(entry) == directory;
    if (slot == kDescriptorSlot && !as_expected) {
      const Domain* domain = domains_.find(owner);
      as_expected = domain != nullptr && frame_of(entry) == domain->memory.descriptor_table.number();
    }
    if (!as_expected) fail("directory {:#x}: hypervisor slot {} is {:#x}", directory, slot, entry);
  }
}

void MemoryChecker::follow_table(u32 table) {
  const hw::Words words = machine_.ram.frame(MachineFrame{table});
  const OwnerId owner = info(table).owner;
  for (u32 index = 0; index < 1024; ++index) {
    const u32 entry = words.load(index), target = frame_of(entry);
    if ((entry & kPresent) == 0) continue;
    if (target >= frame_count() || (entry & (kPageSizeBit | kGlobal)) != 0) {
      fail("table {:#x} entry {}: forbidden entry {:#x}", table, index, entry);
      continue;
    }
    const OwnerId mapped = info(target).owner;
    const bool gone = mapped == kOwnerOrphan;  // domain 0 keeps what it had mapped
    if (mapped != owner && !(owner == kDomain0 && (is_domain(mapped) || gone)))
      fail("table {:#x} of {:#x} maps frame {:#x} of {:#x}", table, owner, target, mapped);
    ++((entry & kWritable) != 0 ? references_[target].writable : references_[target].untyped);
  }
}

// The hypervisor's own entries are flat segments of ring 0; they are harmless to outer rings wherever they show.
void MemoryChecker::follow_descriptors(u32 page) {
  const hw::Words words = machine_.ram.frame(MachineFrame{page});
  for (u32 i = 0; i < 512; ++i) {
    const u32 low = words.load(2 * i), high = words.load(2 * i + 1);
    if (!reaches_too_far(low, high)) continue;
    const bool ours = references_[page].gdt != 0 && i >= kReservedFirst && i < kReservedEnd && low == 0xffff &&
                      (high == 0x00cf9a00 || high == 0x00cf9200);
    if (!ours) fail("descriptor {} of frame {:#x} is {:#x} {:#x}", i, page, low, high);
  }
}

void MemoryChecker::compare(u32 frame) {
  const References& found = references_[frame];
  const FrameInfo& says = info(frame);
  if (is_unused(says) && found == References{}) return;
  const u32 typed = found.l1 + found.l2 + found.gdt + found.ldt + found.writable;
  const int kinds = (found.l1 != 0) + (found.l2 != 0) + (found.gdt != 0) + (found.ldt != 0) + (found.writable != 0);
  if (kinds > 1)
    fail("frame {:#x} is used as l1 {} l2 {} gdt {} ldt {} and mapped writable {} times", frame, found.l1, found.l2,
         found.gdt, found.ldt, found.writable);
  if (says.type_count != typed) fail("frame {:#x}: type count {}, but {} references", frame, says.type_count, typed);
  if (says.total_count != typed + found.untyped)
    fail("frame {:#x}: total count {}, but {} references", frame, says.total_count, typed + found.untyped);
  const FrameType kind = found.l1 != 0         ? FrameType::l1
                         : found.l2 != 0       ? FrameType::l2
                         : found.gdt != 0      ? FrameType::gdt
                         : found.ldt != 0      ? FrameType::ldt
                         : found.writable != 0 ? FrameType::writable
                                               : says.type;
  if (says.type != kind) fail("frame {:#x} has type {}", frame, static_cast<int>(says.type));
  if (!is_domain(says.owner) && says.owner != kOwnerOrphan && typed + found.untyped != 0)
    fail("frame {:#x} of nobody or the hypervisor has {} references", frame, typed + found.untyped);
  if (says.owner == kOwnerOrphan && typed + found.untyped == 0) fail("orphan {:#x} not freed", frame);
}

void MemoryChecker::check_owners() {
  FrameTable& frames = memory_.frames();
  u32 listed = 0;
  for (u32 f = 0; f < frame_count(); ++f) ++owned_[info(f).owner];
  const auto check_list = [&](const FrameList& list, u32 also) {
    listed += list.count;
    if (!frames.audit_list(list)) fail("a list of owner {:#x} is broken", list.owner);
    if (owned_[list.owner] != list.count + also)
      fail("{:#x} owns {} frames and has {} on its lists", list.owner, owned_[list.owner], list.count + also);
  };
  check_list(frames.free_list(), 0);
  check_list(frames.hypervisor(), 0);
  check_list(frames.orphans(), 0);
  domains_.for_each([&](const Domain& domain) {
    if (domain.memory.descriptor_table == MachineFrame::none()) return;
    check_list(domain.memory.frames, domain.memory.shared.count);
    listed += domain.memory.shared.count;
    if (!frames.audit_list(domain.memory.shared)) fail("the shared list of domain {} is broken", domain.id);
  });
  if (listed != frame_count()) fail("{} frames are on lists, RAM has {}", listed, frame_count());
  for (u32 f = 0; f < frame_count(); ++f) owned_[info(f).owner] = 0;
}

// What the CPUs have been given must be in use as what it was given as.
void MemoryChecker::check_cpus() {
  for (const auto& cpu : machine_.cpus) {
    if (cpu->directory != MachineFrame::none() && cpu->directory != memory_.master_directory() &&
        of(cpu->directory).l2 == 0)
      fail("CPU {} walks frame {:#x}, which is no directory", cpu->id(), cpu->directory.number());
    for (const MachineFrame frame : cpu->gdt_frames)
      if (of(frame).gdt == 0 && info(frame.number()).owner != kOwnerHypervisor)
        fail("CPU {} has a GDT in frame {:#x}, which is none", cpu->id(), frame.number());
    if (cpu->ring1_ss != 0 && (cpu->ring1_ss & 3) != 1)
      fail("CPU {} enters ring 1 on stack segment {:#x}", cpu->id(), cpu->ring1_ss);
    for (u32 i = 0; i < 4; ++i)
      if (cpu->debug_registers.at(i) > kHypervisorBase - 4)
        fail("CPU {} has a breakpoint in the hypervisor", cpu->id());
    const u32 dr7 = cpu->debug_registers.at(7);
    bool io = false;
    for (u32 i = 0; i < 4; ++i) io |= (dr7 >> (16 + 4 * i) & 3) == 2;
    if ((dr7 & 1u << 13) != 0 || ((dr7 & 0xff) != 0 && io)) fail("CPU {} has DR7 {:#x}", cpu->id(), dr7);
  }
}

}  // namespace test

#include "memory/memory_manager.h"

#include "base/planted.h"
#include "domain.h"
#include "memory/descriptor.h"
#include "vcpu.h"

namespace hv {
namespace {

FrameInfo* make_frame_infos(hw::Machine& machine, Arena& arena) {
  FrameInfo* infos = arena.make<FrameInfo>(machine.memory().frame_count());
  if (infos == nullptr) machine.stop("no room for the frame table");
  return infos;
}

}  // namespace

MemoryManager::MemoryManager(hw::Machine& machine, Arena& arena, const DomainTable& domains, u32 hypervisor_frames)
    : machine_{machine},
      memory_{machine.memory()},
      domains_{domains},
      frames_{make_frame_infos(machine, arena), memory_.frame_count(), hypervisor_frames},
      tlb_{machine.cpu_count()},
      tables_{memory_, frames_, tlb_, map_} {
  if (!map_.build(memory_, frames_)) machine_.stop("RAM too small for the machine-to-physical table");
  default_gdt_ = allocate_core_frame();
  if (default_gdt_ == MachineFrame::none()) machine_.stop("RAM too small for a descriptor table");
  install_reserved_descriptors(default_gdt_);
}

bool MemoryManager::open(Domain& domain) {
  DomainMemory& memory = domain.memory;
  if (memory.descriptor_table != MachineFrame::none()) return true;
  memory = DomainMemory{};
  memory.frames.owner = memory.shared.owner = static_cast<OwnerId>(domain.id);
  memory.descriptor_table = allocate_core_frame();
  return memory.descriptor_table != MachineFrame::none();
}

HypercallResult MemoryManager::allocate_frames(Domain& domain, u32 count) {
  DomainMemory& memory = domain.memory;
  if (frames_.free_count() < kFreeSlack || frames_.free_count() - kFreeSlack < count) return Error::no_memory;
  if (!open(domain)) return Error::no_memory;
  for (u32 i = 0; i < count; ++i) memory_.zero(frames_.allocate(memory.frames));
  memory.max_frames = memory.frames.count + memory.lent;
  return HypercallResult::count(count);
}

MachineFrame MemoryManager::share_frame(Domain& domain) {
  if (!open(domain)) return MachineFrame::none();
  const MachineFrame frame = frames_.allocate(domain.memory.shared);
  if (frame == MachineFrame::none()) return frame;
  memory_.zero(frame);
  (void)tables_.take(frame, FrameType::writable);  // the core's reference; a fresh frame has no other type
  return frame;
}

void MemoryManager::release_all(hw::Cpu& cpu, Domain& domain) {
  for (u32 i = 0; i < domain.vcpu_count; ++i) {
    Vcpu& vcpu = *domain.vcpus[i];
    drop_gdt(vcpu);
    (void)drop_ldt_shadow(vcpu);
    if (vcpu.directory != MachineFrame::none()) drop_directory(vcpu.directory);
    vcpu.directory = MachineFrame::none();
  }
  FrameList& owned = domain.memory.frames;
  for (MachineFrame frame = frames_.first(owned); frame != MachineFrame::none(); frame = frames_.next(frame)) {
    FrameInfo& info = frames_.info(frame);
    if (!info.has(FrameInfo::kPinned) || HV_PLANTED(pins_kept_at_death)) continue;
    info.flags = static_cast<u8>(info.flags & ~FrameInfo::kPinned);
    tables_.drop(frame);
  }
  FrameList& shared = domain.memory.shared;
  for (MachineFrame frame = frames_.first(shared); frame != MachineFrame::none(); frame = frames_.next(frame)) {
    tables_.drop(frame);
  }
  for (FrameList* list : {&owned, &shared}) {
    while (list->count != 0) {
      const MachineFrame frame = frames_.first(*list);
      const FrameInfo& info = frames_.info(frame);
      tlb_.request(info.owner, info.flush_stamp);
      set_machine_to_phys(frame, kNoPage);
      if (info.total_count == 0) {
        frames_.release(frame, *list);
      } else {
        frames_.move(frame, *list, frames_.orphans());
      }
    }
  }
  if (domain.memory.descriptor_table != MachineFrame::none()) release_core_frame(domain.memory.descriptor_table);
  domain.memory = DomainMemory{};
  tables_.report_work(cpu);
  (void)tables_.take_ldt_unmapped();
  tlb_.settle(cpu);
}

bool MemoryManager::take_directory(Domain& domain, MachineFrame directory) {
  if (!frames_.contains(directory)) return false;
  if (frames_.info(directory).owner != domain.id && !HV_PLANTED(base_of_any_owner)) return false;
  if (!tables_.take(directory, FrameType::l2)) return false;
  memory_.window(directory).store(kPerDomainSlot, domain.memory.descriptor_table.address() | kWritableEntry);
  return true;
}

void MemoryManager::drop_directory(MachineFrame directory) { tables_.drop(directory); }

void MemoryManager::load_address_space(hw::Cpu& cpu, const Vcpu& vcpu) {
  if (vcpu.is_idle) {
    tlb_.load(cpu, master_directory(), kOwnerHypervisor);
  } else {
    tlb_.load(cpu, vcpu.directory, static_cast<OwnerId>(vcpu.domain->id));
  }
  load_descriptor_tables(cpu, vcpu);
}

MachineFrame MemoryManager::allocate_core_frame() {
  const MachineFrame frame = frames_.allocate(frames_.hypervisor());
  if (frame != MachineFrame::none()) memory_.zero(frame);
  return frame;
}

void MemoryManager::release_core_frame(MachineFrame frame) { frames_.release(frame, frames_.hypervisor()); }

}  // namespace hv

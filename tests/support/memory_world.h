// Domains with real address spaces on the fake machine, and the hypercalls as a guest would make them.
#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "domain_table.h"
#include "interface/memory.h"
#include "interface/start_info.h"
#include "memory/memory_manager.h"
#include "memory/page_exchange.h"
#include "support/fake_machine.h"

namespace test {

inline constexpr u32 kP = kEntryPresent, kW = kEntryWritable;

// One domain with one vCPU, built as domain 0 is. Page p of it is at kGuestKernelStart + p * 4 kB and stays there
// unless a test maps it otherwise. The last page but one holds what hypercalls read and write.
struct Guest {
  explicit Guest(Domain& made) : domain{made}, vcpu{*made.vcpus[0]} {}

  Domain& domain;
  Vcpu& vcpu;
  InitialSpace space;
  std::vector<MachineFrame> pages;  // as built

  MachineFrame directory() const { return space.directory; }
  MachineFrame page(u32 number) const { return pages.at(number); }
  u32 first_free() const { return first_free_page; }
  u32 scratch_page() const { return static_cast<u32>(pages.size()) - 2; }
  u32 scratch_address() const { return kGuestKernelStart + (scratch_page() << kPageShift); }
  // Machine address of the entry that maps a page of the kernel's map.
  u32 entry_of(u32 page) const { return pages.at(first_table_page + page / 1024).address() + page % 1024 * 4; }
  MachineFrame table() const { return pages.at(first_table_page); }
  u32 first_table_page = 0, first_free_page = 0;
};

class MemoryWorld {
 public:
  explicit MemoryWorld(u32 ram_frames = 2048, u32 cpus = 1)
      : machine{ram_frames, cpus},
        room_(MemoryManager::bytes_needed(ram_frames) + kMaxDomains * (sizeof(Domain) + sizeof(Vcpu) + 256)),
        arena{room_.data(), room_.size()},
        domains{arena, kMaxDomains},
        memory{machine, arena, domains, 16} {}

  Guest& add_guest(u32 pages) {
    Domain* domain = domains.create(1);
    if (domain == nullptr) throw MachineStopped("no room for the test's domain");
    guests.push_back(std::make_unique<Guest>(*domain));
    Guest& guest = *guests.back();
    guest.domain.privileged = guest.domain.id == kDomain0;
    if (!memory.allocate_frames(guest.domain, pages).ok()) throw MachineStopped("no memory for the test's domain");
    guest.domain.shared_info = memory.share_frame(guest.domain);
    const FrameTable& frames = memory.frames();
    for (MachineFrame f = frames.first(guest.domain.memory.frames); f != MachineFrame::none(); f = frames.next(f))
      guest.pages.push_back(f);
    if (!memory.build_domain0(cpu(), guest.domain, guest.space).ok()) throw MachineStopped("domain not built");
    const u32 list_pages = (pages + 1023) / 1024;
    guest.first_table_page = 1 + list_pages;
    guest.first_free_page = guest.first_table_page + (pages + 1 + kSparePages + 1023) / 1024 + 1;
    if (!memory.take_directory(guest.domain, guest.space.directory)) throw MachineStopped("directory refused");
    guest.vcpu.directory = guest.space.directory;
    run(guest);
    return guest;
  }

  FakeCpu& cpu(CpuId id = 0) { return machine.cpu(id); }
  void run(Guest& guest, CpuId id = 0) { memory.load_address_space(cpu(id), guest.vcpu); }

  // mmu_update through the guest's own memory. `done` gets the number that the core says it did.
  s32 update(Guest& guest, const std::vector<MmuUpdate>& requests, u32* done = nullptr) {
    const u32 place = guest.scratch_address(), count = static_cast<u32>(requests.size());
    if (!cpu().copy_to_guest(place + 4, requests.data(), count * 8)) return -1000;
    Caller caller{cpu(), guest.vcpu, guest.domain};
    const HypercallResult result = memory.mmu_update(caller, place + 4, count, place);
    u32 said = 0;
    if (!cpu().copy_from_guest(&said, place, 4)) return -1000;
    if (done != nullptr) *done = said;
    return result.eax();
  }
  s32 write_entry(Guest& guest, u32 machine_address, u32 entry) { return update(guest, {{machine_address, entry}}); }
  s32 command(Guest& guest, MmuCommand command, MachineFrame frame, u32 argument = 0) {
    return update(guest, {command_request(command, frame.address(), argument)});
  }
  static MmuUpdate command_request(MmuCommand command, u32 pointer, u32 argument = 0) {
    return {pointer | static_cast<u32>(MmuRequest::extended), static_cast<u32>(command) | argument << 8};
  }
  // Requests of domain 0 that name frames of `domain`.
  s32 update_foreign(Guest& guest, DomainId domain, std::vector<MmuUpdate> requests, u32* done = nullptr) {
    requests.insert(requests.begin(), command_request(MmuCommand::set_foreign_domain, 0, domain << 8));
    return update(guest, requests, done);
  }
  // Changes how page `page` of the kernel's map is mapped: flags 0 unmaps it.
  s32 remap(Guest& guest, u32 page, u32 flags) {
    return write_entry(guest, guest.entry_of(page), flags == 0 ? 0 : guest.page(page).address() | flags);
  }
  s32 balloon(Guest& guest, DomMemOp op, std::vector<u32>& numbers) {
    const u32 bytes = static_cast<u32>(numbers.size()) * 4;
    if (!cpu().copy_to_guest(guest.scratch_address(), numbers.data(), bytes)) return -1000;
    Caller caller{cpu(), guest.vcpu, guest.domain};
    const s32 result =
        memory.dom_mem_op(caller, static_cast<u32>(op), guest.scratch_address(), static_cast<u32>(numbers.size()))
            .eax();
    if (!cpu().copy_from_guest(numbers.data(), guest.scratch_address(), bytes)) return -1000;
    return result;
  }
  s32 set_gdt(Guest& guest, const std::vector<u32>& frames, u32 entries) {
    const u32 bytes = static_cast<u32>(frames.size()) * 4;
    if (!cpu().copy_to_guest(guest.scratch_address(), frames.data(), bytes)) return -1000;
    Caller caller{cpu(), guest.vcpu, guest.domain};
    return memory.set_gdt(caller, guest.scratch_address(), entries).eax();
  }
  s32 update_va_mapping(Guest& guest, u32 address, u32 entry, u32 flags = 0) {
    Caller caller{cpu(), guest.vcpu, guest.domain};
    return memory.update_va_mapping(caller, address >> kPageShift, entry, flags).eax();
  }

  // A free page of the guest made into an empty, pinned page table; its direct mapping becomes read-only.
  s32 make_table(Guest& guest, u32 page, MmuCommand pin = MmuCommand::pin_l1) {
    return update(guest, {{guest.entry_of(page), guest.page(page).address() | kP},
                          command_request(pin, guest.page(page).address())});
  }

  const FrameInfo& info(MachineFrame frame) { return memory.frames().info(frame); }

  FakeMachine machine;

 private:
  static constexpr u32 kMaxDomains = 4;
  std::vector<u8> room_;

 public:
  Arena arena;
  DomainTable domains;
  MemoryManager memory;
  std::vector<std::unique_ptr<Guest>> guests;
};

}  // namespace test

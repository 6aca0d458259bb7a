// What the domains of the attack do without a hypercall, and what devices do to their memory.
#include "interface/start_info.h"
#include "support/memory_attack.h"

namespace test {

// --- what guests do by themselves ------------------------------------------------------------------------------------

// As the MMU: rights of both levels count in ring 1, and accessed and dirty bits are set where it passes.
u32* MemoryAttack::walk(u32 address, bool write) {
  if (address >= kHypervisorStart) return nullptr;
  u32 table = cpu().directory.address();
  u32* entry = nullptr;
  for (const u32 index : {address >> 22, address >> 12 & 1023}) {
    entry = machine_.ram.words_of(MachineFrame::of_address(table)) + index;
    if ((*entry & kP) == 0 || (write && (*entry & kW) == 0) || *entry >> kPageShift >= kFrames) return nullptr;
    table = *entry & kEntryFrameMask;
  }
  u32& upper = *(machine_.ram.words_of(cpu().directory) + (address >> 22));
  upper |= kEntryAccessed;
  *entry |= kEntryAccessed | (write ? kEntryDirty : 0);
  return entry;
}

MemoryAttack::Translation MemoryAttack::translation(u32 entry, bool writable) {
  const MachineFrame frame = MachineFrame::of_address(entry);
  return {frame.number(), core_->memory().frames().info(frame).owner, writable};
}

bool MemoryAttack::store_word(u32 address, u32 value) {
  Tlb& tlb = tlbs_[cpu_];
  auto held = tlb.find(address >> kPageShift);
  if (held == tlb.end() || !held->second.writable) {
    const u32* entry = walk(address, true);
    if (entry == nullptr) return false;
    held = tlb.insert_or_assign(address >> kPageShift, translation(*entry, true)).first;
  }
  machine_.ram.set_word(held->second.frame << kPageShift | (address & 0xffc), value);
  ++acted_;
  return true;
}

void MemoryAttack::guest_work(const Command& c) {
  switch (c.act) {
    case Act::store: {
      const u32 at = (address(c.a) & ~0xfffu) | index(c.b) * 4;
      if (at >> kPageShift == actor().scratch() >> kPageShift) return;
      (void)store_word(at, c.c % 4 == 0 ? u32{c.c} * 0x9e3779b9u : frame(c.b).address() | flags(c.c / 4));
      return;
    }
    case Act::load: {
      if (tlbs_[cpu_].contains(address(c.a) >> kPageShift)) return;
      const u32* entry = walk(address(c.a), false);
      if (entry == nullptr) return;
      tlbs_[cpu_][address(c.a) >> kPageShift] = translation(*entry, false);
      ++acted_;
      return;
    }
    case Act::build_table:
      return build_table(c);
    default:
      return build_descriptors(c);
  }
}

// What a kernel does for a new table: fill it while it is an ordinary page, give up writing it, pin or hook it.
void MemoryAttack::build_table(const Command& c) {
  Actor& me = actor();
  const u32 page = me.first_free + c.a % 8, address = kGuestKernelStart + page * kPageSize;
  const bool directory = c.b % 3 == 0;
  (void)submit();
  for (u32 i = 0; i < 4; ++i) {
    const u32 bits = c.c >> (4 * i) & 15, target = me.first_free + (c.a / 8 + i * 5) % 16;
    const u32 entry = bits == 0 ? 0 : me.pages[bits == 1 ? page : target].address() | flags(bits);
    (void)store_word(address + index(c.b / 16 + i * 20) * 4, entry);
  }
  if (directory && c.b % 2 == 0) {
    (void)store_word(address + (kGuestKernelStart >> 22) * 4, me.pages[me.table_page].address() | kP | kW);
  }
  if (c.b % 16 != 15) request(me.entry_of(page), me.pages[page].address() | kP);
  if (c.b / 8 % 4 != 0) command(directory ? MmuCommand::pin_l2 : MmuCommand::pin_l1, me.pages[page].address());
  if (c.b / 2 % 2 == 0 && !directory)
    request(me.directory().address() + c.a / 128 % 8 * 4, me.pages[page].address() | kP | kW);
  if (c.b / 4 % 2 == 0 && directory) command(MmuCommand::new_base_pointer, me.pages[page].address());
  (void)submit(me.scratch() + kDone);
}

// The same for a descriptor table.
void MemoryAttack::build_descriptors(const Command& c) {
  Actor& me = actor();
  const u32 page = me.first_free + c.a % 8, address = kGuestKernelStart + page * kPageSize;
  (void)submit();
  for (u32 word = 2; word < 8; word += 2) {
    (void)store_word(address + word * 4, c.c % 2 == 0 ? 0xffff : u32{c.c} << 16);
    (void)store_word(address + word * 4 + 4, c.c % 8 < 5 ? 0x00cbf200 : descriptor_high(c.c / 8 + word));
  }
  if (current_ == 0 && c.b % 4 == 3) {  // another domain's page, which domain 0 may map and not more
    const Actor& other = actors_[1 + c.c % kGuests];
    command(MmuCommand::set_foreign_domain, 0, other.domain->id << 8);
    request(me.entry_of(page), other.pages[c.c / 4 % other.size()].address() | kP);
  } else if (c.b % 8 != 7) {
    request(me.entry_of(page), me.pages[page].address() | kP);
  }
  if (c.b % 2 == 0) {
    (void)submit(me.scratch() + kDone);
    const u32 numbers[] = {me.pages[page].number(), me.pages[me.first_free + c.a / 8 % 8].number()};
    if (put(me.scratch() + kArguments, numbers))
      (void)call(Hypercall::set_gdt, {me.scratch() + kArguments, c.b % 4 == 0 ? 512u : 900u});
  } else {
    command(MmuCommand::set_ldt, address, 1 + c.b / 8 % 1024);
    (void)submit(me.scratch() + kDone);
  }
}

// --- the network's side, and domain 0's ------------------------------------------------------------------------------

void MemoryAttack::device_work(const Command& c) {
  switch (c.act) {
    case Act::lend: {
      PostedBuffer buffer;
      const u32 entry = c.b % 4 == 0 ? frame(c.a).address() + index(c.c) * 4 : actor().entry_of(page(c.a));
      if (checker_.posted.size() >= 8 || !exchange_.take_buffer(*actor().domain, entry, buffer)) return;
      checker_.posted.push_back(buffer);
      lenders_.push_back(actor().domain->id);
      ++acted_;
      return;
    }
    case Act::deliver: {
      if (checker_.posted.empty()) return;
      ++acted_;
      const std::size_t which = c.a % checker_.posted.size();
      const PostedBuffer buffer = checker_.posted[which];
      Domain& to = *core_->domains().find(lenders_[which]);
      checker_.posted.erase(checker_.posted.begin() + static_cast<std::ptrdiff_t>(which));
      lenders_.erase(lenders_.begin() + static_cast<std::ptrdiff_t>(which));
      if (c.b % 4 == 0) return exchange_.return_buffer(to, buffer);
      const MachineFrame packet = core_->memory().allocate_core_frame();
      bool delivered = false;
      const MachineFrame left = exchange_.give_packet(cpu(), to, buffer, packet, kPageSize, delivered);
      if (delivered)
        for (Actor& each : actors_)
          if (each.domain == &to)
            for (MachineFrame& page : each.pages)
              if (page == buffer.frame) page = packet;
      settle();
      core_->memory().release_core_frame(left);
      return;
    }
    case Act::hold: {
      const MachineFrame held = frame(c.a);
      if (checker_.payloads.size() >= 4 || !exchange_.hold_payload(*actor().domain, held)) return;
      checker_.payloads.push_back(held);
      ++acted_;
      return;
    }
    case Act::release:
      if (checker_.payloads.empty()) return;
      ++acted_;
      exchange_.release_payload(checker_.payloads.back());
      checker_.payloads.pop_back();
      return;
    case Act::run:
      return run(c.a % static_cast<u32>(actors_.size()), c.b % 2);
    default:
      if (c.b % 4 == 0) destroy_guest(1 + c.a % kGuests);
  }
}

}  // namespace test

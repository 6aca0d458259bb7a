// The requests and hypercalls of the attack, and what their numbers mean.
#include "hypercall_table.h"
#include "interface/control.h"
#include "interface/start_info.h"
#include "support/memory_attack.h"

namespace test {

// --- numbers to things -----------------------------------------------------------------------------------------------

MachineFrame MemoryAttack::frame(u32 number) {
  const u32 kind = number % 16, rest = number / 16;
  Actor& other = actors_[rest % actors_.size()];
  switch (kind) {
    case 0:
      return MachineFrame{rest % (kFrames + 16)};  // anybody's, or beyond RAM
    case 1:
      return other.pages[rest / 4 % other.size()];
    case 2:
      return actor().domain->shared_info;
    case 3:
      return rest % 2 == 0 ? actor().directory() : actor().pages[actor().table_page];
    case 4:
      return rest % 8 < 4 ? other.directory() : other.pages[other.table_page];
    case 5:
      return last_given_;
    default:
      return actor().pages[page(rest)];
  }
}

u32 MemoryAttack::address(u32 number) const {
  if (number % 8 == 0) return (number / 8) << 19 | (number & 0xff8);  // anywhere
  if (number % 8 == 1) return kPerDomainStart + (16 + number / 8 % 3) * kPageSize + (number / 32) * 8 % kPageSize;
  if (number % 8 == 2) return (number / 8 % 8) << 22 | (number / 64 % 48) << kPageShift;
  return kGuestKernelStart + number / 8 % 48 * kPageSize + number / 512 * 8;
}

u32 MemoryAttack::flags(u32 number) {
  constexpr u32 kUser = kEntryUser, kA = kEntryAccessed, kD = kEntryDirty;
  constexpr u32 kLikely[16] = {0,
                               kP,
                               kP,
                               kP | kW,
                               kP | kW,
                               kP | kW,
                               kP | kW,
                               kP | kUser,
                               kP | kW | kUser,
                               kP | kW | kA | kD,
                               kP | kA,
                               kP,
                               kP | kW,
                               kW,
                               kP | kEntryLarge,
                               kP | kW | kEntryGlobal};
  return kLikely[number % 16];
}

// Tables are changed at few places, so that entries meet.
u32 MemoryAttack::index(u32 number) { return number % 4 == 0 ? number / 4 % 1024 : number / 4 % 48; }

u32 MemoryAttack::descriptor_high(u32 number) const {
  constexpr u32 kLikely[] = {0x00cbf200, 0x00cbfa00, 0x00cbb200, 0x00000000, 0x0040f600, 0x00cf9200,
                             0x00cff200, 0x00008900, 0x0000ec00, 0x00cbf201, 0x00cbb2fc, 0x00cbf200};
  return number % 13 == 12 ? number * 0x9e3779b9u : kLikely[number % 13];
}

// --- hypercalls ------------------------------------------------------------------------------------------------------

s32 MemoryAttack::call(Hypercall number, std::array<u32, 5> arguments) {
  const u32 words[kHypercallArguments] = {arguments[0], arguments[1], arguments[2], arguments[3], arguments[4]};
  Caller who = caller();
  core_->clock().enter(cpu());
  ++counts_.hypercalls;
  ++acted_;
  const s32 result = perform_hypercall(*core_, who, static_cast<u32>(number), words).eax();
  ++(result >= 0 ? counts_.accepted : counts_.refused);
  settle();
  return result;
}

bool MemoryAttack::put(u32 address, std::span<const u32> words) {
  ++acted_;
  return cpu().copy_to_guest(address, words.data(), static_cast<u32>(words.size_bytes()));
}

void MemoryAttack::request(u32 pointer, u32 value) {
  list_.push_back({pointer, value});
  if (list_.size() == kListRoom) (void)submit();
}

void MemoryAttack::command(MmuCommand command, u32 pointer, u32 argument) {
  request((pointer & ~3u) | static_cast<u32>(MmuRequest::extended), static_cast<u32>(command) | argument << 8);
}

s32 MemoryAttack::submit(u32 done) {
  static_assert(kList + kListRoom * sizeof(MmuUpdate) <= kArguments);
  const u32 count = static_cast<u32>(list_.size()), scratch = actor().scratch();
  static_assert(sizeof(MmuUpdate) == 2 * sizeof(u32));
  std::array<u32, 2 * kListRoom> words;
  for (u32 i = 0; i < count; ++i) {
    words[2 * i] = list_[i].pointer;
    words[2 * i + 1] = list_[i].value;
  }
  // What the requests name is known before they run; only reassigning changes an owner, and not to a third one.
  const std::vector<MmuUpdate> requests = std::move(list_);
  list_.clear();
  if (!put(scratch + kList, std::span{words}.first(2 * count))) return -1000;
  const FrameTable& frames = core_->memory().frames();
  std::vector<OwnerId> owners(count, kOwnerFree);
  std::vector<u32> holders(count);
  for (u32 i = 0; i < count; ++i) {
    const MachineFrame named = MachineFrame::of_address(requests[i].pointer);
    if (!frames.contains(named)) continue;
    owners[i] = frames.info(named).owner;
    holders[i] = frames.info(named).total_count;
  }
  counts_.requests += count;
  const s32 result = call(Hypercall::mmu_update, {scratch + kList, count, done});
  u32 completed = 0;
  // If the batch took away the page of the count, there is none.
  if (done == scratch + kDone && result != kBadAddress && cpu().copy_from_guest(&completed, done, sizeof completed))
    judge(requests, owners, holders, completed);
  return result;
}

// Whose frames the completed requests named: the caller's own, or a foreign domain's that domain 0 had named before.
void MemoryAttack::judge(std::span<const MmuUpdate> requests, const std::vector<OwnerId>& owners,
                         std::span<const u32> holders, u32 completed) {
  const u32 self = actor().domain->id;
  u32 foreign = self;
  for (u32 i = 0; i < completed && i < requests.size(); ++i) {
    const auto [pointer, value] = requests[i];
    const bool is_command = (pointer & 3) == 3;
    const u32 verb = is_command ? value & 255 : 0;
    bool good = true;
    if (!is_command || verb == 0 || verb == 1 || verb == 4) good = owners[i] == self || owners[i] == foreign;
    if (is_command && verb == 5) good = owners[i] == self;
    if (is_command && verb == 10) {
      foreign = value >> 16;
      good = self == kDomain0 && foreign != self;
    }
    if (is_command && verb == 11) foreign = self;
    if (is_command && verb == 13) good = owners[i] == self && foreign != self && (i != 1 || holders[i] == 0);
    if (!good && misjudged_.empty())
      misjudged_ =
          fmt::format("domain {}: request {:#x} {:#x} on a frame of {:#x} was done", self, pointer, value, owners[i]);
  }
}

// A page that the TLB may still hold: written, then unmapped without a flush.
void MemoryAttack::unmap_used_page(u32 page) {
  Actor& me = actor();
  (void)store_word(kGuestKernelStart + (page << kPageShift), 0);
  request(me.entry_of(page), 0);
  (void)submit(me.scratch() + kDone);
}

s32 MemoryAttack::control(ControlOp& op) {
  op.version = kControlVersion;
  const u32 place = actor().scratch() + kArguments;
  if (!put(place, std::span{reinterpret_cast<const u32*>(&op), sizeof op / 4})) return -1000;
  const s32 result = call(Hypercall::dom0_op, {place});
  if (!cpu().copy_from_guest(&op, place, sizeof op)) return -1000;
  return result;
}

void MemoryAttack::queue(const Command& c) {
  Actor& me = actor();
  const u32 value = u32{c.b} << 16 | c.c;
  switch (c.act) {
    case Act::entry:
      return request(frame(c.a).address() + index(c.c / 16) * 4, frame(c.b).address() | flags(c.c));
    case Act::direct: {
      const u32 entry = flags(c.b) == 0 ? 0 : me.pages[page(c.a)].address() | flags(c.b);
      return request(me.entry_of(page(c.a)), entry);
    }
    case Act::slot: {
      const u32 slot = c.a % 16 == 15 ? 1000 + c.a / 16 % 24 : c.a / 16 % 8;
      const MachineFrame directory = c.a % 16 == 14 ? frame(c.b + 1u) : me.directory();
      const MachineFrame target = c.a % 4 == 0 ? directory : c.a % 4 == 1 ? me.pages[me.table_page] : frame(c.b);
      return request(directory.address() + slot * 4, target.address() | flags(c.c));
    }
    case Act::m2p:
      return request(frame(c.a).address() | static_cast<u32>(MmuRequest::update_m2p), value);
    case Act::pin:
      return command(c.b % 3 == 0 ? MmuCommand::pin_l2 : MmuCommand::pin_l1, frame(c.a).address());
    case Act::unpin:
      return command(MmuCommand::unpin, frame(c.a).address());
    case Act::new_base:
      return command(MmuCommand::new_base_pointer, (c.b % 2 == 0 ? me.directory() : frame(c.a)).address());
    case Act::flush:
      return command(MmuCommand::flush_tlb, 0);
    case Act::invalidate:
      return command(MmuCommand::invalidate_page, address(c.a));
    case Act::set_ldt:
      return command(MmuCommand::set_ldt, kGuestKernelStart + c.a % 48 * kPageSize, c.b % 9000);
    case Act::foreign: {
      const Domain* domain = actors_[c.a % actors_.size()].domain;
      const u32 id = c.a / 4 % 8 == 7 ? c.a / 32 : domain->id;
      return command(MmuCommand::set_foreign_domain, 0, id << 8);
    }
    case Act::unforeign:
      return command(MmuCommand::clear_foreign_domain, 0);
    case Act::reassign: {
      if (c.b % 4 == 0) return command(MmuCommand::reassign_page, frame(c.a).address());
      (void)submit();
      const u32 given = me.first_free + c.a % 16;
      if (c.b % 4 != 1) unmap_used_page(given);
      command(MmuCommand::set_foreign_domain, 0, actors_[c.b / 4 % actors_.size()].domain->id << 8);
      command(MmuCommand::reassign_page, me.pages[given].address());
      (void)submit(me.scratch() + kDone);
      return;
    }
    default:
      return request(u32{c.a} << 16 | c.b, u32{c.c} * 0x10001);
  }
}

void MemoryAttack::hypercall(const Command& c) {
  Actor& me = actor();
  const u32 place = me.scratch() + kArguments;
  switch (c.act) {
    case Act::submit:
      (void)submit(c.a % 4 == 0 ? 0 : c.a % 4 == 1 ? address(c.b) : me.scratch() + kDone);
      return;
    case Act::multicall:
      return multicall(c);
    case Act::map_address:
      (void)call(Hypercall::update_va_mapping,
                 {address(c.a) >> kPageShift, frame(c.b).address() | flags(c.c), u32{c.c} / 16 % 4});
      return;
    case Act::map_foreign:
      (void)call(Hypercall::update_va_mapping_otherdomain,
                 {address(c.a) >> kPageShift, frame(c.b).address() | flags(c.c), u32{c.c} / 16 % 4,
                  actors_[c.c / 64 % actors_.size()].domain->id});
      return;
    case Act::balloon_up: {
      const u32 count = 1 + c.a % 3;
      if (call(Hypercall::dom_mem_op, {0, c.b % 8 == 0 ? address(c.c) : place, count}) < 1) return;
      u32 number = 0;
      if (!cpu().copy_from_guest(&number, place, sizeof number) || number >= kFrames) return;
      // It takes the place of a page that went.
      for (MachineFrame& page : me.pages)
        if (core_->memory().frames().info(page).owner != me.domain->id) {
          page = MachineFrame{number};
          return;
        }
      return;
    }
    case Act::balloon_down: {
      const bool used = c.c / 2 % 4 == 0;
      const u32 given = me.first_free + c.a / 16 % 16;
      if (used) unmap_used_page(given);
      const u32 numbers[] = {(used ? me.pages[given] : frame(c.a)).number(), frame(c.b).number()};
      if (!put(place, numbers)) return;
      if (call(Hypercall::dom_mem_op, {1, place, 1 + c.c % 2u}) >= 1) last_given_ = MachineFrame{numbers[0]};
      return;
    }
    case Act::set_gdt: {
      const u32 numbers[] = {frame(c.a).number(), frame(c.b).number()};
      if (put(place, numbers)) (void)call(Hypercall::set_gdt, {place, 250 + c.c % 800u});
      return;
    }
    case Act::update_descriptor: {
      const u32 entry = c.b % 4 == 0 ? 250 + c.b / 4 % 50 : c.b / 4 % 512;
      (void)call(Hypercall::update_descriptor, {frame(c.a).address() + entry * 8 + (c.b == 0xffff ? 4 : 0),
                                                c.c % 3 == 0 ? 0xffffu : u32{c.c} << 16, descriptor_high(c.c / 3)});
      return;
    }
    case Act::stack_switch:
      (void)call(Hypercall::stack_switch, {c.a % 2 == 0 ? hw::kRing1Ds : c.a, address(c.b)});
      return;
    case Act::fpu:
      if (c.a % 2 == 0) return (void)call(Hypercall::fpu_taskswitch, {});
      return fault({Act::fault, 7, 0, 0});
    case Act::debug_register: {
      const u32 value = c.a % 8 == 7 ? u32{c.b} << 12 | c.c : c.b % 2 == 0 ? address(c.c) : 0xfc3ffff0 + c.c % 32;
      (void)call(Hypercall::set_debugreg, {c.a % 9u, value});
      (void)call(Hypercall::get_debugreg, {c.a % 9u});
      return;
    }
    case Act::fast_trap:
      (void)call(Hypercall::set_fast_trap, {c.a % 3 == 0 ? 0x80u : c.a % 64u});
      return;
    default:
      return fault(c);
  }
}

void MemoryAttack::multicall(const Command& c) {
  static_assert(kCalls + 4 * sizeof(MulticallEntry) < kPageSize - 512);
  Actor& me = actor();
  const u32 count = static_cast<u32>(list_.size()), list = me.scratch() + kList, calls = me.scratch() + kCalls;
  std::array<u32, 2 * kListRoom> words{};
  for (u32 i = 0; i < count; ++i) {
    words[2 * i] = list_[i].pointer;
    words[2 * i + 1] = list_[i].value;
  }
  list_.clear();
  counts_.requests += count;
  const auto entry = [](Hypercall op, std::array<u32, 4> a) {
    return std::array<u32, 8>{static_cast<u32>(op), a[0], a[1], a[2], a[3], 0, 0, 0};
  };
  const std::array<std::array<u32, 8>, 4> entries{
      entry(Hypercall::mmu_update, {list, count, me.scratch() + kDone, 0}),
      entry(Hypercall::update_va_mapping,
            {address(c.a) >> kPageShift, frame(c.b).address() | flags(c.c), u32{c.c} / 16 % 4, 0}),
      entry(Hypercall::update_descriptor, {frame(c.b).address() + c.a % 512 * 8, 0xffff, descriptor_high(c.c), 0}),
      entry(c.a % 8 == 0 ? Hypercall::multicall : Hypercall::stack_switch, {hw::kRing1Ds, address(c.b), 0, 0})};
  if (!put(list, std::span{words}.first(2 * count))) return;
  for (u32 i = 0; i < entries.size(); ++i)
    if (!put(calls + i * 32, entries[i])) return;
  (void)call(Hypercall::multicall, {calls, 1 + c.c % static_cast<u32>(entries.size())});
  counts_.hypercalls += c.c % entries.size();
}

// An exception of the guest, in ring 1 or 3. Domain 0 keeps a good stack: without one it takes the machine with it.
void MemoryAttack::fault(const Command& c) {
  constexpr u32 kVectors[] = {14, 14, 14, 7, 1, 13, 14, 3};
  hw::Registers registers;
  const bool outer = c.c % 2 == 0 && current_ != 0;
  registers.cs = outer ? hw::kRing3Cs : hw::kRing1Cs;
  registers.ss = outer ? hw::kRing3Ds : hw::kRing1Ds;
  registers.vector = c.act == Act::fault && c.a == 7 ? 7 : kVectors[c.a % 8];
  registers.error_code = registers.vector == 13 ? c.b : 0;
  registers.esp = current_ == 0 || c.c % 8 != 1 ? actor().scratch() + kPageSize - 64 : address(c.c / 8);
  Caller who = caller();
  core_->clock().enter(cpu());
  ++counts_.faults;
  ++acted_;
  core_->traps().exception(who, registers, c.b % 2 == 0 ? address(u32{c.b} / 2 * 8 + 1) : address(c.b / 2));
  settle();
  if (actor().domain->crashed) actor().broken = true;
}

}  // namespace test

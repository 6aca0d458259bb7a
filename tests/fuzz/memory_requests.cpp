// Random requests of hostile and honest guests; after each, every reference is recounted from the words in RAM.
//
// A model of the TLB keeps writable translations as hardware does, until the core flushes: none of them may reach a
// frame that has become a table or somebody else's.
#include <doctest/doctest.h>

#include <cstdlib>
#include <map>
#include <random>

#include "support/memory_checker.h"
#include "support/memory_world.h"

using namespace test;

namespace {

class Fuzzer {
 public:
  explicit Fuzzer(u32 seed) : random_{seed}, world_{1024}, checker_{world_}, exchange_{world_.memory} {
    for (int i = 0; i < 3; ++i) world_.add_guest(40);
    switch_to(pick(3));
  }

  // Empty when the step left everything in order.
  std::string step() {
    switch (pick(24)) {
      case 0:
        switch_to(pick(3));
        break;
      case 1:
        balloon();
        break;
      case 2:
        lend_buffer();
        break;
      case 3:
        deliver();
        break;
      case 4:
        hold_payload();
        break;
      case 5:
        descriptors();
        break;
      case 6:
        va_mapping();
        break;
      case 7:
      case 8:
      case 9:
        touch();
        break;
      case 10:
      case 11:
        build_table();
        break;
      default:
        batch();
    }
    keep_scratch();
    if (std::string failure = checker_.check(); !failure.empty()) return failure;
    return check_tlb();
  }
  u32 accepted = 0, refused = 0, flushes = 0;

 private:
  u32 pick(u32 n) { return random_() % n; }
  Guest& guest() { return *world_.guests[current_]; }
  MachineFrame own_page() {
    Guest& g = guest();
    u32 page = pick(static_cast<u32>(g.pages.size()));
    if (page == g.scratch_page()) page = g.first_free();
    return g.pages[page];
  }
  MachineFrame some_frame() {
    switch (pick(16)) {
      case 0:
        return MachineFrame{pick(1100)};  // anybody's, or beyond RAM
      case 1:
        return world_.guests[pick(3)]->pages[pick(40)];
      case 2:
        return guest().domain.shared_info;
      default:
        return own_page();
    }
  }
  u32 some_flags() {
    u32 flags = pick(8) == 0 ? 0 : kP;
    if (pick(3) == 0) flags |= kW;
    if (pick(4) == 0) flags |= (kEntryUser | kEntryAccessed | kEntryDirty) & random_();
    if (pick(40) == 0) flags |= kEntryLarge | kEntryGlobal;
    return flags;
  }
  u32 some_entry() { return some_frame().address() | some_flags(); }
  // Tables are changed at few places, so that entries meet.
  u32 some_index() { return pick(4) == 0 ? pick(1024) : pick(48); }

  void switch_to(u32 number) {
    current_ = number;
    world_.run(guest());
    note_flush();
  }
  void note_flush() {
    FakeCpu& cpu = world_.cpu();
    if (cpu.base_loads != loads_seen_) {
      tlb_.clear();
      loads_seen_ = cpu.base_loads;
      ++flushes;
    }
    for (const u32 address : cpu.invalidated) tlb_.erase(address >> 12);
    cpu.invalidated.clear();
  }
  void count(s32 result) {
    ++(result >= 0 ? accepted : refused);
    note_flush();
  }

  MmuUpdate request() {
    switch (pick(12)) {
      case 0:
        return MemoryWorld::command_request(MmuCommand::pin_l1, some_frame().address());
      case 1:
        return MemoryWorld::command_request(MmuCommand::pin_l2, some_frame().address());
      case 2:
      case 3:
        return MemoryWorld::command_request(MmuCommand::unpin, some_frame().address());
      case 4:
        if (pick(3) != 0) return {some_frame().address() | 2, static_cast<u32>(random_())};
        if (pick(3) != 0) return MemoryWorld::command_request(MmuCommand::flush_tlb, 0);
        if (pick(2) != 0) return MemoryWorld::command_request(MmuCommand::set_ldt, some_address() & ~4095u, pick(2000));
        return {static_cast<u32>(random_()), static_cast<u32>(random_())};
      case 5:
        if (pick(2) != 0) return MemoryWorld::command_request(MmuCommand::invalidate_page, some_address());
        return {guest().directory().address() + pick(8) * 4, guest().directory().address() | some_flags()};
      case 6:
        return MemoryWorld::command_request(MmuCommand::new_base_pointer,
                                            pick(2) != 0 ? guest().directory().address() : some_frame().address());
      case 7:
      case 8: {  // the direct mapping of one of its pages: how a page becomes available as a table, or again as a page
        const u32 page = pick(40);
        if (page == guest().scratch_page()) break;
        static constexpr u32 kFlags[] = {0, kP, kP, kP | kW, kP | kW};
        const u32 flags = kFlags[pick(5)];
        return {guest().entry_of(page), flags == 0 ? 0 : guest().page(page).address() | flags};
      }
      default:
        break;
    }
    return {some_frame().address() + some_index() * 4, some_entry()};
  }
  u32 some_address() {
    return pick(3) == 0 ? static_cast<u32>(random_()) : kGuestKernelStart + pick(48) * kPageSize + pick(4096);
  }

  void batch() {
    std::vector<MmuUpdate> requests(1 + pick(pick(8) == 0 ? 40 : 4));
    for (MmuUpdate& each : requests) each = request();
    u32 done = 0;
    const s32 result = world_.update(guest(), requests, &done);
    if (result == 0) CHECK(done == requests.size());
    if (result == -22) CHECK(done < requests.size());
    count(result);
  }

  // What an honest kernel does for a new table: fill it while it is an ordinary page, then give it up and pin it.
  void build_table() {
    Guest& g = guest();
    const u32 page = g.first_free() + pick(8);
    const bool directory = pick(3) == 0;
    std::vector<MmuUpdate> requests;
    for (u32 i = 0; i < 6; ++i) {
      const u32 slot = pick(48);
      const u32 address = kGuestKernelStart + (page << 12) + slot * 4;
      const u32 entry = pick(3) == 0 ? 0 : g.page(g.first_free() + pick(24)).address() | kP | (pick(2) != 0 ? kW : 0);
      (void)write(address, &entry, 4);
    }
    if (directory && pick(2) != 0) {
      const u32 kernel = g.table().address() | kP | kW;
      (void)write(kGuestKernelStart + (page << 12) + 768 * 4, &kernel, 4);
    }
    requests.push_back({g.entry_of(page), g.page(page).address() | kP});
    requests.push_back(
        MemoryWorld::command_request(directory ? MmuCommand::pin_l2 : MmuCommand::pin_l1, g.page(page).address()));
    if (pick(2) != 0) requests.push_back({g.directory().address() + pick(8) * 4, g.page(page).address() | kP | kW});
    count(world_.update(g, requests));
  }

  // The guest writes memory through its own page tables, and through what its TLB still holds.
  bool write(u32 address, const void* from, u32 bytes) {
    const bool stored = world_.cpu().copy_to_guest(address, from, bytes);
    if (stored) tlb_[address >> 12] = world_.cpu().translate(address) >> 12;
    return stored;
  }
  void touch() {
    const u32 value = pick(2) == 0 ? static_cast<u32>(random_()) : some_entry();
    const u32 address = (pick(4) == 0 ? pick(8) << 22 : kGuestKernelStart) + pick(48) * kPageSize + pick(1024) * 4;
    if ((address >> 12) - (kGuestKernelStart >> 12) != guest().scratch_page()) (void)write(address, &value, 4);
  }

  void va_mapping() {
    u32 address = some_address();
    if (address >> 12 == guest().scratch_address() >> 12) address += kPageSize;
    count(world_.update_va_mapping(guest(), address, some_entry(), pick(4)));
  }

  void balloon() {
    Guest& g = guest();
    std::vector<u32> numbers{some_frame().number()};
    if (pick(2) == 0) {  // a page just used and unmapped, without a flush
      const u32 page = g.first_free() + pick(24);
      const u32 value = 0;
      (void)write(kGuestKernelStart + (page << 12), &value, 4);
      count(world_.remap(g, page, 0));
      numbers[0] = g.page(page).number();
    }
    if (pick(2) == 0) {
      const s32 result = world_.balloon(g, DomMemOp::increase, numbers);
      // A page that went comes back as another frame.
      if (result == 1)
        for (MachineFrame& page : g.pages)
          if (world_.memory.frames().info(page).owner != g.domain.id) {
            page = MachineFrame{numbers[0]};
            break;
          }
      count(result);
    } else {
      count(world_.balloon(g, DomMemOp::decrease, numbers));
    }
  }

  void lend_buffer() {
    PostedBuffer posted;
    const u32 page = pick(40), value = 0;
    if (page != guest().scratch_page()) (void)write(kGuestKernelStart + (page << 12), &value, 4);
    u32 entry_address = pick(3) == 0 ? some_frame().address() + some_index() * 4 : guest().entry_of(page);
    if (entry_address == guest().entry_of(guest().scratch_page())) entry_address += 4;
    const bool taken = exchange_.take_buffer(guest().domain, entry_address, posted);
    ++(taken ? accepted : refused);
    if (!taken) return;
    checker_.posted.push_back(posted);
    lenders_.push_back(current_);
  }
  void deliver() {
    if (checker_.posted.empty()) return;
    const u32 which = pick(static_cast<u32>(checker_.posted.size()));
    const PostedBuffer posted = checker_.posted[which];
    Guest& to = *world_.guests[lenders_[which]];
    checker_.posted.erase(checker_.posted.begin() + which);
    lenders_.erase(lenders_.begin() + which);
    if (pick(4) == 0) return exchange_.return_buffer(to.domain, posted);
    const MachineFrame packet = world_.memory.allocate_core_frame();
    bool delivered = false;
    const MachineFrame left = exchange_.give_packet(world_.cpu(), to.domain, posted, packet, delivered);
    CHECK(delivered == (left != packet));
    if (delivered)
      for (MachineFrame& page : to.pages)
        if (page == posted.frame) page = packet;
    note_flush();
    world_.memory.release_core_frame(left);
  }
  void hold_payload() {
    const MachineFrame frame = some_frame();
    if (checker_.payloads.size() < 4 && exchange_.hold_payload(guest().domain, frame)) {
      checker_.payloads.push_back(frame);
    } else if (!checker_.payloads.empty()) {
      exchange_.release_payload(checker_.payloads.back());
      checker_.payloads.pop_back();
    }
  }

  void descriptors() {
    Caller caller{world_.cpu(), guest().vcpu, guest().domain};
    switch (pick(3)) {
      case 0: {
        const u32 entries = 296 + pick(600);
        std::vector<u32> frames(2);
        for (u32& frame : frames) frame = some_frame().number();
        return count(world_.set_gdt(guest(), frames, entries));
      }
      case 1:
        return count(world_.memory.map_ldt_page(caller, 0xff410000 + pick(3) * kPageSize) ? 0 : -1);
      default: {
        const u32 address = some_frame().address() + pick(512) * 8;
        return count(world_.memory.update_descriptor(caller, address, random_(), random_()).eax());
      }
    }
  }

  // Requests are passed through the scratch page: a guest that has lost it in its own directory could do nothing more.
  void keep_scratch() {
    Guest& g = guest();
    if (world_.cpu().translate(g.scratch_address()) >> 12 == g.page(g.scratch_page()).number() &&
        world_.cpu().copy_to_guest(g.scratch_address(), "", 1))
      return;
    Caller caller{world_.cpu(), g.vcpu, g.domain};
    if (world_.memory.take_directory(g.domain, g.directory())) {
      if (g.vcpu.directory != MachineFrame::none()) world_.memory.drop_directory(g.vcpu.directory);
      g.vcpu.directory = g.directory();
      world_.run(g);
      note_flush();
    }
    const u32 address = g.scratch_address();
    (void)world_.memory.update_va_mapping(caller, address >> 12, g.page(g.scratch_page()).address() | kP | kW, 1);
    note_flush();
  }

  std::string check_tlb() {
    for (const auto& [page, number] : tlb_) {
      const FrameInfo& info = world_.info(MachineFrame{number});
      const bool foreign = info.owner != guest().domain.id && !(current_ == 0 && is_domain(info.owner));
      const bool table = info.type_count != 0 && info.type != FrameType::writable;
      const bool lent = info.owner == kOwnerHypervisor && is_posted(number);  // flushed when the packet comes
      if ((foreign && !lent) || table)
        return fmt::format("domain {} can still write frame {:#x} of owner {:#x}, type {}, at page {:#x}", current_,
                           number, info.owner, static_cast<int>(info.type), page);
    }
    return "";
  }
  bool is_posted(u32 number) const {
    for (const PostedBuffer& each : checker_.posted)
      if (each.frame.number() == number) return true;
    return false;
  }

  std::mt19937 random_;
  MemoryWorld world_;
  MemoryChecker checker_;
  PageExchange exchange_;
  std::vector<u32> lenders_;  // guest of each lent buffer
  u32 current_ = 0;
  std::map<u32, u32> tlb_;  // writable translations: page -> frame
  u32 loads_seen_ = 0;
};

}  // namespace

TEST_CASE("no sequence of requests breaks a count, lets a guest write a table, or maps what is not its own") {
  const char* wanted = std::getenv("RINGZERO_FUZZ_SEEDS");
  const u32 seeds = wanted != nullptr ? static_cast<u32>(std::atoi(wanted)) : 100;
  u32 accepted = 0, refused = 0, flushes = 0;
  for (u32 seed = 1; seed <= seeds; ++seed) {
    Fuzzer fuzzer{seed};
    for (u32 step = 0; step < 400; ++step) {
      const std::string failure = fuzzer.step();
      INFO("seed " << seed << ", step " << step);
      REQUIRE(failure == "");
    }
    accepted += fuzzer.accepted;
    refused += fuzzer.refused;
    flushes += fuzzer.flushes;
  }
  // Both kinds must be there, or the run says nothing.
  MESSAGE("accepted " << accepted << ", refused " << refused << ", flushes " << flushes);
  CHECK(accepted > seeds * 40);
  CHECK(refused > seeds * 40);
}

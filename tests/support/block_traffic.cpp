#include "support/block_traffic.h"

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <vector>

#include "support/block_guest.h"

namespace test {
namespace {

constexpr u32 kGuests = 4, kHostile = 3, kVbds = 2, kVbdSectors = 160;
constexpr u32 kHostileId = 0xffff'fffe, kHostileContents = 0x8000'0000;

struct Broken {
  std::string rule;
};

// One request, as its guest asked for it.
struct Asked {
  u32 guest;
  u16 vbd;
  BlockRequestOp operation;
  std::vector<u64> sectors;  // of the disk
  std::vector<u32> pages;
  std::vector<std::optional<u32>> expected;  // of a read: contents, where they are certain
  std::uint64_t asked = 0;
  bool answered = false;
  u8 status = 0;
  bool gone = false;  // its domain is
};

class Traffic {
 public:
  Traffic(u32 seed, TrafficCounts& counts) : random_{seed}, counts_{counts} {
    host_.machine.disk.cache = pick(2) == 0;
    host_.machine.disk.depth = 1 + pick(20);
    for (u32 i = 0; i < kGuests; ++i) {
      guests_.push_back(std::make_unique<BlockGuest>(host_));
      add_vbds(i);
    }
    for (u32 page = 0; page < BlockGuest::kPages; ++page)
      for (u32 sector = 0; sector < 8; ++sector) guests_[kHostile]->write(page, sector, kHostileContents);
    for (u32 vbd = 0; vbd < kVbds; ++vbd)
      for (u32 i = 0; i < kVbdSectors; ++i) hostile_sectors_.insert(place(kHostile, vbd, i));
    for (int i = 0; i < 3; ++i)
      host_.machine.disk.bad_sectors.insert(place(pick(kGuests), pick(kVbds), pick(kVbdSectors)));
  }

  void step() {
    switch (pick(10)) {
      case 0:
      case 1:
      case 2:
      case 3:
        ask(somebody_honest());
        break;
      case 4:
        signal(someone());
        break;
      case 5:
      case 6:
      case 7:
        end_some_command();
        break;
      case 8:
        if (disk().cached() != 0) disk().destage(pick(static_cast<u32>(disk().cached())));
        break;
      case 9:
        if (pick(2) == 0 && alive(kHostile)) attack();
        if (pick(400) == 0) destroy(pick(kGuests));
        break;
    }
    for (u32 i = 0; i < kGuests; ++i) reap(i);
    check_medium();
  }

  void come_to_rest() {
    for (u32 i = 0; i < kGuests; ++i)
      if (alive(i)) signal(i);
    for (u32 i = 0; i < 100'000 && !disk().commands.empty(); ++i) end_some_command();
    for (u32 i = 0; i < kGuests; ++i) reap(i);
    for (const Asked& each : asked_)
      if (!each.answered && !each.gone) throw Broken{"a request was never answered"};
    check_medium();
    check_orders();
    check_conserved();
    const BlockAudit audit = host_.core->block().audit();
    if (audit.frames != 0 || audit.waiting + audit.started != 0) throw Broken{"something is held at rest"};
    if (host_.core->memory().frames().orphans().count != 0) throw Broken{"frames of the dead are held at rest"};
    for (u32 i = 0; i < kGuests; ++i) {
      for (u32 page = 0; alive(i) && page < BlockGuest::kPages; ++page)
        if (info(guests_[i]->frame(page)).total_count != 1) throw Broken{"a frame is held at rest"};
    }
  }

  void check_conserved() {
    if (const char* violation = audit(*host_.core)) throw Broken{violation};
  }

 private:
  u32 pick(u32 below) { return static_cast<u32>(random_() % below); }
  bool alive(u32 guest) const { return guests_[guest] != nullptr; }
  u32 someone() {
    u32 guest = pick(kGuests);
    while (!alive(guest)) guest = pick(kGuests);
    return guest;
  }
  u32 somebody_honest() {
    u32 guest = someone();
    while (guest == kHostile) guest = someone();
    return guest;
  }
  FakeDisk& disk() { return host_.machine.disk; }
  const FrameInfo& info(MachineFrame frame) { return host_.core->memory().frames().info(frame); }

  // --- where things are: the test's own book, sector by sector ---

  // VBDs 0 and 1 of each guest are writable, of 160 sectors in extents of 7, 50 and 103 that those of others lie
  // between; VBD 2 is read-only and shared by all.
  static u64 place(u32 guest, u32 vbd, u32 sector) {
    const u64 lane = guest * kVbds + vbd;
    if (sector < 7) return 1'000 + lane * 7 + sector;
    if (sector < 57) return 3'000 + (kGuests * kVbds - 1 - lane) * 50 + sector - 7;
    return 2'000 + lane * 103 + sector - 57;
  }
  static constexpr u64 kShared = 5'000;

  void add_vbds(u32 guest) {
    BlockGuest& owner = *guests_[guest];
    for (u32 vbd = 0; vbd < kVbds; ++vbd) {
      if (owner.add_vbd(static_cast<u16>(vbd),
                        {{place(guest, vbd, 0), 7}, {place(guest, vbd, 7), 50}, {place(guest, vbd, 57), 103}}) != 0)
        throw Broken{"a VBD cannot be made"};
    }
    if (owner.add_vbd(kVbds, {{kShared, kVbdSectors}}, VbdAccess::read_only) != 0) throw Broken{"a VBD cannot be made"};
  }

  // --- what happens ---

  void ask(u32 who) {
    BlockGuest& guest = *guests_[who];
    if (guest.unanswered() >= kBlockRingSize) return;
    Asked request{who, static_cast<u16>(pick(kVbds)), BlockRequestOp::read, {}, {}, {}};
    const u32 kind = pick(8);
    if (kind >= 3) request.operation = kind == 7 ? BlockRequestOp::write_barrier : BlockRequestOp::write;
    std::vector<BlockGuest::Piece> memory;
    const u32 number = static_cast<u32>(asked_.size());
    // Mostly in the same few places, so that writes overlap and go to neighbours.
    const u32 first = pick(2) == 0 ? 8 * pick(4) : pick(kVbdSectors - 24);
    u32 sector = first;
    for (u32 i = 0, segments = 1 + pick(3); i < segments; ++i) {
      const std::optional<u32> page = free_page(who, request.pages);
      if (!page) return;
      request.pages.push_back(*page);
      const u32 start = pick(4) == 0 ? pick(8) : 0, count = 1 + pick(8 - start);
      memory.push_back({*page, start, count});
      for (u32 k = 0; k < count; ++k, ++sector) {
        request.sectors.push_back(place(who, request.vbd, sector));
        guest.write(*page, start + k, number + 1);
      }
    }
    if (is_write(request.operation)) {
      for (const u64 each : request.sectors) {
        ++writing_[each];
        newest_[each] = number;
        for (const u32 other : open_)
          for (std::size_t k = 0; k < asked_[other].expected.size(); ++k)
            if (asked_[other].sectors[k] == each) asked_[other].expected[k].reset();
      }
    } else {
      for (const u64 each : request.sectors) {
        const auto known = certain_.find(each);
        const bool sure = writing_[each] == 0 && known != certain_.end();
        request.expected.push_back(sure ? known->second : std::nullopt);
      }
    }
    request.asked = disk().now();
    memory_.push_back(memory);
    guest.put(number, request.operation, request.vbd, first, memory);
    open_.push_back(number);
    asked_.push_back(std::move(request));
  }

  std::optional<u32> free_page(u32 who, const std::vector<u32>& taken) {
    for (int tries = 0; tries < 20; ++tries) {
      const u32 page = pick(BlockGuest::kPages);
      bool used = std::find(taken.begin(), taken.end(), page) != taken.end();
      for (const u32 other : open_) {
        const Asked& request = asked_[other];
        used = used || (request.guest == who &&
                        std::find(request.pages.begin(), request.pages.end(), page) != request.pages.end());
      }
      if (!used) return page;
    }
    return std::nullopt;
  }

  void signal(u32 who) {
    if (guests_[who]->signal() != 0) throw Broken{"the hypercall failed"};
  }

  void end_some_command() {
    if (disk().commands.empty()) return;
    const std::size_t index = pick(static_cast<u32>(disk().commands.size()));
    const FakeDisk::Command& command = disk().commands[index];
    for (const hw::BlockSegment& segment : command.segments) {
      const FrameInfo& target = info(segment.frame);
      if (target.total_count == 0) throw Broken{"the disk uses a frame that nobody holds"};
      if (!is_domain(target.owner) && target.owner != kOwnerOrphan) throw Broken{"the disk uses a frame of no domain"};
      if (command.command.operation == hw::BlockOperation::read &&
          (target.type != FrameType::writable || target.type_count == 0))
        throw Broken{"the disk writes a frame that is no page of data"};
    }
    finish(host_, index);
  }

  // What no driver would do: nonsense in the ring, and requests that are almost right.
  void attack() {
    BlockGuest& guest = *guests_[kHostile];
    if (guest.unanswered() >= kBlockRingSize) return;
    BlockRingRequest request =
        guest.request(kHostileId, BlockRequestOp::read, 0, pick(200), {{pick(BlockGuest::kPages)}});
    switch (pick(8)) {
      case 0: {
        u32 words[sizeof request / 4];
        for (u32& word : words) word = static_cast<u32>(random_());
        words[0] = kHostileId;
        __builtin_memcpy(&request, words, sizeof request);
        break;
      }
      case 1:
        request.segment[0] = guests_[someone()]->frame(pick(BlockGuest::kPages)).address() | 8;
        break;
      case 2:
        request.segment[0] = (guest.domain.vcpus[0]->directory.address() & kEntryFrameMask) | 8;
        break;
      case 3:
        request.operation = 1;
        request.vbd = kVbds;  // read-only
        break;
      case 4:
        request.segments = static_cast<u8>(random_());
        break;
      case 5: {  // into a page table of its own
        const u32 table =
            host_.machine.ram.word(guest.domain.vcpus[0]->directory.address() + (guest.address(0) >> 22) * 4);
        request.segment[0] = (table & kEntryFrameMask) | 8;
        break;
      }
      case 6:
        request.sector_low = static_cast<u32>(random_());
        request.sector_high = pick(3) - 1;
        break;
      case 7:
        request.segment[0] ^= 1u << pick(12);
        break;
    }
    guest.put(request);
    const u32 slot = guest.producer() - 1;
    if (pick(10) == 0) guest.set_producer(pick(2) == 0 ? guest.producer() + pick(80) : static_cast<u32>(random_()));
    if (pick(2) == 0) signal(kHostile);
    if (pick(2) == 0) {  // too late, if it was taken
      request.segment[0] = guests_[someone()]->frame(pick(BlockGuest::kPages)).address() | 8;
      guest.set_slot(slot, request);
    }
    guest.set_producer(guest.producer());
  }

  void destroy(u32 who) {
    u32 living = 0;
    for (u32 i = 0; i < kGuests; ++i) living += alive(i) ? 1 : 0;
    if (!alive(who) || living < 3 || (living == 3 && alive(kHostile))) return;
    reap(who);
    ControlOp op{};
    op.command = static_cast<u32>(ControlCommand::destroy_domain);
    op.version = kControlVersion;
    op.domain = guests_[who]->domain.id;
    if (host_.control(op) != 0) throw Broken{"a domain cannot be destroyed"};
    guests_[who].reset();
    for (Asked& each : asked_)
      if (each.guest == who && !each.answered) each.gone = true;
    std::erase_if(open_, [&](u32 number) { return asked_[number].guest == who; });
    ++counts_.destroyed;
    host_.pass(20'000'000);
  }

  void reap(u32 who) {
    if (!alive(who)) return;
    for (const BlockRingResponse& response : guests_[who]->answers()) {
      if (who == kHostile) {  // whatever it hears is what it deserves
        counts_.refused += response.status == 1 ? 1 : 0;
        continue;
      }
      if (response.id >= asked_.size() || asked_[response.id].guest != who || asked_[response.id].answered)
        throw Broken{"an answer to nothing that was asked"};
      answered(response.id, response.status);
    }
  }

  void answered(u32 number, u8 status) {
    Asked& request = asked_[number];
    request.answered = true;
    request.status = status;
    std::erase(open_, number);
    ++counts_.answered;
    const bool touches_bad = std::any_of(request.sectors.begin(), request.sectors.end(),
                                         [&](u64 sector) { return disk().bad_sectors.contains(sector); });
    if (touches_bad ? status != 2 : status != 0)
      throw Broken{"a request was answered with status " + std::to_string(status)};
    counts_.failed += touches_bad ? 1 : 0;
    if (is_write(request.operation)) {
      counts_.barriers += request.operation == BlockRequestOp::write_barrier ? 1 : 0;
      for (const u64 sector : request.sectors) {
        --writing_[sector];
        const u32 newest = newest_.at(sector);
        const bool sure = writing_[sector] == 0 && asked_[newest].status == 0;
        certain_[sector] = sure ? std::optional<u32>{newest + 1} : std::nullopt;
      }
      return;
    }
    if (status != 0) return;
    std::size_t next = 0;
    for (const BlockGuest::Piece& piece : memory_[number]) {
      for (u32 k = 0; k < piece.sectors; ++k, ++next) {
        if (!request.expected[next]) continue;
        ++counts_.reads_checked;
        if (guests_[request.guest]->read(piece.page, piece.first_sector + k) != *request.expected[next])
          throw Broken{"a read found something else than what was written last"};
      }
    }
  }

  // --- what is on the medium ---

  void check_medium() {
    for (; medium_seen_ < disk().medium.size(); ++medium_seen_) {
      const FakeDisk::MediumWrite& written = disk().medium[medium_seen_];
      const u32 number = written.contents - 1;
      if (number < asked_.size()) {
        const Asked& request = asked_[number];
        if (std::find(request.sectors.begin(), request.sectors.end(), written.sector) == request.sectors.end())
          throw Broken{"a write reached sectors that it did not name"};
      } else if (!hostile_sectors_.contains(written.sector)) {
        throw Broken{"somebody wrote outside its VBDs, or to a read-only one"};
      }
    }
  }
  struct Span {
    std::uint64_t begun = ~std::uint64_t{0}, done = 0;
  };

  // Rules (i), (ii) and (viii) for each VBD of the honest, at the times at which the medium was written.
  void check_orders() {
    std::map<u32, Span> spans;                                          // by request
    std::map<u64, std::vector<std::pair<u32, std::uint64_t>>> history;  // by sector: who, and when it was done
    for (const FakeDisk::MediumWrite& written : disk().medium) {
      const u32 number = written.contents - 1;
      Span& span = spans[number];
      span.begun = std::min(span.begun, written.begun);
      span.done = std::max(span.done, written.done);
      history[written.sector].emplace_back(number, written.done);
    }
    for (const auto& [sector, records] : history)
      for (std::size_t i = 1; i < records.size(); ++i)
        if (records[i].first < records[i - 1].first && !hostile_sectors_.contains(sector))
          throw Broken{"an older write to a sector came after a newer one"};

    for (u32 guest = 0; guest < kGuests; ++guest) {
      if (guest == kHostile) continue;
      for (u32 vbd = 0; vbd < kVbds; ++vbd) check_order(guest, vbd, spans, history);
    }
  }

  void check_order(u32 guest, u32 vbd, const std::map<u32, Span>& spans,
                   const std::map<u64, std::vector<std::pair<u32, std::uint64_t>>>& history) {
    std::vector<u32> writes;  // as asked for
    for (u32 number = 0; number < asked_.size(); ++number) {
      const Asked& each = asked_[number];
      if (each.guest == guest && each.vbd == vbd && is_write(each.operation)) writes.push_back(number);
    }
    for (std::size_t b = 0; b < writes.size(); ++b) {
      const u32 barrier = writes[b];
      const auto span = spans.find(barrier);
      if (asked_[barrier].operation != BlockRequestOp::write_barrier || span == spans.end()) continue;
      for (std::size_t i = 0; i < b; ++i) {  // (i): on the medium before, or something newer is that came before, too
        const Asked& earlier = asked_[writes[i]];
        if (!earlier.answered || earlier.status != 0) continue;
        for (const u64 sector : earlier.sectors) {
          const auto records = history.find(sector);
          const bool there =
              records != history.end() &&
              std::any_of(records->second.begin(), records->second.end(), [&](const auto& record) {
                return record.first >= writes[i] && record.first < barrier && record.second <= span->second.begun;
              });
          if (!there) throw Broken{"a barrier began before an earlier write was on the medium"};
        }
      }
      if (!asked_[barrier].answered || asked_[barrier].status != 0) continue;
      for (std::size_t i = b + 1; i < writes.size(); ++i) {  // (ii)
        const auto later = spans.find(writes[i]);
        if (later != spans.end() && later->second.begun < span->second.done)
          throw Broken{"a write began before an earlier barrier was on the medium"};
      }
      for (const auto& [other, its] : spans)  // (iv): it does happen
        if (other < asked_.size() && asked_[other].guest != guest && its.begun > asked_[barrier].asked &&
            its.done < span->second.done)
          ++counts_.passed;
    }
  }

  std::mt19937 random_;
  TrafficCounts& counts_;
  CoreHost host_{{.disk = true}};
  std::vector<std::unique_ptr<BlockGuest>> guests_;  // null: destroyed
  std::set<u64> hostile_sectors_;
  std::vector<Asked> asked_;                            // by number
  std::vector<std::vector<BlockGuest::Piece>> memory_;  // of each
  std::vector<u32> open_;                               // without an answer
  std::map<u64, u32> writing_;                          // by sector: writes without an answer
  std::map<u64, u32> newest_;                           // by sector: the last that was asked to write there
  std::map<u64, std::optional<u32>> certain_;           // by sector: what is there, if that is certain
  std::size_t medium_seen_ = 0;
};

}  // namespace

std::string block_traffic(u32 seed, u32 steps, TrafficCounts& counts) {
  try {
    Traffic traffic{seed, counts};
    for (u32 i = 0; i < steps; ++i) {
      traffic.step();
      if (i % 50 == 0) traffic.check_conserved();
    }
    traffic.come_to_rest();
    return "";
  } catch (const Broken& broken) {
    return broken.rule;
  } catch (const MachineStopped& stopped) {
    return std::string{"the machine stopped: "} + stopped.what();
  }
}

}  // namespace test

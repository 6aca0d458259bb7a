// A fully associative translation look-aside buffer without tags: loading CR3 drops all but the global entries.
//
// It holds 4 kB and 4 MB translations side by side and replaces the least recently used. It is on the path of every
// page touched after a dispatch, so a look-up is one probe of a small hash table.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "model/mmu.h"
#include "model/planted.h"
#include "sim/time.h"

namespace model {

// What translating costs beyond the access itself. A hit is free. The cost is that of a walk that finds its entries in
// L2; where it does not, the CPU waits for memory on top.
struct TranslationCost {
  sim::Cycles walk;        // of one walk, whatever its length
  sim::Cycles level;       // per entry read
  sim::Cycles bit_update;  // per entry whose accessed or dirty bit is set

  sim::Cycles of(const Walk& done) const { return walk + level * done.levels_read + bit_update * done.entries_updated; }
};

// Where an access ends up, or with which error code it faults; and what finding that out took.
struct TlbResult {
  bool ok = false;
  hv::u32 machine_address = 0;
  hv::u32 fault_code = 0;  // page-fault error code, if not ok
  sim::Cycles cost;        // of the walk beyond its lines
  Walk walk;               // no levels: it was a hit
};

class Tlb {
 public:
  static constexpr hv::u32 kMaxEntries = 128;

  Tlb(hv::u32 entries, const TranslationCost& cost);  // 1 <= entries <= kMaxEntries

  // One access through this TLB and the tables under `directory`. What an entry does not allow, and a store through a
  // clean entry, walks again. A fault drops the entry for the address.
  TlbResult translate(PhysicalMemory& memory, hv::MachineFrame directory, hv::u32 address, Access access);

  // The two halves of translate(). What it does when an entry allows the access as it stands; else false, and nothing
  // has happened. Nearly all accesses end here, so it is inlined, which g++ would not do by itself, and returns no more
  // than an address.
  [[gnu::always_inline]] bool hit(hv::u32 address, Access access, hv::u32& machine_address);
  // The walk, after hit() has said no.
  TlbResult miss(PhysicalMemory& memory, hv::MachineFrame directory, hv::u32 address, Access access);

  void flush();                      // all but the global entries
  void flush_global();               // the global entries too
  void invalidate(hv::u32 address);  // the entry for one address, global or not

  bool holds(hv::u32 address) const;
  hv::u32 size() const { return capacity_ - static_cast<hv::u32>(free_.size()); }
  std::uint64_t hits() const { return hits_; }
  std::uint64_t misses() const { return misses_; }  // walks, whatever made them necessary

 private:
  using Slot = std::uint8_t;
  static constexpr Slot kNone = 0xff;
  static constexpr hv::u32 kBuckets = 256;
  static constexpr hv::u32 kLargeKey = 1u << 31;

  struct Entry {
    hv::u32 key = 0;         // page number, or kLargeKey and the number of the 4 MB page
    hv::u32 first_page = 0;  // frame number of its first 4 kB page
    Rights rights;
    bool global = false;
    bool dirty = false;
    Slot next_in_bucket = kNone, newer = kNone, older = kNone;
  };
  // The order of use is a circle through this entry, which translates nothing: its older one is the newest of all.
  static constexpr Slot kHead = kMaxEntries;

  static hv::u32 small_key(hv::u32 address) { return address >> hv::kPageShift; }
  static hv::u32 large_key(hv::u32 address) { return kLargeKey | address >> 22; }
  static hv::u32 bucket_of(hv::u32 key) { return (key ^ key >> 8) % kBuckets; }
  static bool is_large(const Entry& entry) { return (entry.key & kLargeKey) != 0; }

  Slot slot_for(hv::u32 address) const;
  Slot slot_of(hv::u32 key) const;
  void insert(hv::u32 address, const Walk& walk);
  void drop(Slot slot);
  Slot newest() const { return entries_[kHead].older; }
  Slot oldest() const { return entries_[kHead].newer; }
  void link_as_newest(Slot slot) {
    Entry &entry = entries_[slot], &head = entries_[kHead];
    entry.newer = kHead;
    entry.older = head.older;
    entries_[head.older].newer = slot;
    head.older = slot;
  }
  void unlink_from_order(Slot slot) {
    const Entry& entry = entries_[slot];
    entries_[entry.newer].older = entry.older;
    entries_[entry.older].newer = entry.newer;
  }

  TranslationCost cost_;
  hv::u32 capacity_;
  std::array<Entry, kMaxEntries + 1> entries_;
  std::vector<Slot> free_;
  std::array<Slot, kBuckets> buckets_;  // first entry of each chain
  hv::u32 large_entries_ = 0;
  std::uint64_t hits_ = 0, misses_ = 0;
};

inline Tlb::Slot Tlb::slot_of(hv::u32 key) const {
  Slot slot = buckets_[bucket_of(key)];
  while (slot != kNone && entries_[slot].key != key) slot = entries_[slot].next_in_bucket;
  return slot;
}

inline Tlb::Slot Tlb::slot_for(hv::u32 address) const {
  const Slot slot = slot_of(small_key(address));
  return slot == kNone && large_entries_ > 0 ? slot_of(large_key(address)) : slot;
}

inline bool Tlb::hit(hv::u32 address, Access access, hv::u32& machine_address) {
  const Slot slot = slot_for(address);
  if (slot == kNone) return false;
  const Entry& entry = entries_[slot];
  if (!entry.rights.allow(access)) return false;
  if (access.write && !entry.dirty && !MODEL_PLANTED(dirty_not_set_on_hit)) return false;
  ++hits_;
  if (slot != newest()) {
    unlink_from_order(slot);
    link_as_newest(slot);
  }
  const hv::u32 page = is_large(entry) ? small_key(address) % hv::kEntriesPerTable : 0;
  machine_address = hv::MachineFrame{entry.first_page + page}.address() | address % hv::kPageSize;
  return true;
}

}  // namespace model

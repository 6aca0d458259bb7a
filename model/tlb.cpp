#include "model/tlb.h"

#include <stdexcept>

#include "model/planted.h"

namespace model {

Tlb::Tlb(hv::u32 entries, const TranslationCost& cost) : cost_{cost}, capacity_{entries} {
  if (entries == 0 || entries > kMaxEntries) throw std::invalid_argument{"a TLB has 1 to 128 entries"};
  buckets_.fill(kNone);
  entries_[kHead].newer = entries_[kHead].older = kHead;
  for (hv::u32 slot = entries; slot-- > 0;) free_.push_back(static_cast<Slot>(slot));
}

TlbResult Tlb::translate(PhysicalMemory& memory, hv::MachineFrame directory, hv::u32 address, Access access) {
  if (hv::u32 machine_address; hit(address, access, machine_address)) {
    return {.ok = true, .machine_address = machine_address};
  }
  return miss(memory, directory, address, access);
}

TlbResult Tlb::miss(PhysicalMemory& memory, hv::MachineFrame directory, hv::u32 address, Access access) {
  if (const Slot slot = slot_for(address); slot != kNone) drop(slot);
  ++misses_;
  TlbResult result{.walk = walk(memory, directory, address, access)};  // made in place: it is large to copy
  const Walk& done = result.walk;
  result.cost = cost_.of(done);
  if (done.translated) {
    insert(address, done);
    result.ok = true;
    result.machine_address = done.frame.address() | address % hv::kPageSize;
  } else {
    result.fault_code = done.error_code;
  }
  return result;
}

void Tlb::flush() {
  for (Slot slot = newest(); slot != kHead;) {
    const Slot next = entries_[slot].older;
    if (!entries_[slot].global && !MODEL_PLANTED(base_load_keeps_translations)) drop(slot);
    slot = next;
  }
}

void Tlb::flush_global() {
  while (newest() != kHead) drop(newest());
}

void Tlb::invalidate(hv::u32 address) {
  const Slot slot = slot_for(address);
  if (slot != kNone && !MODEL_PLANTED(invalidate_ignored)) drop(slot);
}

bool Tlb::holds(hv::u32 address) const { return slot_for(address) != kNone; }

void Tlb::insert(hv::u32 address, const Walk& walk) {
  if (free_.empty()) drop(oldest());
  const Slot slot = free_.back();
  free_.pop_back();
  Entry& entry = entries_[slot];
  // Field by field: a whole entry is made elsewhere in parts and then copied, for which a processor waits.
  entry.key = walk.large ? large_key(address) : small_key(address);
  entry.first_page = walk.large ? walk.frame.number() & ~(hv::kEntriesPerTable - 1) : walk.frame.number();
  entry.rights.writable = walk.rights.writable;
  entry.rights.user = walk.rights.user;
  entry.global = walk.global;
  entry.dirty = walk.dirty;
  Slot& bucket = buckets_[bucket_of(entry.key)];
  entry.next_in_bucket = bucket;
  bucket = slot;
  if (walk.large) ++large_entries_;
  link_as_newest(slot);
}

void Tlb::drop(Slot slot) {
  const Entry& entry = entries_[slot];
  Slot* link = &buckets_[bucket_of(entry.key)];
  while (*link != slot) link = &entries_[*link].next_in_bucket;
  *link = entry.next_in_bucket;
  if (is_large(entry)) --large_entries_;
  unlink_from_order(slot);
  free_.push_back(slot);
}

}  // namespace model

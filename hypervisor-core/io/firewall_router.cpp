#include "io/firewall_router.h"

namespace hv {
namespace {

bool is_special(u32 vif) { return vif >= kVifUnknown; }

bool same(const NetworkRule& a, const NetworkRule& b) { return __builtin_memcmp(&a, &b, sizeof a) == 0; }

bool valid(const NetworkRule& rule) {
  if (rule.action > static_cast<u32>(RuleAction::drop)) return false;
  if (rule.protocol > static_cast<u32>(RuleProtocol::arp)) return false;
  if (is_special(rule.source_vif) && rule.source_vif != kVifAny && rule.source_vif != kVifPhysical) return false;
  const bool accepts = rule.action == static_cast<u32>(RuleAction::accept);
  return !accepts || !is_special(rule.destination_vif) || rule.destination_vif == kVifPhysical;
}

bool protocol_matches(u32 wanted, PacketProtocol is) {
  switch (static_cast<RuleProtocol>(wanted)) {
    case RuleProtocol::any:
      return true;
    case RuleProtocol::ip:
      return is == PacketProtocol::ip || is == PacketProtocol::tcp || is == PacketProtocol::udp;
    case RuleProtocol::tcp:
      return is == PacketProtocol::tcp;
    case RuleProtocol::udp:
      return is == PacketProtocol::udp;
    case RuleProtocol::arp:
      return is == PacketProtocol::arp;
  }
  return false;
}

bool field_matches(u32 wanted, u32 mask, bool present, u32 is) {
  return mask == 0 || (present && ((wanted ^ is) & mask) == 0);
}

}  // namespace

FirewallRouter::FirewallRouter(Arena& arena, u32 capacity) {
  u32 buckets = 2;
  for (shift_ = 31; buckets < capacity; buckets *= 2) --shift_;
  entries_ = arena.make<Entry>(capacity);
  by_destination_ = arena.make<u32>(buckets);
  by_source_ = arena.make<u32>(buckets);
  if (entries_ == nullptr || by_destination_ == nullptr || by_source_ == nullptr) return;  // add() gives no_space
  for (u32 i = 0; i < buckets; ++i) by_destination_[i] = by_source_[i] = kEnd;
  for (u32 i = 0; i < capacity; ++i) entries_[i].next = i + 1 < capacity ? i + 1 : kEnd;
  free_ = capacity == 0 ? kEnd : 0;
}

u64 FirewallRouter::bytes_needed(u32 capacity) {
  u64 buckets = 2;
  while (buckets < capacity) buckets *= 2;
  return capacity * sizeof(Entry) + 2 * buckets * sizeof(u32);
}

bool FirewallRouter::matches(const NetworkRule& rule, const PacketKey& packet, u32 source) {
  if (rule.source_vif != kVifAny && rule.source_vif != source) return false;
  if (rule.action == static_cast<u32>(RuleAction::accept) && rule.destination_vif == source) return false;
  if (!protocol_matches(rule.protocol, packet.protocol)) return false;
  const bool has_addresses = packet.protocol != PacketProtocol::other;
  return field_matches(rule.source_address, rule.source_address_mask, has_addresses, packet.source_address) &&
         field_matches(rule.destination_address, rule.destination_address_mask, has_addresses,
                       packet.destination_address) &&
         field_matches(rule.source_port, rule.source_port_mask, packet.has_ports, packet.source_port) &&
         field_matches(rule.destination_port, rule.destination_port_mask, packet.has_ports, packet.destination_port);
}

u32& FirewallRouter::chain_of(const NetworkRule& rule) {
  if (rule.destination_address_mask == ~0u) return by_destination_[bucket(rule.destination_address)];
  if (!is_special(rule.source_vif)) return by_source_[bucket(rule.source_vif)];
  return others_;
}

Error FirewallRouter::add(const NetworkRule& rule) {
  if (!valid(rule)) return Error::invalid;
  if (free_ == kEnd) return Error::no_space;
  const u32 index = free_;
  Entry& entry = entries_[index];
  free_ = entry.next;
  u32& chain = chain_of(rule);
  entry = Entry{rule, next_age_++, chain};
  chain = index;
  ++size_;
  return Error::none;
}

void FirewallRouter::remove(const NetworkRule& rule) {
  if (size_ == 0) return;
  for (u32* link = &chain_of(rule); *link != kEnd; link = &entries_[*link].next) {
    Entry& entry = entries_[*link];
    if (!same(entry.rule, rule)) continue;
    const u32 index = *link;
    *link = entry.next;
    entry.next = free_;
    free_ = index;
    --size_;
    return;
  }
}

// Looks for the newest match in one chain, as long as it could still be newer than the best of the other chains.
void FirewallRouter::search(u32 chain, const PacketKey& packet, u32 source, const Entry*& best, u32& seen) const {
  for (u32 index = chain; index != kEnd; index = entries_[index].next) {
    const Entry& entry = entries_[index];
    if (best != nullptr && entry.age < best->age) return;
    ++seen;
    if (!matches(entry.rule, packet, source)) continue;
    best = &entry;
    return;
  }
}

FirewallRouter::Decision FirewallRouter::decide(const PacketKey& packet, u32 source) const {
  Decision decision;
  if (size_ == 0) return decision;
  const Entry* best = nullptr;
  search(by_destination_[bucket(packet.destination_address)], packet, source, best, decision.rules_seen);
  search(by_source_[bucket(source)], packet, source, best, decision.rules_seen);
  search(others_, packet, source, best, decision.rules_seen);
  if (best == nullptr) return decision;
  decision.matched = true;
  decision.action = static_cast<RuleAction>(best->rule.action);
  if (decision.action == RuleAction::accept) decision.destination = best->rule.destination_vif;
  return decision;
}

}  // namespace hv

// The virtual firewall-router: (pattern, action) rules, set by domain 0, that every packet passes.
//
// The rules are one list, newest first, and the first that matches decides. Packets that come from the card are matched
// to find their domain; packets that a domain sends are matched to see whether they may leave, which is how a domain
// is kept from using another's address. 256 rules (two for each of 128 domains) looked through one by one would cost
// more than the rest of a packet's path, so rules that name one destination address or one source VIF are hashed on
// it. What is found is what the plain list would give.
#pragma once

#include "base/arena.h"
#include "base/error.h"
#include "base/types.h"
#include "interface/control.h"
#include "io/packet.h"

namespace hv {

class FirewallRouter {
 public:
  struct Decision {
    bool matched = false;
    RuleAction action = RuleAction::drop;
    u32 destination = kVifUnknown;  // of an accepting rule: a VIF's id or kVifPhysical
    u32 rules_seen = 0;             // patterns compared on the way
  };

  // Room for `capacity` rules, taken from `arena`.
  FirewallRouter(Arena& arena, u32 capacity);
  static u64 bytes_needed(u32 capacity);

  Error add(const NetworkRule& rule);    // becomes the first of the list. invalid; no_space
  void remove(const NetworkRule& rule);  // the newest rule equal in every field; none: nothing happens
  u32 size() const { return size_; }

  // `source`: the sending VIF's id, or kVifPhysical. A rule never sends a packet back to where it came from.
  Decision decide(const PacketKey& packet, u32 source) const;

  // The pattern of one rule, without the list. Addresses, ports: equal under the mask; a packet that lacks a field
  // matches only rules that do not ask for it.
  static bool matches(const NetworkRule& rule, const PacketKey& packet, u32 source);

 private:
  struct Entry {
    NetworkRule rule;
    u64 age;   // grows with every rule added: the larger, the earlier in the list
    u32 next;  // in its chain, newest first; or in the free list
  };
  static constexpr u32 kEnd = ~0u;

  u32& chain_of(const NetworkRule& rule);
  u32 bucket(u32 key) const { return (key * 2654435761u) >> shift_; }
  void search(u32 chain, const PacketKey& packet, u32 source, const Entry*& best, u32& seen) const;

  Entry* entries_ = nullptr;
  u32 size_ = 0;
  u32 free_ = kEnd;
  u64 next_age_ = 1;
  u32 shift_ = 31;
  u32* by_destination_ = nullptr;  // exact destination address
  u32* by_source_ = nullptr;       // one source VIF, destination address not exact
  u32 others_ = kEnd;
};

}  // namespace hv

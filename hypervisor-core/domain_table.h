// The domains of the machine: a fixed number of slots, the slot's number being the domain's id.
//
// Slots, vCPUs and what hangs on them are carved from the arena when a slot is first used, and stay with it for the
// next domain that gets it. Ids go round, so that the id of a destroyed domain is not taken again at once.
#pragma once

#include "base/arena.h"
#include "base/types.h"
#include "domain.h"
#include "vcpu.h"

namespace hv {

class DomainTable {
 public:
  DomainTable(Arena& arena, u32 max_domains)
      : arena_{arena}, slots_{arena.make<Domain*>(max_domains)}, slot_count_{max_domains} {}

  // Null: no such domain.
  Domain* find(DomainId id) const {
    return id < slot_count_ && slots_[id] != nullptr && slots_[id]->in_use ? slots_[id] : nullptr;
  }

  // A fresh domain with `vcpus` vCPUs (1 .. kMaxVcpusPerDomain) in the next free slot; null: none free, or the arena
  // is used up. The first one created is domain 0.
  Domain* create(u32 vcpus);
  void free(Domain& domain) { domain.in_use = false; }

  u32 max_domains() const { return slot_count_; }

  // In the order of ids.
  template <class F>
  void for_each(F visit) const {
    for (u32 id = 0; id < slot_count_; ++id)
      if (Domain* domain = find(id)) visit(*domain);
  }

 private:
  Arena& arena_;
  Domain** slots_;
  u32 slot_count_;
  DomainId next_ = 0;
  u32 created_ = 0;
};

}  // namespace hv

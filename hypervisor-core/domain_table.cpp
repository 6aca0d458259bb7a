#include "domain_table.h"

#include <new>

namespace hv {

namespace {

// Makes the object as new, without the room it stands in.
template <class T>
void renew(T& object) {
  object.~T();
  new (static_cast<void*>(&object)) T();
}

// What a slot keeps from one domain to the next: the room it once took from the arena.
void recycle(Domain& domain) {
  Vcpu* vcpus[kMaxVcpusPerDomain];
  PortBlock* blocks[kMaxPorts / kPortsPerBlock];
  for (u32 i = 0; i < kMaxVcpusPerDomain; ++i) vcpus[i] = domain.vcpus[i];
  for (u32 i = 0; i < kMaxPorts / kPortsPerBlock; ++i) blocks[i] = domain.events.blocks[i];
  const u64 arena_bytes = domain.arena_bytes;
  renew(domain);
  for (u32 i = 0; i < kMaxVcpusPerDomain; ++i) {
    if (vcpus[i] != nullptr) renew(*vcpus[i]);
    domain.vcpus[i] = vcpus[i];
  }
  for (u32 i = 0; i < kMaxPorts / kPortsPerBlock; ++i) {
    if (blocks[i] != nullptr) renew(*blocks[i]);
    domain.events.blocks[i] = blocks[i];
  }
  domain.arena_bytes = arena_bytes;
}

}  // namespace

Domain* DomainTable::create(u32 vcpus) {
  if (slots_ == nullptr) return nullptr;
  for (u32 tried = 0; tried < slot_count_; ++tried) {
    const DomainId id = (next_ + tried) % slot_count_;
    if (slots_[id] != nullptr && slots_[id]->in_use) continue;
    const u64 taken_before = arena_.taken();
    if (slots_[id] == nullptr)
      slots_[id] = arena_.make<Domain>();
    else
      recycle(*slots_[id]);
    Domain* domain = slots_[id];
    if (domain == nullptr) return nullptr;
    for (u32 i = 0; i < vcpus; ++i) {
      if (domain->vcpus[i] == nullptr) domain->vcpus[i] = arena_.make<Vcpu>();
      if (domain->vcpus[i] == nullptr) return nullptr;
      domain->vcpus[i]->domain = domain;
      domain->vcpus[i]->id = i;
    }
    domain->arena_bytes += arena_.taken() - taken_before;
    domain->id = id;
    domain->serial = ++created_;
    domain->vcpu_count = vcpus;
    domain->in_use = true;
    next_ = (id + 1) % slot_count_;
    return domain;
  }
  return nullptr;
}

}  // namespace hv

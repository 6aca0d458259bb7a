#include "memory/tlb_clock.h"

#include "base/planted.h"

namespace hv {

void TlbClock::load(hw::Cpu& cpu, MachineFrame directory, OwnerId owner) {
  const CpuId id = cpu.id();
  cpu.work(hw::Step::base_load);
  cpu.load_page_table_base(directory);
  PerCpu& loaded = cpus_[id];
  loaded.last_flush = ++clock_;
  loaded.directory = directory;
  loaded.owner = owner;
  due_ &= ~(1u << id);
}

void TlbClock::request(OwnerId owner, u32 stamp) {
  request_owner(owner, stamp);
  request_owner(kDomain0, stamp);
}

void TlbClock::request_owner(OwnerId owner, u32 stamp) {
  for (CpuId id = 0; id < cpu_count_; ++id) {
    if (id != 0 && HV_PLANTED(no_flush_elsewhere)) continue;
    if (cpus_[id].owner == owner && !flushed_since(id, stamp)) due_ |= 1u << id;
  }
}

void TlbClock::settle_due(hw::Cpu& cpu) {
  const PerCpu& local = cpus_[cpu.id()];
  if (due(cpu.id())) load(cpu, local.directory, local.owner);
}

}  // namespace hv

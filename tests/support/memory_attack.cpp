#include "support/memory_attack.h"

#include "interface/control.h"

namespace test {

MemoryAttack::MemoryAttack(u32 check_every)
    : machine_{kFrames, 2},
      core_{[this] {
        machine_.has_nic = false;  // its buffers would be most of this memory
        BootParameters parameters;
        parameters.max_domains = 6;
        parameters.hypervisor_frames = 16;
        parameters.tick = 0;
        room_.resize(Hypervisor::bytes_needed(machine_, parameters));
        return std::make_unique<Hypervisor>(machine_, Arena{room_.data(), room_.size()}, parameters);
      }()},
      exchange_{core_->memory()},
      checker_{machine_, core_->memory(), core_->domains()},
      actors_(1 + kGuests),
      check_every_{check_every} {
  Actor& zero = actors_[0];
  zero.domain = &core_->create_domain0(kDomain0Pages * kPageSize / 1024, 1, kHandler);
  const FrameTable& frames = core_->memory().frames();
  for (MachineFrame f = frames.first(zero.domain->memory.frames); f != MachineFrame::none(); f = frames.next(f))
    zero.pages.push_back(f);
  zero.table_page = 2;  // as interface/start_info.h lays domain 0 out: start info, frame list, table, directory
  zero.directory_page = 3;
  zero.first_free = 4;
  run(0, 0);
  prepare_traps();
  for (u32 guest = 1; guest <= kGuests; ++guest) build_guest(guest);
  run(1, 1);
  run(0, 0);
  counts_ = {};
}

MemoryAttack::~MemoryAttack() = default;

std::string MemoryAttack::perform(const Command& c) {
  ++counts_.commands;
  if (over_) return "";
  const std::uint64_t before = acted_;
  if (c.act != Act::run && c.act != Act::destroy && actor().broken) {
    if (current_ == 0) {
      over_ = true;
      return "";
    }
    destroy_guest(current_);
  } else if (c.act < Act::submit) {
    queue(c);
  } else if (c.act < Act::store) {
    hypercall(c);
  } else if (c.act < Act::lend) {
    guest_work(c);
  } else {
    device_work(c);
  }
  if (acted_ == before) return "";
  settle();
  keep_scratch();
  if (!misjudged_.empty()) return misjudged_;
  if (++unchecked_ >= check_every_)
    if (std::string failure = check(); !failure.empty()) return failure;
  return check_tlbs();
}

std::string MemoryAttack::check() {
  unchecked_ = 0;
  ++counts_.checks;
  return checker_.check();
}

// --- domains and CPUs ------------------------------------------------------------------------------------------------

void MemoryAttack::run(u32 which, CpuId id) {
  ++acted_;
  list_.clear();
  cpu_ = id;
  current_ = which;
  if (running_[id] == static_cast<s32>(which)) return;
  const CpuId other = 1 - id;
  if (running_[other] == static_cast<s32>(which)) {  // one vCPU runs on one CPU
    core_->memory().load_address_space(machine_.cpu(other), core_->run_states().idle(other));
    running_[other] = -1;
  }
  const Vcpu& vcpu = *actors_[which].domain->vcpus[0];
  cpu().set_ring1_stack(vcpu.ring1_ss, vcpu.ring1_esp);
  core_->memory().load_address_space(cpu(), vcpu);
  running_[id] = static_cast<s32>(which);
  settle();
}

void MemoryAttack::prepare_traps() {
  const u32 list = actor().scratch() + kArguments;
  u32 words[] = {0, kHandler, 0, kHandler, 0, kHandler, 0, kHandler, 0, kHandler, 0, 0};
  u32 place = 0;
  for (const u32 vector : {1u, 3u, 7u, 13u, 14u}) {
    words[place] = vector | 3u << 8 | hw::kRing1Cs << 16;
    place += 2;
  }
  if (put(list, words)) (void)call(Hypercall::set_trap_table, {list});
}

// Domain 0 creates a domain, fills its page tables, has them validated, and starts it.
void MemoryAttack::build_guest(u32 which) {
  run(0, cpu_);
  keep_scratch();
  Actor& guest = actors_[which];
  ControlOp op{};
  op.command = static_cast<u32>(ControlCommand::create_domain);
  op.words[0] = kGuestPages * kPageSize / 1024;
  op.words[1] = 1;
  op.words[2] = kAllCpus;
  over_ = over_ || control(op) != 0;
  if (over_) return;
  guest = Actor{};
  guest.domain = core_->domains().find(op.domain);
  guest.table_page = 1;
  guest.directory_page = 2;
  guest.first_free = 3;
  const FrameTable& frames = core_->memory().frames();
  for (MachineFrame f = frames.first(guest.domain->memory.frames); f != MachineFrame::none(); f = frames.next(f))
    guest.pages.push_back(f);
  const u32 id = guest.domain->id << 8;
  for (u32 page = 0; page <= kGuestPages; ++page) {
    if (list_.empty()) command(MmuCommand::set_foreign_domain, 0, id);
    const bool table = page == guest.table_page || page == guest.directory_page;
    const MachineFrame frame = page == kGuestPages ? guest.domain->shared_info : guest.pages[page];
    request(guest.pages[guest.table_page].address() + page * 4, frame.address() | (table ? kP : kP | kW));
    if (page != kGuestPages) request(frame.address() | static_cast<u32>(MmuRequest::update_m2p), page);
  }
  request(guest.directory().address() + (kGuestKernelStart >> 22) * 4,
          guest.pages[guest.table_page].address() | kP | kW);
  command(MmuCommand::pin_l2, guest.directory().address());
  over_ = over_ || submit(actor().scratch() + kDone) != 0;
  op = ControlOp{};
  op.command = static_cast<u32>(ControlCommand::build_domain);
  op.domain = guest.domain->id;
  op.words[0] = guest.directory().number();
  op.words[1] = kHandler;
  op.words[2] = guest.scratch() + kPageSize - 64;
  op.words[3] = kGuestKernelStart;
  over_ = over_ || control(op) != 0;
  if (over_) return;
  ++counts_.domains_built;
  run(which, cpu_);
  prepare_traps();
}

void MemoryAttack::destroy_guest(u32 which) {
  run(0, cpu_);
  keep_scratch();
  Actor& guest = actors_[which];
  if (actors_[0].broken) over_ = true;
  if (over_) return;
  const CpuId other = 1 - cpu_;
  if (running_[other] == static_cast<s32>(which)) {
    core_->memory().load_address_space(machine_.cpu(other), core_->run_states().idle(other));
    running_[other] = -1;
  }
  // Its interfaces go first.
  for (std::size_t i = checker_.posted.size(); i-- != 0;) {
    if (lenders_[i] != guest.domain->id) continue;
    exchange_.return_buffer(*guest.domain, checker_.posted[i]);
    checker_.posted.erase(checker_.posted.begin() + static_cast<std::ptrdiff_t>(i));
    lenders_.erase(lenders_.begin() + static_cast<std::ptrdiff_t>(i));
  }
  ControlOp op{};
  op.command = static_cast<u32>(ControlCommand::destroy_domain);
  op.domain = guest.domain->id;
  over_ = over_ || control(op) != 0;
  if (!over_) build_guest(which);
}

// A guest that has lost the page it makes hypercalls from could do nothing more: it maps it again if it can.
void MemoryAttack::keep_scratch() {
  if (over_ || actor().broken) return;
  const Actor& me = actor();
  const u32 scratch = me.scratch();
  const MachineFrame page = me.pages[me.scratch_page()];
  const auto mapped = [&] {
    return cpu().translate(scratch) >> kPageShift == page.number() && cpu().copy_to_guest(scratch, "", 1);
  };
  if (mapped()) return;
  (void)call(Hypercall::update_va_mapping, {scratch >> kPageShift, page.address() | kP | kW, kVaFlushTlb});
  if (mapped()) return;
  // From its first directory, by the core's hand: it has no memory left to ask through.
  Vcpu& vcpu = *me.domain->vcpus[0];
  if (core_->memory().take_directory(*me.domain, me.directory())) {
    core_->memory().drop_directory(vcpu.directory);
    vcpu.directory = me.directory();
    core_->memory().load_address_space(cpu(), vcpu);
    (void)call(Hypercall::update_va_mapping, {scratch >> kPageShift, page.address() | kP | kW, kVaFlushTlb});
  }
  if (!mapped()) actor().broken = true;
  settle();
}

// --- translation look-aside buffers ----------------------------------------------------------------------------------

// What the core asked of the CPUs since the last time; and CPUs that it interrupts for a flush take the interrupt.
void MemoryAttack::settle() {
  const u32 due = core_->memory().flushes_due_elsewhere(cpu_);
  for (CpuId id = 0; id < 2; ++id)
    if (id != cpu_ && (due >> id & 1) != 0) core_->memory().settle_flush(machine_.cpu(id));
  for (CpuId id = 0; id < 2; ++id) {
    FakeCpu& each = machine_.cpu(id);
    if (each.base_loads != loads_seen_[id]) {
      tlbs_[id].clear();
      loads_seen_[id] = each.base_loads;
      ++counts_.flushes;
    }
    for (const u32 address : each.invalidated) tlbs_[id].erase(address >> kPageShift);
    each.invalidated.clear();
    each.log.clear();
    each.ipis.clear();
  }
  machine_.console_text.clear();
}

std::string MemoryAttack::check_tlbs() {
  for (CpuId id = 0; id < 2; ++id) {
    if (tlbs_[id].empty()) continue;
    const Actor& on = actors_[static_cast<std::size_t>(running_[id])];
    for (const auto& [page, held] : tlbs_[id]) {
      const FrameInfo& info = core_->memory().frames().info(MachineFrame{held.frame});
      bool posted = false;  // lent to the core: flushed when the packet comes
      for (const PostedBuffer& buffer : checker_.posted) posted |= buffer.frame.number() == held.frame;
      const bool orphan = info.owner == kOwnerOrphan && on.domain->id == kDomain0;  // it keeps what it had mapped
      const bool foreign = info.owner != held.owner && !orphan && !posted;
      const bool table = held.writable && info.type_count != 0 && info.type != FrameType::writable;
      if (foreign || table)
        return fmt::format("domain {} can still {} frame {:#x} of owner {:#x}, type {}, at page {:#x}", on.domain->id,
                           held.writable ? "write" : "read", held.frame, info.owner, static_cast<int>(info.type), page);
    }
  }
  return "";
}

void AttackCounts::add(const AttackCounts& other) {
  commands += other.commands;
  hypercalls += other.hypercalls;
  requests += other.requests;
  accepted += other.accepted;
  refused += other.refused;
  checks += other.checks;
  faults += other.faults;
  flushes += other.flushes;
  domains_built += other.domains_built;
}

}  // namespace test

#include "control/control.h"

#include "domain.h"

namespace hv {

namespace {

// Structures of the interface that lie in the words of a ControlOp.
template <class T>
T read_words(const ControlOp& op) {
  static_assert(sizeof(T) <= sizeof op.words);
  T structure;
  __builtin_memcpy(&structure, op.words, sizeof structure);
  return structure;
}

}  // namespace

HypercallResult Control::operate(Caller& caller, u32 address) {
  ControlOp op;
  caller.cpu.work(hw::Step::control_op);
  if (!caller.domain.privileged) return Error::not_permitted;
  if (!caller.cpu.copy_from_guest(&op, address, sizeof op)) return Error::bad_address;
  // Results are written back to the same place: make sure of it before there are any.
  if (!caller.cpu.copy_to_guest(address, &op, sizeof op)) return Error::bad_address;
  if (op.version != kControlVersion) return Error::wrong_version;
  const HypercallResult result = perform(caller, op);
  if (result.ok() && !caller.cpu.copy_to_guest(address, &op, sizeof op)) return Error::bad_address;
  return result;
}

// Commands that name no domain which must exist.
HypercallResult Control::perform(Caller& caller, ControlOp& op) {
  const u32* words = op.words;
  switch (static_cast<ControlCommand>(op.command)) {
    case ControlCommand::create_domain: {
      Domain* created = nullptr;
      const HypercallResult result = lifecycle_.create(words[0], words[1], words[2], created);
      if (result.ok()) op.domain = created->id;
      return result;
    }
    case ControlCommand::get_domain_info:
      return get_domain_info(op);
    case ControlCommand::add_rule:
      return network_.add_rule(read_words<NetworkRule>(op));
    case ControlCommand::delete_rule:
      return network_.delete_rule(read_words<NetworkRule>(op));
    case ControlCommand::disk_info:
      return get_disk_info(op);
    case ControlCommand::settime:
      return time_.set_wall_clock(words[0], words[1], static_cast<SystemTime>(join_words(words[2], words[3])));
    case ControlCommand::destroy_domain:
    case ControlCommand::unpause_domain:
    case ControlCommand::pause_domain:
    case ControlCommand::build_domain:
    case ControlCommand::get_memory_list:
    case ControlCommand::scheduler_adjust:
    case ControlCommand::pin_cpu:
    case ControlCommand::create_vif:
    case ControlCommand::vif_credit:
    case ControlCommand::create_vbd:
    case ControlCommand::grow_vbd:
    case ControlCommand::delete_vbd: {
      Domain* domain = op.domain == kDomainSelf ? &caller.domain : domains_.find(op.domain);
      if (domain == nullptr || domain->dying) return Error::no_such_domain;
      return perform_on(caller, *domain, op);
    }
  }
  return Error::not_implemented;
}

HypercallResult Control::perform_on(Caller& caller, Domain& domain, ControlOp& op) {
  const u32* words = op.words;
  switch (static_cast<ControlCommand>(op.command)) {
    case ControlCommand::destroy_domain:
      if (domain.id == kDomain0) return Error::not_permitted;
      lifecycle_.destroy(domain);
      return HypercallResult::success();
    case ControlCommand::unpause_domain:
      if (!domain.built) return Error::invalid;
      lifecycle_.unpause(domain);
      return HypercallResult::success();
    case ControlCommand::pause_domain:
      if (domain.id == kDomain0) return Error::invalid;  // nobody could unpause it
      lifecycle_.pause(domain);
      return HypercallResult::success();
    case ControlCommand::build_domain:
      return lifecycle_.build(domain, read_words<BuildDomain>(op));
    case ControlCommand::get_memory_list:
      return get_memory_list(caller, domain, op);
    case ControlCommand::scheduler_adjust:
      return scheduler_adjust(domain, op);
    case ControlCommand::pin_cpu:
      if (words[0] >= domain.vcpu_count || !run_states_.exist(words[1])) return Error::invalid;
      run_states_.pin(*domain.vcpus[words[0]], words[1], clock_.now());
      return HypercallResult::success();
    case ControlCommand::create_vif:
      return create_vif(domain, op);
    case ControlCommand::vif_credit:
      return network_.set_credit(domain, words[0], words[1], words[2]);
    case ControlCommand::create_vbd:
      return create_vbd(domain, op);
    case ControlCommand::grow_vbd:
      return block_.grow_vbd(domain, words[0], {join_words(words[1], words[2]), join_words(words[3], words[4])});
    case ControlCommand::delete_vbd:
      return block_.delete_vbd(domain, words[0]);
    default:
      return Error::not_implemented;
  }
}

HypercallResult Control::get_domain_info(ControlOp& op) {
  for (DomainId id = op.domain; id < domains_.max_domains(); ++id) {
    const Domain* domain = domains_.find(id);
    if (domain == nullptr) continue;
    const Vcpu& first = *domain->vcpus[0];
    u64 cpu_time = 0;
    bool running = false;
    for (u32 i = 0; i < domain->vcpu_count; ++i) {
      cpu_time += static_cast<u64>(run_states_.cpu_time(*domain->vcpus[i], clock_.now()));
      running |= run_states_.running(*domain->vcpus[i]);
    }
    DomainInfo info{};
    const auto flag = [](bool set, u32 bit) { return set ? 1u << bit : 0u; };
    info.flags = flag(domain->built, 0) | flag(domain->paused, 1) | flag(first.blocked, 2) | flag(running, 3) |
                 flag(domain->dying, 4) | flag(domain->crashed, 5) | flag(domain->shut_down, 6) |
                 (domain->shutdown_reason & 0xff) << 8;
    info.frames = domain->memory.frame_count();
    info.max_frames = domain->memory.max_frames;
    info.shared_info_frame = domain->shared_info.number();
    info.cpu_ns_low = low_word(cpu_time);
    info.cpu_ns_high = high_word(cpu_time);
    info.core_bytes = static_cast<u32>(domain->core_bytes());
    op.domain = id;
    __builtin_memcpy(op.words, &info, sizeof info);
    return HypercallResult::success();
  }
  return Error::no_such_domain;
}

HypercallResult Control::get_memory_list(Caller& caller, Domain& domain, ControlOp& op) {
  constexpr u32 kChunk = 64;
  const u32 address = op.words[0], room = op.words[1], skip = op.words[2];
  u32 chunk[kChunk];
  u32 listed = 0, position = 0;
  const auto flush = [&] {
    const u32 waiting = listed % kChunk == 0 ? kChunk : listed % kChunk;
    return caller.cpu.copy_to_guest(address + (listed - waiting) * 4, chunk, waiting * 4);
  };
  MachineFrame frame = memory_.frames().first(domain.memory.frames);
  for (; frame != MachineFrame::none() && listed < room; frame = memory_.frames().next(frame)) {
    if (position++ < skip) continue;
    chunk[listed++ % kChunk] = frame.number();
    if (listed % kChunk == 0 && !flush()) return Error::bad_address;
  }
  if (listed % kChunk != 0 && !flush()) return Error::bad_address;
  op.words[1] = listed;
  return HypercallResult::success();
}

HypercallResult Control::scheduler_adjust(Domain& domain, const ControlOp& op) {
  const SchedulerParameters parameters = read_words<SchedulerParameters>(op);
  for (u32 i = 0; i < domain.vcpu_count; ++i) {
    const HypercallResult result = run_states_.adjust(*domain.vcpus[i], parameters, clock_.now());
    if (!result.ok()) return result;
  }
  return HypercallResult::success();
}

HypercallResult Control::create_vif(Domain& domain, ControlOp& op) {
  u32 index = 0;
  const HypercallResult result = network_.create_vif(domain, index);
  if (!result.ok()) return result;
  op.words[0] = index;
  op.words[1] = domain.vifs[index]->ring_frame.number();
  op.words[2] = high_word(domain.vifs[index]->mac);
  op.words[3] = low_word(domain.vifs[index]->mac);
  return HypercallResult::success();
}

HypercallResult Control::create_vbd(Domain& domain, ControlOp& op) {
  const HypercallResult result = block_.create_vbd(domain, op.words[0], op.words[1]);
  if (result.ok()) op.words[2] = domain.block->ring_frame.number();
  return result;
}

HypercallResult Control::get_disk_info(ControlOp& op) {
  const u64 sectors = block_.disk_sectors();
  if (sectors == 0) return Error::no_device;
  op.words[0] = low_word(sectors);
  op.words[1] = high_word(sectors);
  return HypercallResult::success();
}

}  // namespace hv

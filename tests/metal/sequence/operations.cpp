// What a sequence does, one operation at a time.
#include <cstddef>
#include <initializer_list>

#include "interface/events.h"
#include "interface/shared_info.h"
#include "metal/sequence/scratch.h"

namespace sequence {

struct Sequence::Kind {
  u32 weight;
  Operation perform;
};

const Sequence::Kind Sequence::kKinds[] = {
    {440, &Sequence::access},         {90, &Sequence::change_entry},
    {70, &Sequence::change_mapping},  {50, &Sequence::change_slot},
    {40, &Sequence::make_table},      {30, &Sequence::pin},
    {35, &Sequence::unpin},           {12, &Sequence::base},
    {20, &Sequence::random_request},  {12, &Sequence::machine_to_phys},
    {20, &Sequence::foreign},         {10, &Sequence::reassign},
    {16, &Sequence::balloon},         {12, &Sequence::descriptor_table},
    {10, &Sequence::local_table},     {14, &Sequence::descriptor},
    {12, &Sequence::trap_calls},      {8, &Sequence::debug_register},
    {20, &Sequence::events},          {10, &Sequence::domain_calls},
    {6, &Sequence::transient_domain}, {12, &Sequence::calls},
    {12, &Sequence::many_calls},      {8, &Sequence::software_interrupt},
    {18, &Sequence::clear_page},      {8, &Sequence::retype},
    {6, &Sequence::give_away},        {8, &Sequence::self_map},
    {6, &Sequence::hand_over},        {5, &Sequence::disk},
};

bool Sequence::step() {
  if (domain_ == kDomain0 && performed_ >= options_.operations) return false;
  u32 sum = 0;
  for (const Kind& kind : kKinds) sum += kind.weight;
  u32 drawn = below(sum);
  const Kind* kind = kKinds;
  while (drawn >= kind->weight) drawn -= (kind++)->weight;
  const bool hands_over = kind->perform == &Sequence::hand_over;
  ++performed_;
  if (hands_over) report();  // the other domain is next to print
  (this->*kind->perform)();
  if (!hands_over) report();
  return true;
}

// --- descriptors -----------------------------------------------------------------------------------------------------

void Sequence::descriptor_table() {
  const u32 page = pool_page();
  const u32 first = one_in(4) ? some_frame() : pool_[page - kPoolPage];
  const u32 second = own_frame();
  const u32 entries = one_in(2) ? 512 : 250 + below(900);
  const bool prepared = !one_in(3);
  begin("set_gdt", first, second, entries);
  if (prepared) {
    request(entry_of_page(page), pool_[page - kPoolPage] << kPageShift | kP);
    request(command_pointer(0), command_word(MmuCommand::flush_tlb));
    result(static_cast<u32>(submit()));
  }
  port_.put(kArguments, first);
  port_.put(kArguments + 4, second);
  const s32 error = call(Hypercall::set_gdt, kArguments, entries);
  if (error == 0) gdt_ = first;
  result(static_cast<u32>(error));
  end();
  stale_ = true;
}

void Sequence::local_table() {
  const u32 page = pool_page();
  const u32 entries = one_in(4) ? 0 : below(9000);
  const u32 address = one_in(8) ? next() : page_address(page);
  begin("set_ldt", address, entries);
  request((address & ~3u) | static_cast<u32>(MmuRequest::extended), command_word(MmuCommand::set_ldt, entries));
  result(static_cast<u32>(submit()));
  end();
  stale_ = true;
}

void Sequence::descriptor() {
  constexpr u32 kHigh[] = {0x00cbf200, 0x00cbfa00, 0x00cbb200, 0,          0x0040f600, 0x00cf9200,
                           0x00cff200, 0x00008900, 0x0000ec00, 0x00cbf201, 0x00cbb2fc, 0x00cbf200};
  const bool loaded = one_in(4);
  const u32 any = some_frame();
  const u32 frame = loaded && gdt_ != 0 ? gdt_ : any;
  const u32 entry = one_in(4) ? 250 + below(50) : below(512);
  const u32 high = kHigh[below(12)];
  const u32 low = one_in(2) ? 0xffff : some_word();
  const u32 address = frame << kPageShift | entry * 8;
  if (harmful(address) || harmful(address + 4)) return;
  begin("descriptor", address, low, high);
  result(static_cast<u32>(call(Hypercall::update_descriptor, address, low, high)));
  end();
  stale_ = true;
}

// --- the rest --------------------------------------------------------------------------------------------------------

void Sequence::trap_calls() {
  const u32 kind = below(4);
  const u32 value = next();
  begin("trap_call", kind, value);
  switch (kind) {
    case 0:  // its end is what may be: no handler is changed
      port_.put(kArguments, (value & 0xff) | (one_in(2) ? 0x0808u : 0x8300u) << 16);
      port_.put(kArguments + 4, 0x1000);
      result(static_cast<u32>(call(Hypercall::set_trap_table, one_in(8) ? kNowhere : kArguments)));
      break;
    case 1:
      result(static_cast<u32>(call(Hypercall::set_callbacks, value & 0xfffc, 1, 0x0819, 1)));
      break;
    case 2:
      result(static_cast<u32>(call(Hypercall::stack_switch, (value & 0xffff) | 2, value)));
      break;
    default:
      result(static_cast<u32>(call(Hypercall::set_fast_trap, one_in(4) ? 0x80 : value & 0xff)));
      break;
  }
  end();
}

void Sequence::debug_register() {
  const u32 number = below(9);
  const bool near_the_end = one_in(3);
  u32 value = next();
  if (near_the_end) value = kHypervisorPrivate - 8 + value % 16;
  if (number == 7) value &= ~0xffu;  // remembered and off
  begin("debugreg", number, value);
  result(static_cast<u32>(call(Hypercall::set_debugreg, number, value)));
  result(static_cast<u32>(call(Hypercall::get_debugreg, number)));
  end();
}

void Sequence::events() {
  const u32 command = below(8);
  const u32 first = some_domain();
  const u32 second = some_domain();
  const u32 port = 3 + below(12), other_port = below(4) == 0 ? 0 : 3 + below(12), number = below(10);
  if (first < 2 || second < 2) return;
  begin("event", command, first, port);
  const u32 words[] = {command, first, port, second, other_port, number, 0};
  for (u32 i = 0; i < 7; ++i) port_.put(kArguments + i * 4, words[i]);
  result(static_cast<u32>(call(Hypercall::event_channel_op, kArguments)));
  for (u32 i = 1; i < 7; ++i) result(port_.get(kArguments + i * 4));
  for (u32 i = 0; i < 2; ++i) result(port_.get(shared_ + static_cast<u32>(offsetof(SharedInfo, ports_mask)) + i * 4));
  end();
}

void Sequence::domain_calls() {
  constexpr ControlCommand kCommands[] = {
      ControlCommand::get_domain_info, ControlCommand::scheduler_adjust, ControlCommand::pin_cpu,
      ControlCommand::add_rule,        ControlCommand::delete_rule,      ControlCommand::create_vbd,
      ControlCommand::grow_vbd,        ControlCommand::disk_info,        ControlCommand::get_memory_list,
      ControlCommand::vif_credit,      ControlCommand::build_domain};
  const ControlCommand command = kCommands[below(11)];
  const u32 domain = some_domain();
  const u32 a = next(), b = next(), c = next();
  if (domain < 2 || domain == kDomainSelf) return;
  begin("control", static_cast<u32>(command), domain, a);
  const bool list = command == ControlCommand::get_memory_list;
  result(static_cast<u32>(list ? control(command, domain, one_in(4) ? kNowhere : kCalls, b % 40, c % 20)
                               : control(command, domain, a % 4, b % 3, c)));
  result(control_domain());
  if (command == ControlCommand::get_domain_info)
    for (const u32 word : {0u, 1u, 2u, 3u}) result(control_word(word));
  end();
}

// One that never runs: made and built, or destroyed.
void Sequence::transient_domain() {
  const u32 which = below(2);
  u32& id = transient_[which];
  begin("domain", which, id);
  if (domain_ != kDomain0) {
    result(static_cast<u32>(control(ControlCommand::create_domain, 0, 64, 1, ~0u)));
  } else if (id != 0) {
    result(static_cast<u32>(control(ControlCommand::destroy_domain, id)));
    id = 0;
  } else {
    const bool built = !one_in(4);
    if (built) {
      result(static_cast<u32>(build_domain(16, false, id)));
    } else {
      const u32 vcpus = 1 + below(3);
      const s32 error = control(ControlCommand::create_domain, 0, 64, vcpus, ~0u);
      result(static_cast<u32>(error));
      if (error == 0) id = control_domain();
    }
    if (id != 0) {
      const u32 list = page_address(kScratchPage - 1);
      result(static_cast<u32>(control(ControlCommand::get_memory_list, id, list, 16, 0)));
      for (u32 i = 0; i < 16; ++i) transient_frames_[which][i] = port_.get(list + i * 4);
      if (one_in(2)) result(static_cast<u32>(control(ControlCommand::create_vif, id)));
    }
  }
  result(id);
  end();
  stale_ = true;
}

void Sequence::calls() {
  constexpr u32 kNumbers[] = {5, 17, 18, 19, 20, 23, 24, 31, 32, 77, 0x80000001, 15, 21, 6, 22};
  const u32 number = kNumbers[below(15)];
  const u32 value = next();
  begin("hypercall", number, value);
  u32 arguments[5] = {value, value * 3, value * 5, value * 7, value * 11};
  if (number == 6) arguments[0] = one_in(2) ? 0 : 3 + value % 200;    // yields, or is no operation
  if (number == 15 || number == 21) arguments[0] = arguments[1] = 0;  // an alarm taken back
  if (number == 18) arguments[1] = value % 300, arguments[2] = 0x3000;
  if (number == 22) arguments[3] = 5 + value % 1000;
  result(static_cast<u32>(port_.hypercall(number, arguments)));
  end();
}

void Sequence::many_calls() {
  const u32 count = below(5);
  const u32 page = pool_page();
  const u32 frame = own_frame();
  const u32 flags = some_flags();
  begin("multicall", count, page, frame << kPageShift | flags);
  const u32 entries[5][5] = {
      {static_cast<u32>(Hypercall::update_va_mapping), page_address(page) >> kPageShift, frame << kPageShift | flags,
       kVaInvalidate, 0},
      {static_cast<u32>(Hypercall::xen_version), 0, 0, 0, 0},
      {static_cast<u32>(Hypercall::multicall), kCalls, 1, 0, 0},
      {static_cast<u32>(Hypercall::update_descriptor), frame << kPageShift | 8, 0xffff, 0x00cbf200, 0},
      {static_cast<u32>(Hypercall::stack_switch), 0, 0, 0, 0}};
  for (u32 i = 0; i < count; ++i)
    for (u32 word = 0; word < 8; ++word) port_.put(kCalls + i * 32 + word * 4, word < 5 ? entries[i][word] : 0);
  result(static_cast<u32>(call(Hypercall::multicall, one_in(8) ? kNowhere : kCalls, count)));
  for (u32 i = 0; i < count; ++i) result(port_.get(kCalls + i * 32 + 24));
  end();
  stale_ = true;
}

void Sequence::software_interrupt() {
  constexpr u32 kVectors[] = {0x20, 0x21, 0x30, 0x50, 0x81, 0x82, 0xfe, 0x0e};
  const bool user = one_in(2);
  u32 vector = kVectors[below(8)];
  if (!user && vector == 0x82) vector = 0x81;  // that is the hypercall
  begin("int", vector, user ? 3 : 1);
  Fault fault;
  port_.interrupt(user ? Mode::user : Mode::kernel, vector, fault);
  result(fault);
  end();
}

// The other domain goes on: an event to it, and this one sleeps until it sends one back, as one hypercall, so that at
// no time both could run. The first time domain 0 lets the other one start, which has no handler for an event yet.
void Sequence::hand_over() {
  if (domain_ == kPeer) leave_room();
  const u32 words[] = {static_cast<u32>(EventChannelCommand::send), 0, kPeerPort, 0, 0, 0, 0};
  for (u32 i = 0; i < 7; ++i) port_.put(kArguments + i * 4, words[i]);
  u32 count = 0;
  const auto add = [&](Hypercall number, u32 argument) {
    for (u32 word = 0; word < 8; ++word) {
      const u32 value = word == 0 ? static_cast<u32>(number) : word == 1 ? argument : 0;
      port_.put(kCalls + count * 32 + word * 4, value);
    }
    ++count;
  };
  if (domain_ == kDomain0 && !peer_started_) {
    const u32 op[] = {static_cast<u32>(ControlCommand::unpause_domain), kControlVersion, kPeer};
    for (u32 i = 0; i < 3; ++i) port_.put(kArguments + i * 4, op[i]);
    add(Hypercall::dom0_op, kArguments);
    peer_started_ = true;
  } else {
    add(Hypercall::event_channel_op, kArguments);
  }
  add(Hypercall::sched_op, static_cast<u32>(SchedOp::block));
  (void)call(Hypercall::multicall, kCalls, count);
}

}  // namespace sequence

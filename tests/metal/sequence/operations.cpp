// What a sequence does, one operation at a time.
#include <cstddef>
#include <initializer_list>

#include "interface/events.h"
#include "interface/shared_info.h"
#include "metal/sequence/sequence.h"

namespace sequence {

namespace {

constexpr u32 kP = kEntryPresent, kW = kEntryWritable, kU = kEntryUser;
constexpr u32 kScratch = kGuestKernelStart + (kScratchPage << kPageShift);
constexpr u32 kDone = kScratch, kArguments = kScratch + 1536, kCalls = kScratch + 2560;

constexpr u32 kNowhere = 0x7ff00000;  // no slot of that is ever filled: lists there cannot be read

constexpr u32 command_word(MmuCommand command, u32 argument = 0) { return static_cast<u32>(command) | argument << 8; }
constexpr u32 command_pointer(u32 frame) { return frame << kPageShift | static_cast<u32>(MmuRequest::extended); }

}  // namespace

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
    {6, &Sequence::hand_over},
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

// --- memory ----------------------------------------------------------------------------------------------------------

void Sequence::access() {
  settle_translations();
  const u32 address = some_address();
  const u32 what = below(4);
  const u32 value = some_word();
  const Mode mode = what < 2 ? Mode::kernel : Mode::user;
  const bool write = what % 2 == 1;
  if (!options_.segment_limits && address >= kHypervisorPrivate) return;
  begin(write ? "store" : "load", address, static_cast<u32>(mode), write ? value : 0);
  Fault fault;
  u32 loaded = 0;
  if (write ? port_.store(mode, address, value, fault) : port_.load(mode, address, loaded, fault)) {
    result(loaded);
  } else {
    result(fault);
  }
  end();
}

// A page of the pool is zeroed through the kernel's map, if that may write it: what is drawn next meets order.
void Sequence::clear_page() {
  settle_translations();
  const u32 page = pool_page();
  const u32 address = page_address(page);
  begin("clear", page);
  Fault fault;
  u32 before = 0;
  bool good =
      port_.load(Mode::kernel, address, before, fault);  // first read, then written through the same translation
  for (u32 index = 0; index < 16 && good; ++index) good = port_.store(Mode::kernel, address + index * 4, 0, fault);
  good ? result(0) : result(fault);
  end();
}

// --- page tables -----------------------------------------------------------------------------------------------------

void Sequence::change_entry() {
  const u32 table = one_in(3) ? some_frame() : own_frame();
  const u32 index = table == kernel_table_ ? kPoolPage + below(kPoolPages) : some_index();
  const u32 target = some_frame();
  const u32 flags = some_flags();
  const u32 pointer = table << kPageShift | index * 4;
  if (harmful(pointer)) return;
  begin("entry", pointer, target << kPageShift | flags);
  request(pointer, target << kPageShift | flags);
  result(static_cast<u32>(submit()));
  result(port_.get(kDone));
  end();
  stale_ = true;
}

void Sequence::change_mapping() {
  const u32 kind = below(4);
  u32 address = some_address();
  const u32 page = pool_page();
  const u32 frame = some_frame();
  const u32 flags = some_flags(), how = below(4);
  if (kind < 2) address = page_address(page);
  const u32 slot = address >> 22;
  const u32 target = kind == 0 ? pool_[page - kPoolPage] : frame;
  if (slot == kUserSlot) return;
  begin("va_mapping", address, target << kPageShift | flags, how);
  result(
      static_cast<u32>(call(Hypercall::update_va_mapping, address >> kPageShift, target << kPageShift | flags, how)));
  end();
  // A page table may be in several slots; the kernel's is in one.
  const bool flushed = (how & kVaFlushTlb) != 0 || ((how & kVaInvalidate) != 0 && slot == kGuestKernelStart >> 22);
  if (!flushed) stale_ = true;
}

void Sequence::change_slot() {
  const u32 directory = one_in(2) ? directory_ : own_frame();
  const u32 slot = one_in(12) ? 1000 + below(24) : below(4);
  const u32 table = some_frame();
  const u32 flags = some_flags();
  const u32 pointer = directory << kPageShift | slot * 4;
  if (harmful(pointer)) return;
  begin("slot", pointer, table << kPageShift | flags);
  request(pointer, table << kPageShift | flags);
  result(static_cast<u32>(submit()));
  end();
  stale_ = true;
}

// As a kernel does: filled while it is an ordinary page, given up for writing, then pinned or hooked.
void Sequence::make_table() {
  settle_translations();
  const u32 page = pool_page();
  const u32 table = pool_[page - kPoolPage];
  const u32 first = own_frame();
  const u32 flags = some_flags(), second_flags = some_flags(), slot = below(4), how = below(4);
  begin("make_table", page, slot, how);
  Fault fault;
  const u32 address = page_address(page);
  const bool filled = port_.store(Mode::kernel, address, first << kPageShift | flags, fault) &&
                      port_.store(Mode::kernel, address + 8, table << kPageShift | second_flags, fault);
  if (!filled) result(fault);
  request(entry_of_page(page), table << kPageShift | kP);
  if (how != 0) request(command_pointer(table), command_word(how == 3 ? MmuCommand::pin_l2 : MmuCommand::pin_l1));
  if (how != 3) request(base_ << kPageShift | slot * 4, table << kPageShift | kP | kW | kU);
  result(static_cast<u32>(submit()));
  result(port_.get(kDone));
  end();
  stale_ = true;
}

void Sequence::pin() {
  const u32 frame = some_frame();
  const MmuCommand level = one_in(3) ? MmuCommand::pin_l2 : MmuCommand::pin_l1;
  begin("pin", frame, static_cast<u32>(level));
  request(command_pointer(frame), command_word(level));
  result(static_cast<u32>(submit()));
  end();
  stale_ = true;
}

void Sequence::unpin() {
  const u32 frame = some_frame();
  if (frame == directory_) return;
  begin("unpin", frame);
  request(command_pointer(frame), command_word(MmuCommand::unpin));
  result(static_cast<u32>(submit()));
  end();
  stale_ = true;
}

// Another directory, with the kernel in it; or back to the first.
void Sequence::base() {
  const bool back = base_ != directory_;
  const u32 page = own_frame();
  const u32 frame = back ? directory_ : page;
  begin("base", frame);
  if (!back) {
    request(frame << kPageShift | (kGuestKernelStart >> 22) * 4, kernel_table_ << kPageShift | kP | kW);
    request(frame << kPageShift | kUserSlot * 4, frame_of_page(kUserTablePage) << kPageShift | kP | kW | kU);
  }
  request(command_pointer(frame), command_word(MmuCommand::new_base_pointer));
  const s32 error = submit();
  if (error == 0) base_ = frame;
  result(static_cast<u32>(error));
  result(port_.get(kDone));
  end();
  stale_ = true;
}

void Sequence::random_request() {
  const u32 kind = below(4);
  u32 pointer = next();
  u32 value = next();
  const u32 frame = some_frame();
  if (kind != 0) pointer = frame << kPageShift | (pointer & 0xfff);
  if ((pointer & 3) == static_cast<u32>(MmuRequest::update_entry)) value = some_word();
  const bool is_command = (pointer & 3) == static_cast<u32>(MmuRequest::extended);
  const u32 verb = value & 0xff;
  const bool of_kernel = kernels(pointer >> kPageShift) || (pointer >> kPageShift) == directory_;
  if ((pointer & 3) == 0 && harmful(pointer)) return;
  // Its directory must stay, and no domain may be named that can run.
  if (is_command && (verb == static_cast<u32>(MmuCommand::new_base_pointer) || (verb == 4 && of_kernel))) return;
  if (is_command && verb == static_cast<u32>(MmuCommand::set_foreign_domain) && value >> 16 < 2) return;
  begin("request", pointer, value);
  request(pointer, value);
  result(static_cast<u32>(submit()));
  end();
  stale_ = true;
}

void Sequence::machine_to_phys() {
  const u32 frame = some_frame();
  const u32 value = next();
  begin("m2p", frame, value);
  request(frame << kPageShift | static_cast<u32>(MmuRequest::update_m2p), value);
  result(static_cast<u32>(submit()));
  end();
}

// --- directed: what a TLB still holds, where the core must flush -----------------------------------------------------

// A page that was just written becomes a page table: whoever still could write it must not.
void Sequence::retype() {
  settle_translations();
  const u32 page = pool_page();
  const u32 frame = pool_[page - kPoolPage];
  begin("retype", page);
  Fault fault;
  for (u32 index = 0; index < 16; ++index)
    if (!port_.store(Mode::kernel, page_address(page) + index * 4, 0, fault)) break;
  request(entry_of_page(page), frame << kPageShift | kP);
  request(command_pointer(frame), command_word(MmuCommand::pin_l1));
  const s32 error = submit();
  result(static_cast<u32>(error));
  if (error == 0) {
    const bool stored = port_.store(Mode::kernel, page_address(page) + 20, 1, fault);
    stored ? result(1) : result(fault);
    request(command_pointer(frame), command_word(MmuCommand::unpin));
    result(static_cast<u32>(submit()));
  }
  end();
  stale_ = true;
}

// A page that was just written goes back to the hypervisor, or to another domain; a new one comes in its place.
void Sequence::give_away() {
  settle_translations();
  const u32 page = pool_page();
  const u32 frame = pool_[page - kPoolPage];
  const u32 to = domain_ == kDomain0 && one_in(2) ? kPeer : 0;  // which has room when it has given pages back
  begin("give_away", page, to);
  Fault fault;
  (void)port_.store(Mode::kernel, page_address(page), 7, fault);
  request(entry_of_page(page), 0);
  if (to != 0) {
    request(command_pointer(0), command_word(MmuCommand::set_foreign_domain) | to << 16);
    request(command_pointer(frame), command_word(MmuCommand::reassign_page));
  }
  s32 error = submit();
  result(static_cast<u32>(error));
  if (to == 0 && error == 0) {
    port_.put(kArguments, frame);
    error = call(Hypercall::dom_mem_op, static_cast<u32>(DomMemOp::decrease), kArguments, 1);
    result(static_cast<u32>(error));
  }
  const bool gone = to == 0 ? error == 1 : error == 0;
  if (gone) {
    const bool stored = port_.store(Mode::kernel, page_address(page), 8, fault);
    stored ? result(1) : result(fault);
    port_.put(kArguments, 0);
    const s32 taken = call(Hypercall::dom_mem_op, static_cast<u32>(DomMemOp::increase), kArguments, 1);
    result(static_cast<u32>(taken));
    if (taken == 1) pool_[page - kPoolPage] = port_.get(kArguments);
  }
  result(static_cast<u32>(call(Hypercall::update_va_mapping, page_address(page) >> kPageShift,
                               pool_[page - kPoolPage] << kPageShift | kP | kW, kVaInvalidate)));
  end();
  stale_ = true;
}

// A directory in one of its own slots: read-only it may be, and then shows the tables as pages.
void Sequence::self_map() {
  const u32 slot = 3;
  const bool writable = one_in(3);
  begin("self_map", base_, writable ? 1 : 0);
  request(base_ << kPageShift | slot * 4, base_ << kPageShift | kP | (writable ? kW : 0));
  request(command_pointer(0), command_word(MmuCommand::flush_tlb));
  const s32 error = submit();
  result(static_cast<u32>(error));
  const u32 address = slot << 22 | slot << kPageShift;  // the directory itself
  Fault fault;
  u32 value = 0;
  if (error == 0) {
    port_.load(Mode::kernel, address, value, fault) ? result(value & ~kEntryAccessed) : result(fault);
    port_.store(Mode::kernel, address, 0, fault) ? result(1) : result(fault);
    request(base_ << kPageShift | slot * 4, base_ << kPageShift | kP | kW);  // and never becomes
    result(static_cast<u32>(submit()));
  }
  request(base_ << kPageShift | slot * 4, 0);
  result(static_cast<u32>(submit()));
  end();
  stale_ = true;
}

// --- other domains' memory, and the reservation ----------------------------------------------------------------------

void Sequence::foreign() {
  const u32 domain = some_domain();
  const u32 which = below(2), place = below(16), kind = below(3);
  const u32 frame = transient_frames_[which][place];
  const u32 address = page_address(pool_page());
  const u32 flags = some_flags(), how = below(4);
  if (domain < 2) return;
  begin("foreign", domain, frame, kind);
  if (kind == 0) {
    result(static_cast<u32>(call(Hypercall::update_va_mapping_otherdomain, address >> kPageShift,
                                 frame << kPageShift | flags, how, domain)));
  } else {
    const u32 pointer = frame << kPageShift | some_index() * 4;
    request(command_pointer(0), command_word(MmuCommand::set_foreign_domain) | domain << 16);
    request(kind == 1 ? pointer : command_pointer(frame),
            kind == 1 ? own_frame() << kPageShift | flags
                      : command_word(one_in(2) ? MmuCommand::pin_l1 : MmuCommand::unpin));
    if (one_in(4)) request(command_pointer(0), command_word(MmuCommand::clear_foreign_domain));
    result(static_cast<u32>(submit()));
    result(port_.get(kDone));
  }
  end();
  stale_ = true;
}

void Sequence::reassign() {
  const bool to_peer = one_in(2);
  const u32 other = some_domain();
  const u32 domain = to_peer && domain_ == kDomain0 ? kPeer : other;
  const u32 frame = some_frame();
  if (domain == kDomain0) return;
  begin("reassign", domain, frame);
  request(command_pointer(0), command_word(MmuCommand::set_foreign_domain) | domain << 16);
  request(command_pointer(frame), command_word(MmuCommand::reassign_page));
  result(static_cast<u32>(submit()));
  end();
  stale_ = true;
}

void Sequence::balloon() {
  const bool down = one_in(2);
  const u32 frame = some_frame();
  const u32 page = pool_page();
  const bool bad_list = one_in(8);
  const u32 list = bad_list ? kNowhere : kArguments;
  begin("balloon", down ? 1 : 0, frame, page);
  port_.put(kArguments, frame);
  const s32 done =
      call(Hypercall::dom_mem_op, static_cast<u32>(down ? DomMemOp::decrease : DomMemOp::increase), list, 1);
  result(static_cast<u32>(done));
  if (!down && done == 1 && !bad_list) pool_[page - kPoolPage] = port_.get(kArguments);
  end();
  stale_ = true;
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
  const u32 port = 2 + below(12), other_port = below(4) == 0 ? 0 : 2 + below(12), number = below(10);
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

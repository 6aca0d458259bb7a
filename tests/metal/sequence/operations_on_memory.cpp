// Operations of a sequence on memory: accesses, page tables, pages that change owner.
#include "metal/sequence/scratch.h"

namespace sequence {

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
  const u32 to = domain_ == kDomain0 && one_in(2) ? kPeer : 0;  // which has left room for it
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

// A page that the peer gives back before domain 0 runs, so that domain 0 can give it one.
void Sequence::leave_room() {
  const u32 page = pool_page();
  begin("leave_room", page);
  request(entry_of_page(page), 0);
  result(static_cast<u32>(submit()));
  port_.put(kArguments, pool_[page - kPoolPage]);
  result(static_cast<u32>(call(Hypercall::dom_mem_op, static_cast<u32>(DomMemOp::decrease), kArguments, 1)));
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

}  // namespace sequence

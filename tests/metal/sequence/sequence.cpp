#include "metal/sequence/sequence.h"

#include <cstddef>
#include <initializer_list>

#include "interface/events.h"
#include "interface/start_info.h"
#include "metal/sequence/scratch.h"

namespace sequence {

namespace {

constexpr u32 kFirstMachineDescriptor = 256, kEndMachineDescriptors = 296;

}  // namespace

Sequence::Sequence(Port& port, const Options& options, DomainId domain)
    : port_{port}, options_{options}, domain_{domain}, random_{u64{options.seed} << 32 | (domain + 1)} {}

u32 Sequence::next() {
  u64 z = random_ += 0x9e3779b97f4a7c15u;
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
  z = (z ^ z >> 27) * 0x94d049bb133111ebu;
  return high_word(z ^ z >> 31);
}

// --- results ---------------------------------------------------------------------------------------------------------

void Sequence::begin(const char* name, u32 a, u32 b, u32 c) {
  detailed_ = performed_ >= options_.detail_from && performed_ < options_.detail_to;
  digest_.mix(a);
  digest_.mix(b);
  digest_.mix(c);
  if (!detailed_) return;
  print_number(performed_, false);
  for (const char* text : {" ", name}) print(text);
  for (const u32 number : {a, b, c}) {
    print(" ");
    print_number(number, true);
  }
  print(" ->");
}

void Sequence::result(u32 value) {
  digest_.mix(value);
  if (!detailed_) return;
  print(" ");
  if (static_cast<s32>(value) < 0 && static_cast<s32>(value) > -200) {
    print("-");
    print_number(0 - value, false);
  } else {
    print_number(value, true);
  }
}

void Sequence::result(const Fault& fault) {
  if (detailed_) print(" fault");
  for (const u32 number : {fault.vector, fault.error_code, fault.address, fault.ring}) result(number);
}

void Sequence::end() {
  if (detailed_) print_line();
}

void Sequence::report() {
  constexpr u32 kEvery = 64, kContentsEvery = 256;
  if (performed_ % kEvery != 0) return;
  if (performed_ % kContentsEvery == 0) {
    u32 contents = 0;
    for (u32 i = 0; i < kPoolPages; ++i) {
      const u32 of_page = port_.contents_digest(pool_[i]);
      contents = contents * 31 + of_page;
      contents = contents * 31 + port_.word(kernel_table_, kPoolPage + i);  // its accessed and dirty bits too
      if (!detailed_) continue;
      for (const u32 number : {kPoolPage + i, pool_[i], of_page}) {
        print(" ");
        print_number(number, true);
      }
      print_line();
      if (kPoolPage + i == options_.words_of) print_words(pool_[i]);
    }
    digest_.mix(contents);
    const u32 frames = port_.frame_table_digest();
    digest_.mix(frames);
    print("frames ");
    print_number(frames, true);
    print(" contents ");
    print_number(contents, true);
    print(" ");
  }
  print("operations ");
  print_number(performed_, false);
  print(" digest ");
  print_number(digest_.value(), true);
  print_line();
}

void Sequence::print_words(u32 frame) {
  for (u32 index = 0; index < kEntriesPerTable; ++index) {
    const u32 word = port_.word(frame, index);
    if (word == 0) continue;
    for (const u32 number : {index, word}) {
      print(" ");
      print_number(number, true);
    }
    print_line();
  }
}

void Sequence::print(const char* text) {
  for (; *text != '\0' && used_ + 1 < sizeof line_; ++text) line_[used_++] = *text;
}

void Sequence::print_number(u32 value, bool hexadecimal) {
  char digits[12];
  u32 count = sizeof digits;
  digits[--count] = '\0';
  const u32 radix = hexadecimal ? 16 : 10;
  do digits[--count] = "0123456789abcdef"[value % radix];
  while ((value /= radix) != 0);
  print(digits + count);
}

void Sequence::print_line() {
  line_[used_++] = '\n';
  for (u32 at = 0; at < used_; at += 4) {
    u32 word = 0;
    for (u32 i = 0; i < 4 && at + i < used_; ++i) word |= u32{static_cast<u8>(line_[at + i])} << 8 * i;
    port_.put(kText + at, word);
  }
  const u32 arguments[5] = {0, used_, kText, 0, 0};
  (void)port_.hypercall(static_cast<u32>(Hypercall::console_io), arguments);
  used_ = 0;
}

// --- hypercalls ------------------------------------------------------------------------------------------------------

s32 Sequence::call(Hypercall number, u32 a, u32 b, u32 c, u32 d, u32 e) {
  const u32 arguments[5] = {a, b, c, d, e};
  return port_.hypercall(static_cast<u32>(number), arguments);
}

u32 Sequence::request(u32 pointer, u32 value) {
  if (requests_ == kListRoom) (void)submit();
  port_.put(kList + requests_ * 8, pointer);
  port_.put(kList + requests_ * 8 + 4, value);
  return ++requests_;
}

s32 Sequence::submit() {
  const u32 count = requests_;
  requests_ = 0;
  return call(Hypercall::mmu_update, kList, count, kDone);
}

s32 Sequence::control(ControlCommand command, u32 domain, u32 a, u32 b, u32 c, u32 d, u32 e) {
  const u32 words[] = {static_cast<u32>(command), kControlVersion, domain, a, b, c, d, e};
  for (u32 i = 0; i < sizeof(ControlOp) / 4; ++i) port_.put(kControl + i * 4, i < 8 ? words[i] : 0);
  return call(Hypercall::dom0_op, kControl);
}

u32 Sequence::control_domain() { return port_.get(kControl + 8); }
u32 Sequence::control_word(u32 index) { return port_.get(kControl + 12 + index * 4); }

// --- preparation -----------------------------------------------------------------------------------------------------

u32 Sequence::entry_of_page(u32 page) { return (kernel_table_ << kPageShift) + page * 4; }

bool Sequence::prepare(u32 start_info) {
  const auto word = [&](u32 offset) { return port_.get(start_info + offset); };
  frame_list_ = word(offsetof(StartInfo, frame_list_address));
  spare_ = word(offsetof(StartInfo, spare_address));
  shared_ = word(offsetof(StartInfo, shared_info_address));
  directory_ = base_ = word(offsetof(StartInfo, directory_frame));
  kernel_table_ = frame_of_page(word(offsetof(StartInfo, table_first)));
  if (word(offsetof(StartInfo, table_pages)) != 2) return false;  // other directories would need more than one slot
  for (u32 i = 0; i < kPoolPages; ++i) pool_[i] = frame_of_page(kPoolPage + i);
  // Frames came in ascending order, so the kernel's are two ranges: what it runs in, and the boot stack's
  // neighbourhood.
  const u32 pages = word(offsetof(StartInfo, pages));
  kernel_first_ = frame_of_page(0);
  kernel_last_ = frame_of_page(kPoolPage - 1);
  top_first_ = frame_of_page(pages - 32);
  top_last_ = frame_of_page(pages - 1);
  shared_frame_ = word(offsetof(StartInfo, shared_info)) >> kPageShift;
  if (!make_user_space()) return false;
  if (domain_ == kDomain0 && !(build_peer() && give_disk(kDomain0) && give_disk(kPeer))) return false;
  return open_disk();
}

bool Sequence::make_user_space() {
  const u32 table = frame_of_page(kUserTablePage);
  port_.put(page_address(kUserTablePage), frame_of_page(kUserTablePage + 1) << kPageShift | kEntryPresent | kEntryUser);
  port_.put(page_address(kUserTablePage) + 4,
            frame_of_page(kUserTablePage + 2) << kPageShift | kEntryPresent | kEntryWritable | kEntryUser);
  request(entry_of_page(kUserTablePage), table << kPageShift | kEntryPresent);
  request(static_cast<u32>(MmuRequest::extended), static_cast<u32>(MmuCommand::flush_tlb));
  request((directory_ << kPageShift) + kUserSlot * 4,
          table << kPageShift | kEntryPresent | kEntryWritable | kEntryUser);
  return submit() == 0;
}

// Domain 0 builds the domain that takes turns with it, and a channel between them.
bool Sequence::build_peer() {
  u32 peer = 0;
  if (build_domain(kPeerPages, true, peer) != 0 || peer != kPeer) return false;
  const u32 words[] = {static_cast<u32>(EventChannelCommand::bind_interdomain), kDomainSelf, 0, peer, 0, 0, 0};
  for (u32 i = 0; i < 7; ++i) port_.put(kControl + i * 4, words[i]);
  return call(Hypercall::event_channel_op, kControl) == 0 && port_.get(kControl + 8) == kPeerPort;
}

// A domain of the layout of start_info.h. Its pages are written through one of our spare entries.
s32 Sequence::build_domain(u32 pages, bool with_kernel, u32& id) {
  constexpr u32 kTablePage = 2, kDirectoryPage = 3, kLinePage = 15, kImagePage = 16;
  if (const s32 error = control(ControlCommand::create_domain, 0, pages * 4, 1, ~0u); error != 0) return error;
  id = control_domain();
  if (const s32 error = control(ControlCommand::get_domain_info, id); error != 0) return error;
  const u32 shared_info = control_word(3);
  // The list of its frames goes to the last pages of ours.
  const u32 list = page_address(kScratchPage - 1);
  if (const s32 error = control(ControlCommand::get_memory_list, id, list, pages, 0); error != 0) return error;
  const auto frame = [&](u32 page) { return port_.get(list + page * 4); };
  const auto show = [&](u32 page) {
    return call(Hypercall::update_va_mapping_otherdomain, spare_ >> kPageShift,
                frame(page) << kPageShift | kEntryPresent | kEntryWritable, kVaInvalidate, id);
  };

  constexpr u32 kMapped = kEntryPresent | kEntryWritable;
  if (const s32 error = show(kTablePage); error != 0) return error;
  for (u32 page = 0; page <= pages; ++page) {
    const bool table = page == kTablePage || page == kDirectoryPage;
    const u32 number = page == pages ? shared_info : frame(page);
    port_.put(spare_ + page * 4, number << kPageShift | (table ? kEntryPresent : kMapped));
  }
  if (const s32 error = show(kDirectoryPage); error != 0) return error;
  port_.put(spare_ + (kGuestKernelStart >> 22) * 4, frame(kTablePage) << kPageShift | kMapped);
  if (const s32 error = show(0); error != 0) return error;
  const u32 start_info[] = {kStartMagic,
                            id,
                            0,
                            1,
                            pages,
                            shared_info << kPageShift,
                            page_address(pages),
                            page_address(1),
                            1,
                            kTablePage,
                            2,
                            frame(kDirectoryPage),
                            4,
                            page_address(pages + 1),
                            0};
  static_assert(sizeof start_info == sizeof(StartInfo));
  for (u32 i = 0; i < sizeof start_info / 4; ++i) port_.put(spare_ + i * 4, start_info[i]);
  if (with_kernel) {
    if (const s32 error = show(1); error != 0) return error;
    for (u32 page = 0; page < pages; ++page) port_.put(spare_ + page * 4, frame(page));
    if (const s32 error = show(kLinePage); error != 0) return error;
    const u32 own_line = page_address(kLinePage);
    for (u32 at = 0; at < 512; at += 4) port_.put(spare_ + at, port_.get(own_line + at));
    for (u32 page = 0; page < kImagePages; ++page) {
      if (const s32 error = show(kImagePage + page); error != 0) return error;
      port_.put_image(spare_, page);
    }
  }
  if (const s32 error = call(Hypercall::update_va_mapping, spare_ >> kPageShift, 0, kVaInvalidate); error != 0)
    return error;
  request(static_cast<u32>(MmuRequest::extended), static_cast<u32>(MmuCommand::set_foreign_domain) | id << 16);
  request(frame(kDirectoryPage) << kPageShift | static_cast<u32>(MmuRequest::extended),
          static_cast<u32>(MmuCommand::pin_l2));
  if (const s32 error = submit(); error != 0) return error;
  return control(ControlCommand::build_domain, id, frame(kDirectoryPage), port_.entry(), page_address(pages),
                 kGuestKernelStart);
}

// --- numbers to things -----------------------------------------------------------------------------------------------

u32 Sequence::some_frame() {
  const u32 kind = below(16), rest = next();
  if (kind == 0) {  // anybody's, or beyond memory
    const u32 frame = rest % 6200;
    return kernels(frame) ? pool_[0] : frame;
  }
  if (kind == 1) return transient_frames_[rest % 2][rest / 2 % 16];
  if (kind == 2) return directory_;  // never its page table: in another slot that would show the kernel to the stores
  if (kind == 3) return frame_of_page(kPoolPage + kPoolPages + rest % 64);  // its own, mapped writable
  return pool_[rest % kPoolPages];
}

u32 Sequence::own_frame() { return pool_[below(kPoolPages)]; }

// Tables are changed at few places, so that entries meet.
u32 Sequence::some_index() {
  const u32 rest = next();
  if (rest % 8 == 0) {
    const u32 index = rest / 8 % 1024;
    return index == (kGuestKernelStart >> 22) || index == kUserSlot ? 0 : index;
  }
  return rest / 8 % 12;
}

u32 Sequence::some_flags() {
  constexpr u32 kLikely[16] = {0,
                               kP,
                               kP,
                               kP | kW,
                               kP | kW,
                               kP | kW,
                               kP | kU,
                               kP | kU,
                               kP | kW | kU,
                               kP | kW | kU,
                               kP | kW | kU,
                               kP | kW | kEntryAccessed | kEntryDirty,
                               kP,
                               kW,
                               kP | kEntryLarge,
                               kP | kW | kEntryGlobal};
  return kLikely[below(16)];
}

// What is written to memory may become an entry of a table: it names no page of the kernel's.
u32 Sequence::some_word() {
  const bool entry = one_in(2);
  const u32 word = next();
  if (!entry) return word & ~kEntryPresent;
  const u32 frame = some_frame();
  return frame << kPageShift | some_flags();
}

u32 Sequence::some_address() {
  const u32 kind = below(16), rest = next();
  u32 word = rest >> 4 & 0xffc;
  // Where a descriptor table has the machine's own entries, and what was a directory the machine's slot.
  if (word / 8 >= kFirstMachineDescriptor && word / 8 < kEndMachineDescriptors) word -= kFirstMachineDescriptor * 8;
  if (word == kMachineSlot * 4) word = 0;
  switch (kind) {
    case 0:
      return rest & ~3u & 0x7fffffff;  // anywhere low
    case 1:
      return kMachineToPhysStart + (rest & 0x003ffffc);
    case 2:
      return kHypervisorPrivate + (rest & 0x03bffffc);
    case 3:
    case 4:
    case 5:
    case 6:
    case 7:
    case 8:
      return page_address(kPoolPage + rest % kPoolPages) + word;
    default:
      return (rest % 4) << 22 | (rest >> 2 & 15) << kPageShift | word;
  }
}

// Itself, one that never runs, or none.
u32 Sequence::some_domain() {
  const u32 rest = next();
  if (rest % 8 == 0) return kDomainSelf;
  if (rest % 8 == 1) return 5 + rest / 8 % 5;
  if (rest % 8 == 2) return rest / 8;
  const u32 id = transient_[rest / 8 % 2];
  return id == 0 ? 6 : id;
}

// Whether this is one of the domain's frames, and none of those that the sequence may use.
bool Sequence::kernels(u32 frame) const {
  return (frame >= kernel_first_ && frame <= kernel_last_) || (frame >= top_first_ && frame <= top_last_);
}

// Whether the kernel would not survive a change of that word.
bool Sequence::harmful(u32 machine_address) const {
  const u32 frame = machine_address >> kPageShift, index = machine_address / 4 % kEntriesPerTable;
  if (frame == kernel_table_) return index < kPoolPage || index >= kPoolPage + kPoolPages;
  if (frame != directory_ && kernels(frame)) return true;
  return index == (kGuestKernelStart >> 22) || index == kUserSlot;
}

// --- the loop --------------------------------------------------------------------------------------------------------

// Asked for by the next access after mappings have changed.
void Sequence::settle_translations() {
  if (!stale_) return;
  stale_ = false;
  request(static_cast<u32>(MmuRequest::extended), static_cast<u32>(MmuCommand::flush_tlb));
  (void)submit();
}

}  // namespace sequence

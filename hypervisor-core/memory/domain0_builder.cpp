// The first address space of domain 0, laid out as interface/start_info.h says. Written into the domain's own frames
// and then validated like any guest's tables.
#include <bit>

#include "domain.h"
#include "interface/start_info.h"
#include "memory/memory_manager.h"

namespace hv {
namespace {

constexpr u32 tables_for(u32 pages) { return (pages + kEntriesPerTable - 1) / kEntriesPerTable; }

// An array of words that goes on over consecutive pseudo-physical pages, filled from its start.
class WordStream {
 public:
  WordStream(hw::Memory& memory, const FrameTable& frames, MachineFrame first)
      : memory_{memory}, frames_{frames}, frame_{first} {}
  void append(u32 word) {
    if (index_ == kEntriesPerTable) {
      frame_ = frames_.next(frame_);
      index_ = 0;
    }
    memory_.frame(frame_).store(index_++, word);
  }

 private:
  hw::Memory& memory_;
  const FrameTable& frames_;
  MachineFrame frame_;
  u32 index_ = 0;
};

}  // namespace

HypercallResult MemoryManager::build_domain0(hw::Cpu& cpu, Domain& domain, InitialSpace& built) {
  const u32 pages = domain.memory.frames.count;
  StartInfo info{};
  info.magic = kStartMagic;
  info.domain_id = domain.id;
  info.flags = domain.privileged ? kStartPrivileged : 0;
  info.vcpus = domain.vcpu_count;
  info.pages = pages;
  info.shared_info = domain.shared_info.address();
  info.shared_info_address = kGuestKernelStart + (pages << kPageShift);
  info.frame_list_address = kGuestKernelStart + kPageSize;
  info.list_pages = tables_for(pages);
  info.table_first = 1 + info.list_pages;
  const u32 page_tables = tables_for(pages + 1 + kSparePages);
  info.table_pages = page_tables + 1;
  info.first_free_page = info.table_first + info.table_pages;
  info.spare_address = info.shared_info_address + kPageSize;
  for (const Vif* vif : domain.vifs) info.vifs += vif != nullptr ? 1 : 0;
  constexpr u32 kKernelSlots = kGuestDirectorySlots - (kGuestKernelStart >> 22);
  if (pages <= info.first_free_page || page_tables > kKernelSlots) return Error::no_memory;
  if (domain.shared_info == MachineFrame::none()) return Error::invalid;

  const MachineFrame first = frames_.first(domain.memory.frames);
  MachineFrame list_frame = frames_.next(first), first_table = list_frame;
  for (u32 page = 1; page < info.table_first; ++page) first_table = frames_.next(first_table);
  built.directory = first_table;
  for (u32 i = 0; i < page_tables; ++i) built.directory = frames_.next(built.directory);
  info.directory_frame = built.directory.number();

  WordStream list{memory_, frames_, list_frame}, tables{memory_, frames_, first_table};
  MachineFrame frame = first;
  for (u32 page = 0; page < pages; ++page, frame = frames_.next(frame)) {
    const bool is_table = page >= info.table_first && page < info.first_free_page;
    list.append(frame.number());
    tables.append(frame.address() | (is_table ? kWritableEntry & ~kEntryWritable : kWritableEntry));
    set_machine_to_phys(frame, page);
  }
  tables.append(info.shared_info | kWritableEntry);

  MachineFrame table = first_table;
  for (u32 slot = kGuestKernelStart >> 22; table != built.directory; ++slot, table = frames_.next(table)) {
    memory_.frame(built.directory).store(slot, table.address() | kWritableEntry);
  }

  WordStream start_info{memory_, frames_, first};
  struct Words {
    u32 word[sizeof(StartInfo) / sizeof(u32)];
  };
  for (const u32 word : std::bit_cast<Words>(info).word) start_info.append(word);

  built.start_info_address = kGuestKernelStart;
  built.stack_top = info.shared_info_address;
  const bool valid = tables_.take(built.directory, FrameType::l2);
  if (valid) frames_.info(built.directory).flags |= FrameInfo::kPinned;
  tables_.report_work(cpu);
  return valid ? Error::none : Error::invalid;
}

}  // namespace hv

// Page tables that the kernel stores itself, word by word, with its own frame numbers in them: those of an unmodified
// i386 kernel, on bare hardware and wherever it believes to be there.
//
// The tables lie in the direct map, and a load or store there is one of the kernel's own, through the MMU. Freed tables
// hold zeros and are kept for the next process; freed directories are not (Linux 2.4, include/asm-i386/pgalloc.h).
#pragma once

#include <vector>

#include "workloads/kernel/kernel.h"
#include "workloads/kernel/memory_audit.h"
#include "workloads/ports/page_entry.h"

namespace guest {

class DirectTables {
 public:
  // `master`: the directory that the kernel has booted on, whose kernel part is in all of them.
  DirectTables(Kernel& kernel, GuestFrame master) : kernel_{kernel}, master_{master} {}
  virtual ~DirectTables() = default;

  void create_space(AddressSpace& space);
  void release_space(AddressSpace& space);
  void create_table(AddressSpace& space, u32 slot);
  void release_table(AddressSpace& space, u32 slot);
  void trim();  // the kept tables [check_pgt_cache]
  u32 kept() const { return static_cast<u32>(kept_.size()); }
  PageEntry entry(const AddressSpace& space, u32 address);
  void set_entry(AddressSpace& space, u32 address, const PageEntry& entry);

  // What the entries of a table say, without the cost of a look.
  void look_at(GuestFrame table, TableEntries& entries);
  hw::Words words(GuestFrame table) { return kernel_.machine().memory().frame(machine_frame(table)); }

 protected:
  virtual hv::MachineFrame machine_frame(GuestFrame frame) const { return hv::MachineFrame{frame.number()}; }
  virtual void store(GuestFrame table, u32 index, u32 word);

 private:
  GuestFrame take_page();  // of zeros

  Kernel& kernel_;
  GuestFrame master_;
  std::vector<GuestFrame> kept_;
};

}  // namespace guest

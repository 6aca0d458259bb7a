// Builds two-level page tables in simulated RAM by hand, for tests of the MMU and of what uses it.
#pragma once

#include "interface/layout.h"
#include "model/memory.h"

namespace test {

class PageTables {
 public:
  // Tables are taken from `first_table` upwards; the directory comes first.
  PageTables(model::PhysicalMemory& memory, hv::u32 first_table)
      : memory_{memory}, directory_{first_table}, next_table_{first_table + 1} {}

  hv::MachineFrame directory() const { return hv::MachineFrame{directory_}; }
  hv::u32 directory_entry_address(hv::u32 address) const {
    return (directory_ << hv::kPageShift) + (address >> 22) * 4;
  }
  hv::u32 entry_address(hv::u32 address) const {
    return (memory_.load(directory_entry_address(address)) & hv::kEntryFrameMask) + (address >> 12) % 1024 * 4;
  }

  // Present entries on both levels, plus the given bits. Makes the table if there is none.
  void map(hv::u32 address, hv::u32 frame, hv::u32 bits, hv::u32 directory_bits = hv::kEntryWritable | hv::kEntryUser) {
    const hv::u32 upper = directory_entry_address(address);
    const hv::u32 table = memory_.load(upper) & hv::kEntryFrameMask;
    memory_.store(upper, (table != 0 ? table : next_table_++ << hv::kPageShift) | hv::kEntryPresent | directory_bits);
    memory_.store(entry_address(address), frame << hv::kPageShift | hv::kEntryPresent | bits);
  }
  void map_large(hv::u32 address, hv::u32 first_frame, hv::u32 bits) {
    memory_.store(directory_entry_address(address),
                  first_frame << hv::kPageShift | hv::kEntryPresent | hv::kEntryLarge | bits);
  }

 private:
  model::PhysicalMemory& memory_;
  hv::u32 directory_;
  hv::u32 next_table_;
};

}  // namespace test

// Shadow page tables: what the CPU really walks while the guest believes that it walks the guest's own.
//
// For every page directory that the guest has loaded lately there is a shadow directory in the monitor's memory, with
// shadow tables that are filled entry by entry, by hidden faults. An entry is never wider than the guest's: it is
// writable only once the guest's is dirty, so that the first store faults and the guest's dirty bit can be set. Guest
// frames that are shadowed as tables are traced, that is, no shadow entry maps them writable; a store to them faults
// and is emulated, which keeps shadow and guest in step. What an entry was made from may go away only by such a
// store, so a shadow directory stays good while another is loaded.
//
// The pages inside a large page of the guest's, which no table of the guest's maps, have one shadow table for all
// directories with the same entry, as a table of the guest's would have: so a new address space comes with the kernel's
// part already shadowed. `share_large` says whether; it is not known of the product.
//
// All shadow pages come out of a fixed budget; when it is used up, the directory goes that was loaded longest ago.
#pragma once

#include <list>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "model/machine.h"
#include "workloads/ports/vmware/guest_memory.h"

namespace guest {

class ShadowTables {
 public:
  // The shadow tables' frames are `pages` from `first` on.
  ShadowTables(model::Machine& machine, GuestMemory& memory, hv::MachineFrame first, u32 pages, bool share_large);

  // The guest loads `directory`: its shadow goes into the running CPU, an empty one if there was none.
  void load(GuestFrame directory);
  std::optional<GuestFrame> loaded() const;                        // none yet: before the first load
  hv::MachineFrame base() const { return spaces_.front().frame; }  // of what is loaded, for the CPU

  // The running CPU has faulted on an access that the shadow entry for `address` does not allow.
  enum class Fault {
    filled,  // hidden from the guest: try again
    guest,   // the guest's own tables do not allow it either
  };
  Fault resolve(u32 address, model::Access access);
  GuestMemory::Walk guest_walk(u32 address) const { return memory_.walk(*loaded(), address); }

  bool traced(GuestFrame frame) const { return traced_.contains(frame); }
  void emulate_store(GuestFrame table, u32 index, u32 word);  // which is traced
  void invalidate(u32 address);                               // in what is loaded [invlpg]

  u32 directories() const { return static_cast<u32>(spaces_.size()); }
  u64 evictions() const { return evictions_; }
  // The first entry that says more than the guest's tables do, or that lets a traced frame be written.
  std::optional<std::string> audit() const;

 private:
  struct Table {
    hv::MachineFrame frame;
    std::optional<GuestFrame> guest;  // what it shadows; none: a large page
    std::optional<u32> shared;        // the guest's directory entry under which others have it too
  };
  struct SharedTable {
    hv::MachineFrame frame;
    u32 users = 0;
  };
  struct Space {
    GuestFrame directory;
    hv::MachineFrame frame;  // of the shadow directory
    std::map<u32, Table> tables;
  };
  using Spaces = std::list<Space>;
  struct Traced {
    Spaces::iterator space;
    std::optional<u32> slot;  // of the table; none: the directory
  };
  struct Mapping {
    hv::MachineFrame table;  // of the shadow
    u32 address;
  };

  hw::Words words(hv::MachineFrame frame) const { return machine_.memory().frame(frame); }
  hv::MachineFrame take_page();
  hv::MachineFrame table_for(u32 address, const GuestMemory::Walk& walk);  // of what is loaded
  Table make_table(u32 slot, const GuestMemory::Walk& walk);
  bool loaded_through(hv::MachineFrame table, u32 address) const;
  void trace(GuestFrame frame, Traced use);
  void forget(GuestFrame frame);  // traced no more, and not shadowed
  void drop_entry(Spaces::iterator space, u32 address);
  void drop_entry(hv::MachineFrame table, u32 address);
  void drop_table(Spaces::iterator space, u32 slot);
  void drop_tables(Spaces::iterator space);
  void evict(Spaces::iterator space);
  std::optional<std::string> audit(const Space& space, u32 address, u32 word) const;

  model::Machine& machine_;
  GuestMemory& memory_;
  bool share_large_;
  std::vector<hv::MachineFrame> free_;
  Spaces spaces_;                      // the last loaded first
  std::map<u32, SharedTable> shared_;  // by the guest's directory entry
  std::map<GuestFrame, Traced> traced_;
  std::unordered_map<u32, std::vector<Mapping>> writable_;  // by guest frame: the shadow entries that let it be written
  u64 evictions_ = 0;
};

}  // namespace guest

// An address space of the host under User-Mode Linux: what is mapped where, and the page tables that the MMU walks.
//
// As in any Linux, a mapping is only a promise; the page-table entry comes with the first access. The host kernel's own
// part, large global pages at the top, is the same in all of them.
#pragma once

#include <map>
#include <optional>
#include <vector>

#include "model/machine.h"
#include "workloads/kernel/memory.h"

namespace guest {

// Where the host kernel is in every address space, and its memory from frame 0 on, all of which it maps there. Guest
// memory begins behind. Assumed: 64 MB are enough for the host's tables; more would leave the guest kernel less room.
inline constexpr u32 kHostStart = 0xf8000000;
inline constexpr u32 kHostFrames = (64u << 20) / hv::kPageSize;

// Page frames of the host for its tables.
class HostFrames {
 public:
  explicit HostFrames(model::Machine& machine) : machine_{machine} {}
  hv::MachineFrame take();  // zeroed
  void give(hv::MachineFrame frame) { returned_.push_back(frame); }
  hw::Words words(hv::MachineFrame frame) { return machine_.memory().frame(frame); }

 private:
  static constexpr u32 kImageFrames = 0x400000 / hv::kPageSize;
  model::Machine& machine_;
  u32 next_ = kImageFrames;
  std::vector<hv::MachineFrame> returned_;
};

class HostSpace {
 public:
  struct Mapping {
    hv::MachineFrame frame;
    bool writable = false;
  };

  explicit HostSpace(HostFrames& frames);
  HostSpace(const HostSpace&) = delete;
  HostSpace& operator=(const HostSpace&) = delete;
  ~HostSpace();

  hv::MachineFrame directory() const { return directory_; }
  const std::map<u32, Mapping>& mappings() const { return mappings_; }  // by page number

  void map(u32 address, const Mapping& mapping);  // where nothing is mapped
  bool unmap(u32 address, u32 bytes);             // whole pages; false: there was nothing
  // The entry for a first access; false: no mapping allows it. `table_made`: that took a new table.
  bool fault_in(u32 address, bool write, bool& table_made);
  // Maps and faults in pages that follow each other in memory, too, and stay.
  void populate(u32 address, hv::MachineFrame first, u32 pages);

  // What the MMU finds for a page, or nothing.
  std::optional<Mapping> entry(u32 address);

 private:
  hw::Words table(u32 slot, bool* made);

  HostFrames& frames_;
  hv::MachineFrame directory_;
  std::map<u32, hv::MachineFrame> tables_;  // by directory slot
  std::map<u32, Mapping> mappings_;
};

}  // namespace guest

// A process of the guest kernel, and the address space it runs in.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/types.h"
#include "hardware/registers.h"
#include "model/task.h"
#include "workloads/kernel/memory.h"

namespace guest {

// Pages that come into being, filled with zeros, when they are first touched.
struct DemandZeroArea {
  u32 start = 0;  // page-aligned
  u32 bytes = 0;
  bool contains(u32 address) const { return address - start < bytes; }
};

struct AddressSpace {
  GuestFrame directory{0};           // its page directory
  std::map<u32, GuestFrame> tables;  // user page tables by directory slot
  std::vector<DemandZeroArea> areas;
  std::vector<GuestFrame> pages;  // present user pages, in the order they were touched

  const DemandZeroArea* area_of(u32 address) const {
    for (const DemandZeroArea& area : areas) {
      if (area.contains(address)) return &area;
    }
    return nullptr;
  }
};

using ProcessId = u32;  // 0: an idle process

struct Process {
  enum class State : u8 { runnable, sleeping, ended };

  Process(ProcessId process_id, std::string process_name) : id{process_id}, name{std::move(process_name)} {}

  ProcessId id;
  std::string name;
  State state = State::sleeping;

  // Scheduling, see kernel/scheduler.h.
  s32 nice = 0;
  s32 counter = 0;            // ticks left of its time slice
  u32 processor = 0;          // where it runs or ran last
  bool on_processor = false;  // it is the current process there
  bool in_run_queue = false;

  std::optional<AddressSpace> space;  // none: a kernel thread, which borrows the one before it
  hw::Registers registers;            // while it does not run; EIP names where it goes on
  u32 kernel_stack = 0;               // address just above its kernel stack
  std::optional<model::Task<>> main;  // its whole life; started by the first switch to it
};

}  // namespace guest

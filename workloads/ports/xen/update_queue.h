// Page-table updates on their way to the hypervisor: queued in one list, checked and done there in one hypercall.
//
// Reads of page tables bypass the queue, so whoever would look at an entry that is queued must flush first.
#pragma once

#include "interface/memory.h"
#include "workloads/ports/kernel_memory.h"

namespace guest {

class UpdateQueue {
 public:
  // `list`: room for kMaxMmuUpdates requests; `done`: a word.
  void place(u32 list, u32 done) {
    list_ = list;
    done_ = done;
  }
  explicit UpdateQueue(Kernel& kernel) : kernel_{kernel}, memory_{kernel} {}

  bool empty() const { return count_ == 0; }

  // The last free slot triggers the hypercall. Events must be disabled, as for flush().
  model::Task<> add(u32 pointer, u32 value);
  model::Task<> update_entry(u32 entry_address, u32 value) { return add(entry_address, value); }
  model::Task<> command(hv::MmuCommand command, u32 pointer) {
    return add(pointer | static_cast<u32>(hv::MmuRequest::extended), static_cast<u32>(command));
  }
  model::Task<> flush();

  // For a multicall that carries the queue as one of its entries: (list, count, done). It is empty afterwards.
  struct Batch {
    u32 list, count, done;
  };
  Batch take_batch() { return {list_, std::exchange(count_, 0), done_}; }

  u64 requests() const { return requests_; }
  u64 flushes() const { return flushes_; }  // hypercalls of its own; a multicall may carry the queue too

 private:
  Kernel& kernel_;
  KernelMemory memory_;
  u32 list_ = 0, done_ = 0;
  u32 count_ = 0;
  u64 requests_ = 0, flushes_ = 0;
};

}  // namespace guest

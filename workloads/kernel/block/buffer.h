// A piece of memory and the place on a block device that it stands for: what file systems and programs ask the block
// layer for, one block at a time (Linux: struct buffer_head).
#pragma once

#include <functional>

#include "workloads/kernel/memory.h"
#include "workloads/kernel/wait_queue.h"

namespace guest {

enum class BlockDirection : u8 { read, write };

struct Buffer {
  u64 sector = 0;   // of 512 bytes, on the device
  u32 sectors = 0;  // 1 .. 8, within one page
  GuestFrame frame{0};
  u32 first_sector = 0;  // in its page

  bool locked = false;                // with the block layer, from submit to completion
  bool failed = false;                // the last time
  WaitQueue waiters;                  // for it to be unlocked
  std::function<void(Buffer&)> done;  // at its completion, in an interrupt handler; empty: nothing but the wake-up
};

}  // namespace guest

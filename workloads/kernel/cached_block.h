// A block of a file system in memory, in a page of its own: a page of a file, or a block of metadata (Linux: a page
// with its buffer). On a disk it can be read, changed, written back and given up; without one it is all there is.
#pragma once

#include <boost/intrusive/list.hpp>
#include <memory>

#include "workloads/kernel/block/buffer.h"
#include "workloads/kernel/disk_layout.h"
#include "workloads/kernel/kernel_objects.h"

namespace guest {

class RegularFile;

struct CachedBlock : std::enable_shared_from_this<CachedBlock> {
  using Hook = boost::intrusive::list_member_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>>;

  CachedBlock(GuestFrame its_frame, BlockNumber its_block, RegularFile* its_file, u32 its_page)
      : frame{its_frame}, block{its_block}, file{its_file}, page{its_page} {}

  bool dirty() const { return in_dirty.is_linked(); }  // to be written to its place

  GuestFrame frame;
  BlockNumber block;     // kNoBlock: a hole of the file
  RegularFile* file;     // whose page it is; null: metadata
  u32 page;              // its number in the file
  bool current = true;   // holds what it stands for; else it was not read yet, or in vain
  bool swap = false;     // of the swap cache: `block` is its slot
  bool dropped = false;  // it stands for nothing any more
  Buffer buffer;
  KernelObject object;  // its buffer head in the kernel's memory

  u64 old_at = 0;             // tick from which on it is written because it was dirty for long
  u32 transactions = 0;       // that have changed it and are not committed: until then it stays out of its place
  u32 checkpoint = 0;         // the last committed one that has changed it
  bool being_logged = false;  // by the commit under way, so that nobody may change it

  Hook in_dirty, in_file, in_transaction;  // see BlockCache, Transaction
};

using BlockPointer = std::shared_ptr<CachedBlock>;

template <CachedBlock::Hook CachedBlock::*kHook>
using BlockList =
    boost::intrusive::list<CachedBlock, boost::intrusive::member_hook<CachedBlock, CachedBlock::Hook, kHook>,
                           boost::intrusive::constant_time_size<false>>;

}  // namespace guest

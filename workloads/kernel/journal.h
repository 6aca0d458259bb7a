// The journal of the file system (ext3 on Linux 2.4): operations change blocks of metadata in the running
// transaction, which is committed as a whole by a daemon: first (data=ordered) the data of its files goes to its place,
// then the changed blocks go to the journal, then a commit block says that they count. They are written to their own
// places at leisure, and the journal is used again from behind them.
//
// Without a disk a commit costs what the kernel does for it, and forgets.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "workloads/kernel/journal_log.h"
#include "workloads/kernel/mutex.h"

namespace guest {

class Journal {
 public:
  Journal(Kernel& kernel, DiskLayout& layout);
  // `first_sector`: of the file system. Not `ordered`: data=writeback, data goes to its place in its own time.
  void attach(BlockCache& cache, u64 first_sector, bool ordered);

  // --- operations; in a process -------------------------------------------------------------------------------------
  // Everything changed between start and stop is committed together or not at all. Nobody starts a second one within.
  model::Task<> start();
  void stop();
  // The block, which is read if it must be, will be changed. False: it cannot be read.
  model::Task<bool> change(BlockNumber block);
  model::Task<> change_fresh(BlockNumber block);  // just allocated: nothing to read
  void order(CachedBlock& page);                  // data that is on the disk before this transaction is committed
  void free_data(BlockNumber block);              // given away again when this transaction is committed
  model::Task<> free_metadata(BlockNumber block);

  // --- commits ------------------------------------------------------------------------------------------------------
  // Ends the running transaction. Answers the last one that has what is done by now.
  u32 request_commit();
  model::Task<bool> wait_for(u32 sequence);  // false: it cannot be committed
  model::Task<bool> force();  // both, for a transaction of one's own if there is none [ext3_force_commit]
  model::Task<> commit_without_disk();
  model::Task<> daemon();  // a thread's main: kjournald

  struct Counts {
    u64 commits = 0, blocks = 0;  // of metadata
    u64 data = 0;                 // blocks written by commits
    u64 checkpoints = 0;          // because the journal was full
  };
  const Counts& counts() const { return counts_; }

 private:
  struct Transaction {
    u32 sequence = 1;
    bool begun = false;
    u32 operations = 0;                            // under way
    std::map<BlockNumber, BlockPointer> metadata;  // without a disk null
    std::vector<BlockPointer> forgotten;           // blocks of metadata that it has freed
    std::set<BlockNumber> revoked;                 // the same: older copies in the journal are void
    std::vector<BlockNumber> freed;                // all of them
    BlockList<&CachedBlock::in_transaction> data;
  };
  // A committed transaction that the journal still holds, and where it begins there.
  struct Checkpoint {
    u32 sequence, start;
    std::vector<BlockPointer> blocks;
    bool needs(const CachedBlock& block) const;
    bool done() const;
  };

  bool has_room() const;
  model::Task<> use(BlockPointer block);
  model::Task<> commit();
  model::Task<bool> force_locked();
  model::Task<> write_data(Transaction& transaction);
  model::Task<> make_room();
  model::Task<> write_back(const Checkpoint& checkpoint);

  Kernel& kernel_;
  DiskLayout& layout_;
  BlockCache* cache_ = nullptr;
  std::optional<JournalLog> log_;
  bool ordered_ = true;
  Transaction running_;
  std::deque<Checkpoint> checkpoints_;  // the oldest first
  u32 blocks_in_commit_ = 0;            // of the transaction that is being committed
  bool locked_ = false;                 // the running one ends when its operations have: none is started
  bool recorded_ = false;               // the super block says that there is something to recover
  bool aborted_ = false;                // a commit has failed: nothing is committed any more
  u32 wanted_ = 0, ended_ = 0;          // last transaction that should be, and that is, committed or has failed
  WaitQueue starters_, operations_done_, logged_, committed_, work_;
  Mutex room_;
  Counts counts_;
};

}  // namespace guest

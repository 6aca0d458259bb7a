#include "workloads/kernel/journal.h"

#include <algorithm>
#include <utility>

#include "workloads/kernel/kernel.h"

namespace guest {

namespace {

// Linux 2.4, fs/jbd: a transaction may have a quarter of the journal; ext3 asks for some tens of blocks an operation.
constexpr u32 kTransactionShare = 4;
constexpr u32 kOperationBlocks = 64;

}  // namespace

Journal::Journal(Kernel& kernel, DiskLayout& layout) : kernel_{kernel}, layout_{layout} {}

void Journal::attach(BlockCache& cache, u64 first_sector, bool ordered) {
  ordered_ = ordered;
  cache_ = &cache;
  log_.emplace(kernel_, cache.queue(), first_sector + u64{layout_.journal_start()} * kBlockSectors,
               layout_.journal_blocks());
}

// --- operations ------------------------------------------------------------------------------------------------------

bool Journal::has_room() const {
  const u32 open = static_cast<u32>(running_.metadata.size()) + (running_.operations + 1) * kOperationBlocks;
  return JournalLog::blocks_for(open + blocks_in_commit_, open + blocks_in_commit_) + kOperationBlocks <= log_->room();
}

model::Task<> Journal::start() {
  while (log_) {
    if (locked_) {
      co_await kernel_.sleep_on(starters_);
    } else if (running_.metadata.size() >= log_->blocks() / kTransactionShare) {
      co_await wait_for(request_commit());
    } else if (!aborted_ && !has_room()) {
      co_await make_room();
    } else {
      break;
    }
  }
  running_.begun = true;
  ++running_.operations;
}

void Journal::stop() {
  if (--running_.operations == 0 && locked_) kernel_.wake_all(operations_done_);
}

// The buffer's head, and the bit or record in it that changes.
model::Task<> Journal::use(BlockPointer block) {
  constexpr u32 kSpread = 2'654'435'769u, kLine = 64;  // where it is, is as good as random
  kernel_.objects().use(block->object, ObjectKind::buffer_head);
  const u32 line = static_cast<u32>(u64{block->block * kSpread} * (kBlockBytes / kLine) >> 32);
  co_await kernel_.objects().use_contents(block->frame, line * kLine, kLine, model::Use::write);
}

model::Task<bool> Journal::change(BlockNumber number) {
  if (!cache_) {
    running_.metadata.try_emplace(number);
    co_return true;
  }
  if (const auto changed = running_.metadata.find(number); changed != running_.metadata.end()) {
    co_await use(changed->second);
    co_return true;
  }
  const BlockPointer block = co_await cache_->metadata(number);
  if (!block) co_return false;
  co_await use(block);
  while (block->being_logged || block->buffer.locked) {
    if (block->being_logged) {
      co_await kernel_.sleep_on(logged_);
    } else {
      co_await cache_->wait(block);
    }
  }
  if (!running_.metadata.emplace(number, block).second) co_return true;
  ++block->transactions;
  cache_->mark_clean(*block);  // its place keeps what is committed until this is
  running_.revoked.erase(number);
  co_return true;
}

model::Task<> Journal::change_fresh(BlockNumber number) {
  if (cache_) co_await cache_->fresh(number);
  co_await change(number);
}

void Journal::order(CachedBlock& page) {
  if (log_ && ordered_ && !page.in_transaction.is_linked()) running_.data.push_back(page);
}

void Journal::free_data(BlockNumber block) { running_.freed.push_back(block); }

model::Task<> Journal::free_metadata(BlockNumber number) {
  running_.freed.push_back(number);
  const auto changed = running_.metadata.find(number);
  const bool counted = changed != running_.metadata.end();
  if (!cache_) {
    if (counted) running_.metadata.erase(changed);
    co_return;
  }
  running_.revoked.insert(number);
  const BlockPointer block = counted ? changed->second : cache_->cached(number);
  if (!block) co_return;
  if (counted) {
    running_.metadata.erase(changed);
  } else {
    ++block->transactions;
  }
  while (block->buffer.locked) co_await cache_->wait(block);
  cache_->forget(number);
  running_.forgotten.push_back(block);
}

// --- asking for commits ----------------------------------------------------------------------------------------------

u32 Journal::request_commit() {
  if (!running_.begun) return running_.sequence - 1;
  wanted_ = running_.sequence;
  kernel_.wake_all(work_);
  return running_.sequence;
}

model::Task<bool> Journal::wait_for(u32 sequence) {
  while (ended_ < sequence) co_await kernel_.sleep_on(committed_);
  co_return !aborted_;
}

model::Task<bool> Journal::force() {
  co_await kernel_.big_lock().take();
  const bool committed = co_await force_locked();
  co_await kernel_.big_lock().release();
  co_return committed;
}

model::Task<bool> Journal::force_locked() {
  co_await start();
  stop();
  if (!log_) {
    co_await commit_without_disk();
    co_return true;
  }
  co_return co_await wait_for(request_commit());
}

model::Task<> Journal::commit_without_disk() {
  kernel_.charge(kernel_.paths().journal_block, running_.metadata.size());
  running_.metadata.clear();
  for (const BlockNumber block : std::exchange(running_.freed, {})) layout_.free(block);
  co_return;
}

model::Task<> Journal::daemon() {
  co_await kernel_.life().finish_switch();
  co_await kernel_.port().enable_events();
  while (true) {
    while (wanted_ < running_.sequence || !running_.begun) co_await kernel_.sleep_on(work_);
    co_await commit();
  }
}

// --- a commit --------------------------------------------------------------------------------------------------------

model::Task<> Journal::commit() {
  co_await kernel_.big_lock().take();
  locked_ = true;
  while (running_.operations > 0) co_await kernel_.sleep_on(operations_done_);
  Transaction transaction;
  std::swap(transaction, running_);
  running_.sequence = transaction.sequence + 1;
  blocks_in_commit_ = static_cast<u32>(transaction.metadata.size());
  Checkpoint checkpoint{transaction.sequence, 0, {}};
  for (const auto& [number, block] : transaction.metadata) checkpoint.blocks.push_back(block);
  locked_ = false;
  kernel_.wake_all(starters_);

  kernel_.charge(kernel_.paths().journal_commit);
  kernel_.charge(kernel_.paths().journal_block, checkpoint.blocks.size());
  co_await write_data(transaction);
  if (!recorded_ && !aborted_) recorded_ = co_await log_->begin_at(transaction.sequence, log_->next());
  checkpoint.start = log_->next();
  for (const BlockPointer& block : checkpoint.blocks) block->being_logged = true;
  bool written = !aborted_ && recorded_;
  if (written) written = co_await log_->write(transaction.sequence, checkpoint.blocks, transaction.revoked);
  aborted_ = !written;
  ++counts_.commits;
  counts_.blocks += checkpoint.blocks.size();

  for (const BlockPointer& block : checkpoint.blocks) {
    block->being_logged = false;
    --block->transactions;
    block->checkpoint = transaction.sequence;
    if (block->transactions == 0 && written) cache_->mark_dirty(*block);
  }
  for (const BlockPointer& block : transaction.forgotten) {
    if (--block->transactions == 0) cache_->drop(*block);
  }
  for (const BlockNumber block : transaction.freed) layout_.free(block);
  if (written) checkpoints_.push_back(std::move(checkpoint));
  blocks_in_commit_ = 0;
  ended_ = transaction.sequence;
  kernel_.wake_all(logged_);
  kernel_.wake_all(committed_);
  co_await kernel_.big_lock().release();
}

model::Task<> Journal::write_data(Transaction& transaction) {
  std::vector<BlockPointer> pages;
  for (CachedBlock& page : transaction.data) pages.push_back(page.shared_from_this());
  transaction.data.clear();
  counts_.data += pages.size();
  for (const BlockPointer& page : pages) co_await cache_->start_write(page);
  for (const BlockPointer& page : pages) co_await cache_->wait(page);
}

// --- room in the journal ---------------------------------------------------------------------------------------------

// Not in its own place yet, and in no later transaction of the journal.
bool Journal::Checkpoint::needs(const CachedBlock& block) const {
  return block.checkpoint == sequence && (block.dirty() || block.buffer.locked || block.transactions > 0);
}

bool Journal::Checkpoint::done() const {
  return std::none_of(blocks.begin(), blocks.end(), [this](const BlockPointer& block) { return needs(*block); });
}

// The journal begins behind the transactions whose blocks are in their places; the oldest others are helped there.
model::Task<> Journal::make_room() {
  co_await room_.lock(kernel_);
  while (!aborted_ && !has_room()) {
    bool moved = false;
    while (!checkpoints_.empty() && checkpoints_.front().done()) {
      checkpoints_.pop_front();
      moved = true;
    }
    if (!moved && !checkpoints_.empty()) {
      ++counts_.checkpoints;
      co_await write_back(checkpoints_.front());
    } else if (!checkpoints_.empty()) {
      const bool written = co_await log_->begin_at(checkpoints_.front().sequence, checkpoints_.front().start);
      aborted_ = aborted_ || !written;
    } else if (ended_ + 1 < running_.sequence) {
      co_await wait_for(running_.sequence - 1);  // it may be writing
    } else {
      const bool written = co_await log_->begin_at(running_.sequence, log_->next());
      aborted_ = aborted_ || !written;
    }
  }
  room_.unlock(kernel_);
}

model::Task<> Journal::write_back(const Checkpoint& checkpoint) {
  for (const BlockPointer& block : checkpoint.blocks) {
    if (checkpoint.needs(*block) && block->transactions > 0) co_await wait_for(request_commit());
  }
  for (const BlockPointer& block : checkpoint.blocks) {
    if (checkpoint.needs(*block)) co_await cache_->start_write(block);
  }
  for (const BlockPointer& block : checkpoint.blocks) {
    if (checkpoint.needs(*block)) co_await cache_->wait(block);
  }
}

}  // namespace guest

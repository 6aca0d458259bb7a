#include "workloads/kernel/journal_log.h"

#include <algorithm>

#include "workloads/kernel/kernel.h"

namespace guest {

namespace {

// Linux, include/linux/jbd.h. All numbers on the disk are big-endian.
constexpr u32 kMagic = 0xc03b3998;
enum BlockType : u32 { kDescriptor = 1, kCommit = 2, kSuperBlock = 4, kRevoke = 5 };
enum TagFlag : u32 { kSameUuid = 2, kLastTag = 8 };
constexpr u32 kHeaderBytes = 12, kTagBytes = 8, kUuidBytes = 16;
constexpr u32 kTags = (kBlockBytes - kHeaderBytes - kUuidBytes) / kTagBytes;  // of one descriptor
constexpr u32 kRevokes = (kBlockBytes - kHeaderBytes - 4) / 4;                // of one revoke block

constexpr u32 blocks_of(u32 things, u32 in_a_block) { return (things + in_a_block - 1) / in_a_block; }

void put(std::vector<u32>& words, std::initializer_list<u32> values) {
  for (const u32 value : values) words.push_back(__builtin_bswap32(value));
}

}  // namespace

JournalLog::JournalLog(Kernel& kernel, RequestQueue& queue, u64 first_sector, u32 blocks)
    : kernel_{kernel}, queue_{queue}, first_sector_{first_sector}, blocks_{blocks} {}

u32 JournalLog::room() const {
  const u32 all = blocks_ - 1;  // but for the super block
  return all - 1 - (next_ + all - start_) % all;
}

u32 JournalLog::blocks_for(u32 metadata, u32 revoked) {
  return metadata + blocks_of(metadata, kTags) + blocks_of(revoked, kRevokes) + 1;
}

// --- blocks under way ------------------------------------------------------------------------------------------------

Buffer& JournalLog::take_buffer(GuestFrame frame) {
  if (used_ == buffers_.size()) buffers_.emplace_back().sectors = kBlockSectors;
  Buffer& buffer = buffers_[used_++];
  buffer.frame = frame;
  return buffer;
}

Buffer& JournalLog::take_buffer_with_page() {
  if (used_pages_ == pages_.size()) pages_.push_back(kernel_.take_page());
  fill(pages_[used_pages_]);
  return take_buffer(pages_[used_pages_++]);
}

void JournalLog::fill(GuestFrame page) {
  const auto bytes = static_cast<u32>(words_.size() * sizeof(u32));
  if (!kernel_.cpu().write(page.kernel_address(), words_.data(), bytes)) {
    kernel_.panic("a page of its journal is not mapped");
  }
}

model::Task<> JournalLog::append(Buffer& buffer, bool barrier) {
  buffer.sector = first_sector_ + u64{next_} * kBlockSectors;
  next_ = next_ + 1 == blocks_ ? 1 : next_ + 1;
  co_await queue_.submit(buffer, BlockDirection::write, barrier);
}

model::Task<bool> JournalLog::wait() {
  bool written = true;
  for (std::size_t i = 0; i < used_; ++i) {
    co_await queue_.wait(buffers_[i]);
    written = written && !buffers_[i].failed;
  }
  used_ = used_pages_ = 0;
  co_return written;
}

// --- what is written -------------------------------------------------------------------------------------------------

model::Task<bool> JournalLog::write(u32 sequence, std::span<const BlockPointer> metadata,
                                    const std::set<BlockNumber>& revoked) {
  for (auto next = revoked.begin(); next != revoked.end();) {
    const u32 count = std::min(kRevokes, static_cast<u32>(std::distance(next, revoked.end())));
    words_.clear();
    put(words_, {kMagic, kRevoke, sequence, kHeaderBytes + 4 + 4 * count});
    for (u32 i = 0; i < count; ++i) put(words_, {*next++});
    co_await append(take_buffer_with_page());
  }
  while (!metadata.empty()) {
    const std::span<const BlockPointer> part = metadata.first(std::min<std::size_t>(kTags, metadata.size()));
    metadata = metadata.subspan(part.size());
    words_.clear();
    put(words_, {kMagic, kDescriptor, sequence});
    for (std::size_t i = 0; i < part.size(); ++i) {
      put(words_, {part[i]->block, (i > 0 ? kSameUuid : 0u) | (i + 1 == part.size() ? kLastTag : 0u)});
      if (i == 0) put(words_, {0, 0, 0, 0});
    }
    co_await append(take_buffer_with_page());
    for (const BlockPointer& block : part) co_await append(take_buffer(block->frame));
  }

  const bool barriers = queue_.driver().barriers();
  if (!barriers) {
    const bool written = co_await wait();
    if (!written) co_return false;
  }
  words_.clear();
  put(words_, {kMagic, kCommit, sequence});
  co_await append(take_buffer_with_page(), barriers);
  co_return co_await wait();
}

model::Task<bool> JournalLog::begin_at(u32 sequence, u32 start) {
  words_.clear();
  put(words_, {kMagic, kSuperBlock, 0, kBlockBytes, blocks_, 1, sequence, start});
  Buffer buffer;
  buffer.sector = first_sector_;
  buffer.sectors = kBlockSectors;
  buffer.frame = kernel_.take_page();
  fill(buffer.frame);
  co_await queue_.submit(buffer, BlockDirection::write, queue_.driver().barriers());
  co_await queue_.wait(buffer);
  kernel_.pages().give(buffer.frame);
  if (buffer.failed) co_return false;
  start_ = start;
  co_return true;
}

}  // namespace guest

#include "support/block_guest.h"

namespace test {

s32 BlockGuest::add_vbd(u16 id, const std::vector<Extent>& extents, VbdAccess access) {
  ControlOp op{};
  op.command = static_cast<u32>(ControlCommand::create_vbd);
  op.version = kControlVersion;
  op.domain = domain.id;
  op.words[0] = id;
  op.words[1] = static_cast<u32>(access);
  s32 result = host.control(op);
  op.command = static_cast<u32>(ControlCommand::grow_vbd);
  for (const Extent& extent : extents) {
    if (result < 0) return result;
    op.words[1] = low_word(extent.sector);
    op.words[2] = high_word(extent.sector);
    op.words[3] = low_word(extent.sectors);
    op.words[4] = high_word(extent.sectors);
    result = host.control(op);
  }
  return result;
}

BlockRingRequest BlockGuest::request(u32 id, BlockRequestOp operation, u16 vbd, u64 sector,
                                     const std::vector<Piece>& memory) const {
  BlockRingRequest made{};
  made.id = id;
  made.operation = static_cast<u8>(operation);
  made.segments = static_cast<u8>(memory.size());
  made.vbd = vbd;
  made.sector_low = low_word(sector);
  made.sector_high = high_word(sector);
  for (std::size_t i = 0; i < memory.size() && i < kMaxSegments; ++i)
    made.segment[i] = word_of(memory[i].page, memory[i].first_sector) | memory[i].sectors;
  return made;
}

void BlockGuest::put(const BlockRingRequest& request) {
  set_slot(producer_++, request);
  set_producer(producer_);
}

void BlockGuest::set_slot(u32 index, const BlockRingRequest& request) {
  u32 words[sizeof request / 4];
  __builtin_memcpy(words, &request, sizeof request);
  const u32 slot = domain.block->ring_frame.address() + index % kBlockRingSize * static_cast<u32>(sizeof request);
  for (u32 i = 0; i < sizeof request / 4; ++i) host.machine.ram.set_word(slot + 4 * i, words[i]);
}

std::vector<BlockRingResponse> BlockGuest::answers() {
  std::vector<BlockRingResponse> answers;
  for (; seen_ != responses(); ++seen_) {
    const u32 slot = domain.block->ring_frame.address() + seen_ % kBlockRingSize * u32{sizeof(BlockRingResponse)};
    BlockRingResponse response{};
    response.id = host.machine.ram.word(slot);
    response.operation = static_cast<u8>(host.machine.ram.word(slot + 4));
    response.status = static_cast<u8>(host.machine.ram.word(slot + 4) >> 8);
    answers.push_back(response);
  }
  return answers;
}

}  // namespace test

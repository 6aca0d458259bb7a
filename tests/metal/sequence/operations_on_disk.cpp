// Operations of a sequence on virtual block devices: requests good and bad, barriers, frames that the disk has.
#include <cstddef>
#include <initializer_list>

#include "interface/block.h"
#include "interface/events.h"
#include "interface/shared_info.h"
#include "metal/sequence/scratch.h"

namespace sequence {

namespace {

constexpr u32 kReadWrite = 1, kReadOnly = 2;  // names; both are the same sectors of the disk
constexpr u32 kSectors = 32;
constexpr u32 index_word(u32 offset) { return static_cast<u32>(offsetof(SharedInfo, block)) + offset; }
constexpr u32 kRequests = index_word(offsetof(SharedBlockIndexes, request_producer)),
              kResponses = index_word(offsetof(SharedBlockIndexes, response_producer)),
              kEvent = index_word(offsetof(SharedBlockIndexes, event));
constexpr u32 kRingPlace = 1;  // spare entry where the ring is mapped

}  // namespace

// By domain 0: a device of two extents, and the same to be read only. Each domain has its own sectors, for a sector
// that was written may become a page table, and must name no page of the other's kernel.
bool Sequence::give_disk(DomainId domain) {
  const u32 first = domain * 128;
  const auto grow = [&](u32 name, u32 sector, u32 sectors) {
    return control(ControlCommand::grow_vbd, domain, name, first + sector, 0, sectors) == 0;
  };
  for (const VbdAccess access : {VbdAccess::read_write, VbdAccess::read_only}) {
    const u32 name = access == VbdAccess::read_write ? kReadWrite : kReadOnly;
    if (control(ControlCommand::create_vbd, domain, name, static_cast<u32>(access)) != 0) return false;
    if (!grow(name, 40, kSectors - 12) || !grow(name, 0, 12)) return false;
  }
  return true;
}

bool Sequence::open_disk() {
  const u32 address = spare_ + kRingPlace * kPageSize;
  if (call(Hypercall::block_io_op, static_cast<u32>(BlockIoOp::get_ring), kArguments) != 0) return false;
  block_ring_ = port_.get(kArguments);
  if (call(Hypercall::update_va_mapping, address >> kPageShift, block_ring_ << kPageShift | kP | kW, kVaInvalidate) !=
      0)
    return false;
  const u32 words[] = {static_cast<u32>(EventChannelCommand::bind_virq), 0, 0, 0, 0, static_cast<u32>(Virq::block), 0};
  for (u32 i = 0; i < 7; ++i) port_.put(kArguments + i * 4, words[i]);
  return call(Hypercall::event_channel_op, kArguments) == 0 && port_.get(kArguments + 8) == kBlockPort;
}

// Words 0..511 of a frame alone go to the disk and come from there: behind them a directory has the hypervisor's slots
// and a descriptor table the machine's entries.
u32 Sequence::some_segment() {
  const u32 any = some_frame(), own = own_frame();
  const u32 frame = one_in(3) ? any : own;
  const u32 first = below(4), kind = below(16);
  const u32 sectors = 1 + below(4 - first);
  const bool shared = frame == block_ring_ || frame == shared_frame_;
  const u32 address = (shared ? own : frame) << kPageShift;
  if (kind == 0) return address | first * 512;            // no sectors
  if (kind == 1) return address | (4 + first) * 512 | 5;  // beyond the frame
  return address | first * 512 | sectors;
}

void Sequence::put_block_request(u32 number) {
  constexpr BlockRequestOp kRead = BlockRequestOp::read, kWrite = BlockRequestOp::write,
                           kBarrier = BlockRequestOp::write_barrier, kNone = static_cast<BlockRequestOp>(3);
  constexpr BlockRequestOp kLikely[16] = {kRead,  kRead,  kRead,  kRead,  kRead,  kRead,    kRead,    kWrite,
                                          kWrite, kWrite, kWrite, kWrite, kWrite, kBarrier, kBarrier, kNone};
  const BlockRequestOp operation = kLikely[below(16)];
  const u32 name = one_in(4) ? below(4) : kReadWrite;
  const u32 far = next(), near = below(kSectors + 2);
  const u32 sector = one_in(12) ? far : near;
  const u32 few = 1 + below(3), odd = below(16);
  const u32 segments = odd == 0 ? 0 : odd == 1 ? kMaxSegments + 1 : few;
  u32 words[sizeof(BlockRingRequest) / 4] = {number, static_cast<u32>(operation) | segments << 8 | name << 16, sector,
                                             one_in(16) ? far : 0};
  for (u32 i = 0; i < few; ++i) words[4 + i] = some_segment();
  const u32 slot = block_slot(number);
  for (u32 i = 0; i < sizeof words / 4; ++i) port_.put(slot + i * 4, words[i]);
  for (u32 i = 1; i < 4 + few; ++i) result(words[i]);
}

u32 Sequence::block_slot(u32 number) const {
  return spare_ + kRingPlace * kPageSize + number % kBlockRingSize * u32{sizeof(BlockRingRequest)};
}

// Up to three requests with one hypercall. Sometimes its second half asks for a frame that the disk then has, to be
// made a page table or to be given back: in one step, so that it does have it.
void Sequence::disk() {
  const u32 count = 1 + below(3), kind = below(6);
  const u32 page = pool_page();
  const u32 frame = pool_[page - kPoolPage];
  const u32 first = port_.get(shared_ + kRequests);
  begin("disk", count, kind, page);
  for (u32 i = 0; i < count; ++i) put_block_request(first + i);
  u32 calls[2][8] = {{static_cast<u32>(Hypercall::block_io_op), static_cast<u32>(BlockIoOp::signal)}};
  const bool more = kind < 2;
  if (more) {  // the last request reads a page of the pool, whatever it was
    const u32 words[] = {first + count - 1, static_cast<u32>(BlockRequestOp::read) | 1u << 8 | kReadWrite << 16, 0, 0,
                         frame << kPageShift | 1};
    for (u32 i = 0; i < 5; ++i) port_.put(block_slot(first + count - 1) + i * 4, words[i]);
    request(entry_of_page(page), kind == 0 ? frame << kPageShift | kP : 0);
    if (kind == 0) request(command_pointer(frame), command_word(MmuCommand::pin_l1));
    calls[1][0] = static_cast<u32>(Hypercall::mmu_update);
    calls[1][1] = kList;
    calls[1][2] = requests_;
    calls[1][3] = kDone;
    requests_ = 0;
  }
  u32 number = 0;
  const auto add = [&](const u32(&call)[8]) {
    for (u32 i = 0; i < 8; ++i) port_.put(kCalls + number * 32 + i * 4, call[i]);
    ++number;
  };
  add(calls[0]);
  if (more) add(calls[1]);
  if (kind == 1) {
    port_.put(kArguments, frame);
    add({static_cast<u32>(Hypercall::dom_mem_op), static_cast<u32>(DomMemOp::decrease), kArguments, 1});
  }
  port_.put(shared_ + kEvent, first + count);
  port_.put(shared_ + kRequests, first + count);
  result(static_cast<u32>(call(Hypercall::multicall, kCalls, number)));
  for (u32 i = 0; i < number; ++i) result(port_.get(kCalls + i * 32 + 24));
  port_.wait_for(shared_ + kResponses, first + count);
  for (u32 i = 0; i < count; ++i) {
    result(port_.get(block_slot(first + i)) - first);
    result(port_.get(block_slot(first + i) + 4));
  }
  end();
  stale_ = stale_ || more;
}

}  // namespace sequence

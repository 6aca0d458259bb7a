// A guest of the whole core that drives its block ring by hand: requests, the hypercall, responses.
//
// Its side of the protocol is written here from the interface's headers.
#pragma once

#include <vector>

#include "interface/block.h"
#include "support/core_host.h"

namespace test {

class BlockGuest {
 public:
  static constexpr u32 kPages = 64;  // that requests may use

  struct Piece {  // of a request's memory
    u32 page, first_sector = 0, sectors = 8;
  };

  // Domain 0 gives it VBDs by add_vbd(), and with the first the ring.
  explicit BlockGuest(CoreHost& owner, u32 kilobytes = 1024) : host{owner}, domain{owner.add_domain(kilobytes)} {}

  s32 add_vbd(u16 id, const std::vector<Extent>& extents, VbdAccess access = VbdAccess::read_write);

  // --- memory ---
  u32 address(u32 page) const { return host.scratch(domain) + (1 + page) * kPageSize; }  // virtual
  MachineFrame frame(u32 page) const { return MachineFrame::of_address(host.machine_address(domain, address(page))); }
  void write(u32 page, u32 sector, u32 contents) { host.machine.ram.set_word(word_of(page, sector), contents); }
  u32 read(u32 page, u32 sector) const { return host.machine.ram.word(word_of(page, sector)); }

  // --- ring ---
  BlockRingRequest request(u32 id, BlockRequestOp operation, u16 vbd, u64 sector,
                           const std::vector<Piece>& memory) const;
  void put(const BlockRingRequest& request);  // into the next slot, and advances the producer
  void put(u32 id, BlockRequestOp operation, u16 vbd, u64 sector, const std::vector<Piece>& memory) {
    put(request(id, operation, vbd, sector, memory));
  }
  void set_slot(u32 index, const BlockRingRequest& request);
  void set_producer(u32 value) { set_index(offsetof(SharedBlockIndexes, request_producer), value); }
  u32 producer() const { return producer_; }  // as it should be
  void set_event(u32 value) { set_index(offsetof(SharedBlockIndexes, event), value); }
  u32 responses() const { return host.shared(domain, kIndexes + offsetof(SharedBlockIndexes, response_producer)); }
  u32 unanswered() const { return producer_ - responses(); }
  s32 signal() { return host.call(domain, Hypercall::block_io_op, {static_cast<u32>(BlockIoOp::signal)}); }
  std::vector<BlockRingResponse> answers();  // since the last call

  CoreHost& host;
  Domain& domain;

 private:
  static constexpr u32 kIndexes = offsetof(SharedInfo, block);
  u32 word_of(u32 page, u32 sector) const { return frame(page).address() + sector * hw::kSectorBytes; }
  void set_index(u32 offset, u32 value) { host.set_shared(domain, kIndexes + offset, value); }

  u32 producer_ = 0, seen_ = 0;
};

// The disk has ended what it was asked, in this order, and says so.
inline void finish(CoreHost& host, std::size_t index = 0) {
  host.machine.disk.finish(index);
  host.interrupt(host.machine.disk.interrupt_line());
}
inline void finish_all(CoreHost& host) {
  while (!host.machine.disk.commands.empty()) finish(host);
}

}  // namespace test

// The test kernel's side of its rings: virtual block devices, and its first virtual network interface. Both sleep where
// a driver would go on with something else.
#pragma once

#include "interface/block.h"
#include "interface/network.h"
#include "metal/guest/kernel.h"

namespace guest {

class BlockRing {
 public:
  bool open();  // maps it. False: this domain has no virtual block device
  // Into the ring; nobody looks there before signal().
  void put(const BlockRingRequest& request);
  void signal() { (void)hypercall(Hypercall::block_io_op, static_cast<u32>(BlockIoOp::signal)); }
  BlockRingResponse take();  // sleeps until there is one
  // One request from beginning to end.
  BlockStatus perform(const BlockRingRequest& request);
  // Sectors of a page of the kernel's map, from its first.
  BlockStatus perform(BlockRequestOp operation, u32 vbd, u64 sector, u32 page, u32 sectors);

  u32 frame() const { return frame_; }
  volatile SharedBlockIndexes& indexes() { return shared().block; }

 private:
  BlockRingRequest* slots_ = nullptr;
  u32 frame_ = 0, taken_ = 0;
};
BlockRingRequest block_request(BlockRequestOp operation, u32 vbd, u64 sector, u32 segment);

class NetworkRing {
 public:
  bool open();  // maps it. False: this domain has no interface
  // A request to send what is at a machine address; its answer.
  NetStatus send(u32 machine_address, u32 bytes);
  void put(u32 machine_address, u32 bytes);  // many, and then one hypercall
  void push();
  NetStatus sent();  // the answer to the oldest: sleeps until there is one

  // Lends the page that an entry maps. What it gets for it is received() or refused.
  void lend(u16 id, u32 entry_address);
  struct Received {
    u16 id;
    NetStatus status;
    u32 bytes;
  };
  Received received();  // sleeps until there is one

  u64 mac() const { return mac_; }
  u32 frame() const { return frame_; }
  volatile SharedNetworkIndexes& indexes() { return shared().vif[0]; }

 private:
  u32* words_ = nullptr;  // of the ring page
  u64 mac_ = 0;
  u32 frame_ = 0, answers_taken_ = 0, receptions_taken_ = 0;
};

// Lends pages of the kernel's map, and knows their frames again when packets have come in others.
void lend_page(NetworkRing& ring, u32 page);
// What came, in which page. Its frame list is right again.
u32 received_page(const NetworkRing::Received& received);

}  // namespace guest

// The driver of a domain's virtual block devices, which share one ring with the hypervisor.
//
// A run of the request function puts as many of a queue's requests into the ring as fit and then makes one hypercall.
// Consecutive buffers share an entry, up to twelve, whichever requests they came with. A request's slot in the queue is
// free as soon as its buffers are in the ring; they are unlocked one entry at a time. A queue for which there was no
// room goes on from a completion, when less than half of the ring is in use.
#pragma once

#include <array>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "interface/block.h"
#include "interface/shared_info.h"
#include "workloads/kernel/block/request_queue.h"
#include "workloads/ports/xen/event_page.h"

namespace guest {

class XenPort;

class VbdDriver {
 public:
  VbdDriver(XenPort& port, EventPage& events);

  // Maps the ring and gives the kernel a disk for each VBD: number 0 is called names[0], and so on.
  model::Task<> start(std::span<const std::string> names);
  model::Task<> interrupt();  // the block event
  // Before start(): the kernel is not to know that disk `number` keeps barriers.
  void without_barriers(std::size_t number) { without_barriers_.insert(number); }

  u64 entries() const { return entries_used_; }
  u64 notifications() const { return notifications_; }
  u64 bad_responses() const { return bad_responses_; }  // refused, not failed on the medium

 private:
  class Vbd final : public BlockDriver {
   public:
    Vbd(VbdDriver& ring, u16 number, u64 sectors, bool barriers)
        : ring_{ring}, number_{number}, sectors_{sectors}, barriers_{barriers} {}
    u64 sectors() const override { return sectors_; }
    u32 most_request_sectors() const override { return 128; }
    bool barriers() const override { return barriers_; }
    model::Task<> start(RequestQueue& queue) override { return ring_.fill(*this, queue); }

    u16 number() const { return number_; }
    RequestQueue* held_back = nullptr;  // for lack of room in the ring

   private:
    VbdDriver& ring_;
    u16 number_;
    u64 sectors_;
    bool barriers_;
  };

  // What an entry of the ring stands for until its response.
  struct Entry {
    RequestQueue* queue = nullptr;  // null: free
    BlockPiece piece{};
    std::array<Buffer*, hv::kMaxSegments> buffers{};
    u32 count = 0;
  };

  struct Run;

  model::Task<> probe(u16 number, const std::string& name);
  model::Task<> fill(Vbd& vbd, RequestQueue& queue);
  bool has_room_for(const BlockRequest& request) const;
  void add(Run& run, const BlockRequest& request, Buffer& buffer);
  void open(Run& run, const BlockPiece& piece);
  void close(Run& run);
  void take(const hv::BlockRingResponse& response);
  u32 in_use() const { return producer_ - taken_; }
  u32 slot_address(u32 index) const;

  XenPort& port_;
  Kernel& kernel_;
  EventPage& events_;
  KernelMemory memory_;
  u32 ring_ = 0;  // address of the ring page
  std::vector<std::unique_ptr<Vbd>> vbds_;
  u32 producer_ = 0, taken_ = 0;  // free-running, as in the shared page
  std::array<Entry, hv::kBlockRingSize> entries_;
  std::vector<u32> free_ids_;
  std::set<std::size_t> without_barriers_;
  u64 entries_used_ = 0, notifications_ = 0, bad_responses_ = 0;
};

}  // namespace guest

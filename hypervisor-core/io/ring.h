// One ring of requests and responses between a guest and the hypervisor, in memory that both can write.
//
// The guest produces requests, the hypervisor consumes them and produces responses, in any order, into the same slots.
// All indexes run freely and are reduced to a slot only when a slot is touched. Only the two producers and the event
// threshold are shared; the hypervisor's consumer and the truth about its own producer stay out of the guest's reach,
// so the worst a guest can do by writing nonsense is to hurt its own ring.
#pragma once

#include <atomic>

#include "base/planted.h"
#include "base/types.h"
#include "hardware/memory.h"

namespace hv {

// Where a ring lives, in words of machine frames. Slots and indexes may share a frame.
struct RingPlace {
  MachineFrame slots;
  u32 first_slot = 0;
  MachineFrame indexes;
  u32 request_producer = 0;   // written by the guest
  u32 response_producer = 0;  // written by the hypervisor
  u32 event = 0;              // written by the guest: send an event when response_producer gets here
};

template <class Request, class Response, u32 kSlots>
class Ring {
  static_assert((kSlots & (kSlots - 1)) == 0, "free-running indexes wrap at 2^32");
  static_assert(sizeof(Request) == sizeof(Response) && sizeof(Request) % 4 == 0, "they share slots of whole words");

 public:
  // Starts an empty ring; the shared indexes are taken to be zero, as in a fresh frame.
  void open(const RingPlace& place) {
    place_ = place;
    request_consumer_ = response_producer_ = 0;
  }

  // Requests that can be taken now. A guest that follows the protocol never has more than kSlots requests without a
  // response; an index that claims more is nonsense and offers nothing, so no loop over requests outruns the ring.
  u32 waiting(hw::Memory& memory) const {
    const u32 producer = memory.frame(place_.indexes).load(place_.request_producer);
    std::atomic_thread_fence(std::memory_order_acquire);
    const u32 unanswered = producer - response_producer_;
    if (HV_PLANTED(ring_not_bounded)) return unanswered - outstanding();
    return unanswered > kSlots || unanswered < outstanding() ? 0 : unanswered - outstanding();
  }

  // Copies the next request out, so that the guest cannot change it any more. Only if waiting() is not zero.
  Request take(hw::Memory& memory) {
    const hw::Words words = memory.frame(place_.slots);
    const u32 first = slot_word(request_consumer_++);
    u32 copy[kWords];
    for (u32 i = 0; i < kWords; ++i) copy[i] = words.load(first + i);
    Request request;
    __builtin_memcpy(&request, copy, sizeof request);
    return request;
  }

  // Answers one of the outstanding requests. True if the guest wants an event now: its threshold equals the response
  // producer just after this increment. A threshold jumped over, or set behind, never fires; the guest looks again
  // after setting it.
  [[nodiscard]] bool respond(hw::Memory& memory, const Response& response) {
    u32 copy[kWords];
    __builtin_memcpy(copy, &response, sizeof response);
    const hw::Words words = memory.frame(place_.slots);
    const u32 first = slot_word(response_producer_++);
    for (u32 i = 0; i < kWords; ++i) words.store(first + i, copy[i]);
    std::atomic_thread_fence(std::memory_order_release);
    const hw::Words indexes = memory.frame(place_.indexes);
    indexes.store(place_.response_producer, response_producer_);
    // The guest stores its threshold and then loads the producer; one of the two must see the other's store.
    std::atomic_thread_fence(std::memory_order_seq_cst);
    return indexes.load(place_.event) == response_producer_;
  }

  u32 outstanding() const { return request_consumer_ - response_producer_; }  // taken and not yet answered
  u32 taken() const { return request_consumer_; }

 private:
  static constexpr u32 kWords = sizeof(Request) / 4;
  u32 slot_word(u32 index) const { return place_.first_slot + (index & (kSlots - 1)) * kWords; }

  RingPlace place_;
  u32 request_consumer_ = 0;
  u32 response_producer_ = 0;
};

}  // namespace hv

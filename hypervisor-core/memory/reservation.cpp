// The balloon: a domain takes and gives back frames within its reservation.
#include "base/planted.h"
#include "domain.h"
#include "interface/memory.h"
#include "memory/memory_manager.h"

namespace hv {
namespace {

constexpr u32 kNumberBytes = sizeof(u32);
constexpr u32 kChunk = 64;  // frame numbers copied at once

// A frame shared with the core always has a reference, so only those of the reservation pass.
bool may_give_back(const Domain& domain, const FrameInfo& info) {
  return (info.owner == domain.id || HV_PLANTED(balloon_of_any_owner)) &&
         (info.total_count == 0 || HV_PLANTED(balloon_in_use));
}

}  // namespace

HypercallResult MemoryManager::dom_mem_op(Caller& caller, u32 op, u32 list, u32 count) {
  caller.cpu.work(hw::Step::reservation_call);
  switch (static_cast<DomMemOp>(op)) {
    case DomMemOp::increase:
      return increase_reservation(caller, list, count);
    case DomMemOp::decrease:
      return decrease_reservation(caller, list, count);
  }
  return Error::not_implemented;
}

HypercallResult MemoryManager::increase_reservation(Caller& caller, u32 list, u32 count) {
  DomainMemory& memory = caller.domain.memory;
  if (count > memory.may_add()) return Error::no_memory;
  if (frames_.free_count() < kFreeSlack || frames_.free_count() - kFreeSlack < count) return Error::no_memory;
  u32 done = 0;
  while (done < count) {
    u32 numbers[kChunk];
    const u32 wanted = count - done < kChunk ? count - done : kChunk;
    for (u32 i = 0; i < wanted; ++i) {
      const MachineFrame frame = frames_.allocate(memory.frames);
      memory_.zero(frame);
      numbers[i] = frame.number();
    }
    if (!caller.cpu.copy_to_guest(list + done * kNumberBytes, numbers, wanted * kNumberBytes)) {
      for (u32 i = 0; i < wanted; ++i) frames_.release(MachineFrame{numbers[i]}, memory.frames);
      return done != 0 ? HypercallResult::count(done) : HypercallResult{Error::bad_address};
    }
    caller.cpu.work(hw::Step::reservation_take, wanted);
    done += wanted;
  }
  return HypercallResult::count(done);
}

HypercallResult MemoryManager::decrease_reservation(Caller& caller, u32 list, u32 count) {
  Error error = Error::none;
  u32 done = 0;
  while (error == Error::none && done < count) {
    u32 numbers[kChunk];
    const u32 wanted = count - done < kChunk ? count - done : kChunk;
    if (!caller.cpu.copy_from_guest(numbers, list + done * kNumberBytes, wanted * kNumberBytes)) {
      error = Error::bad_address;
      break;
    }
    caller.cpu.work(hw::Step::reservation_give, wanted);
    for (u32 i = 0; i < wanted && error == Error::none; ++i) {
      const MachineFrame frame{numbers[i]};
      if (frames_.contains(frame) && may_give_back(caller.domain, frames_.info(frame))) {
        if (!HV_PLANTED(no_flush_on_balloon)) tlb_.request(frames_.info(frame).owner, frames_.info(frame).flush_stamp);
        set_machine_to_phys(frame, kNoPage);
        frames_.release(frame, caller.domain.memory.frames);
        ++done;
      } else {
        error = Error::invalid;
      }
    }
  }
  finish_call(caller);  // before anybody else can be given the frames
  return done != 0 || error == Error::none ? HypercallResult::count(done) : HypercallResult{error};
}

}  // namespace hv

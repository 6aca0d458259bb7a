// What the core keeps about one domain's memory.
#pragma once

#include "base/types.h"
#include "memory/frame_table.h"

namespace hv {

struct DomainMemory {
  FrameList frames;               // the domain's reservation as it is now, in allocation order
  FrameList shared;               // frames shared with the core: shared-info page, rings. Not part of the reservation
  u32 max_frames = 0;             // limit of the reservation: what the domain was created with
  u32 lent = 0;                   // frames out as receive buffers; they still count against the limit
  MachineFrame descriptor_table;  // hypervisor's page table behind kPerDomainStart: GDT and LDT of each vCPU

  u32 frame_count() const { return frames.count; }
  u32 may_add() const { return frames.count + lent < max_frames ? max_frames - frames.count - lent : 0; }
};

}  // namespace hv

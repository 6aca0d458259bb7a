#include "memory/frame_table.h"

namespace hv {

FrameTable::FrameTable(FrameInfo* infos, u32 frame_count, u32 hypervisor_frames)
    : infos_{infos}, frame_count_{frame_count} {
  for (u32 number = 0; number < frame_count; ++number) {
    append(MachineFrame{number}, number < hypervisor_frames ? hypervisor_ : free_);
  }
}

MachineFrame FrameTable::allocate(FrameList& to) {
  const MachineFrame frame = first(free_);
  if (frame != MachineFrame::none()) move(frame, free_, to);
  return frame;
}

void FrameTable::move(MachineFrame frame, FrameList& from, FrameList& to) {
  unlink(frame, from);
  append(frame, to);
}

void FrameTable::append(MachineFrame frame, FrameList& to) {
  FrameInfo& added = info(frame);
  added.owner = to.owner;
  if (to.owner != kOwnerOrphan) {  // an orphan is still what its holders need; others start without a past,
    added.type = FrameType::none;  // except in TLBs: a page lent and given back may be writable there still
    added.flags &= FrameInfo::kFlushNeeded;
  }
  added.previous = to.last;
  added.next = kNoFrame;
  (to.last == kNoFrame ? to.first : infos_[to.last].next) = frame.number();
  to.last = frame.number();
  ++to.count;
}

void FrameTable::unlink(MachineFrame frame, FrameList& from) {
  const FrameInfo& removed = info(frame);
  (removed.previous == kNoFrame ? from.first : infos_[removed.previous].next) = removed.next;
  (removed.next == kNoFrame ? from.last : infos_[removed.next].previous) = removed.previous;
  --from.count;
}

u32 FrameTable::audit_owned(OwnerId owner) const {
  u32 owned = 0;
  for (u32 number = 0; number < frame_count_; ++number) {
    if (infos_[number].owner == owner) ++owned;
  }
  return owned;
}

bool FrameTable::audit_list(const FrameList& list) const {
  u32 length = 0;
  u32 previous = kNoFrame;
  for (u32 number = list.first; number != kNoFrame; number = infos_[number].next) {
    if (number >= frame_count_ || infos_[number].owner != list.owner || infos_[number].previous != previous)
      return false;
    if (++length > list.count) return false;  // a loop
    previous = number;
  }
  return length == list.count && list.last == previous;
}

}  // namespace hv

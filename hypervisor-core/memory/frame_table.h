// Who owns each frame of machine memory, what it is used as, and how often.
//
// The hypervisor gives guests machine frames and lets them write their own page tables, so safety rests on one table:
// a frame has one owner, one type at a time, and counts of the references that keep both as they are. Every frame is
// on exactly one list (free, the hypervisor's, orphans, or one of a domain's), so the lists' lengths sum to RAM.
#pragma once

#include "base/types.h"

namespace hv {

// What a frame is used as. Mutually exclusive while its type count is above 0. The type stays when the count drops to 0
// and may then change.
enum class FrameType : u8 {
  none,
  l1,  // page table
  l2,  // page directory
  gdt,
  ldt,       // descriptor tables
  writable,  // mapped writable by a guest, or shared with the core
};

// A domain's id, or one of the three below. Domains have ids below kDomainSelf, so 16 bits are enough.
using OwnerId = u16;
inline constexpr OwnerId kOwnerFree = 0xffff;
inline constexpr OwnerId kOwnerHypervisor = 0xfffe;
inline constexpr OwnerId kOwnerOrphan = 0xfffd;  // the domain is gone, somebody still holds the frame
constexpr bool is_domain(OwnerId owner) { return owner < kDomainSelf; }

struct FrameInfo {
  OwnerId owner = kOwnerFree;
  FrameType type = FrameType::none;
  u8 flags = 0;
  // References of any kind: mappings, uses in a directory, pins, current directories, I/O in progress. A frame leaves
  // its domain only at 0. Neither count can overflow: 2^20 frames hold at most 2^30 entries.
  u32 total_count = 0;
  u32 type_count = 0;  // those of them that need the present type
  union {
    u32 flush_stamp = 0;  // TlbClock when the last writable, or the last, reference went
    u32 remains;          // of a frame for packets: whose bytes a packet would leave behind it, see PageExchange
  };
  u32 previous = 0, next = 0;  // on its FrameList

  static constexpr u8 kPinned = 1;       // one reference is held by the guest's pin
  static constexpr u8 kValidated = 2;    // contents were checked for the present type
  static constexpr u8 kFlushNeeded = 4;  // was mapped writable: a stale TLB entry may outlive the type
  bool has(u8 flag) const { return (flags & flag) != 0; }
};
static_assert(sizeof(FrameInfo) == 24);

inline constexpr u32 kNoFrame = 0xffffffffu;  // number of MachineFrame::none()

// Frames of one owner in the order in which it got them, linked through the frame table.
struct FrameList {
  OwnerId owner = kOwnerFree;
  u32 count = 0;
  u32 first = kNoFrame, last = kNoFrame;
};

class FrameTable {
 public:
  // `infos`: room for `frame_count`. The lowest `hypervisor_frames` belong to the hypervisor, the rest are free.
  FrameTable(FrameInfo* infos, u32 frame_count, u32 hypervisor_frames);

  u32 frame_count() const { return frame_count_; }
  bool contains(MachineFrame frame) const { return frame.number() < frame_count_; }
  FrameInfo& info(MachineFrame frame) { return infos_[frame.number()]; }
  const FrameInfo& info(MachineFrame frame) const { return infos_[frame.number()]; }

  // The free frame that has been free longest, in ascending order after boot; none() when there is none. Its contents
  // are its last owner's: zero it before a guest sees it.
  MachineFrame allocate(FrameList& to);
  // Counts must be 0, except that a frame may go to the orphans with references left.
  void move(MachineFrame frame, FrameList& from, FrameList& to);
  void release(MachineFrame frame, FrameList& from) { move(frame, from, free_); }

  u32 free_count() const { return free_.count; }
  FrameList& hypervisor() { return hypervisor_; }
  FrameList& orphans() { return orphans_; }
  MachineFrame first(const FrameList& list) const { return MachineFrame{list.first}; }  // none() at the end
  MachineFrame next(MachineFrame frame) const { return MachineFrame{info(frame).next}; }

  // Counted from the table itself, O(frames): for checks, beside the O(1) counts of the lists.
  u32 audit_owned(OwnerId owner) const;
  // The list's links, owners and length agree with the table. O(length).
  bool audit_list(const FrameList& list) const;
  const FrameList& free_list() const { return free_; }

 private:
  void append(MachineFrame frame, FrameList& to);
  void unlink(MachineFrame frame, FrameList& from);

  FrameInfo* infos_;
  u32 frame_count_;
  FrameList free_{.owner = kOwnerFree};
  FrameList hypervisor_{.owner = kOwnerHypervisor};
  FrameList orphans_{.owner = kOwnerOrphan};
};

}  // namespace hv

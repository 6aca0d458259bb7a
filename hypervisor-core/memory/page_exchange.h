// Pages that devices reach without a copy: frames that change owner with a packet, and frames held while a device reads
// or writes them.
//
// To receive, a guest posts an empty page by naming the page-table entry that maps it. The page leaves the domain; the
// entry waits, not present, in a table that cannot lose its type meanwhile. A packet that arrives in a frame of the
// core is delivered by putting that frame into the entry, and the posted page takes its place as the core's buffer.
#pragma once

#include "memory/memory_manager.h"

namespace hv {

struct PostedBuffer {
  MachineFrame table;  // held with type l1
  u32 index = 0;       // of the entry in it
  MachineFrame frame;  // the page taken, now the core's
  u32 flush_stamp = 0;
};

class PageExchange {
 public:
  explicit PageExchange(MemoryManager& memory) : memory_{memory} {}

  // Takes the page mapped by the entry at `entry_address`. It must be the domain's, mapped there writable and nowhere
  // else, by a page table of the domain. False: bad page, nothing changed.
  bool take_buffer(Domain& domain, u32 entry_address, PostedBuffer& posted);

  // A frame of the core for packets: its contents are zeros; or it holds a packet that nobody got.
  void holds_zeros(MachineFrame frame) { memory_.frames().info(frame).remains = kZeros; }
  void holds_leftovers(MachineFrame frame) { memory_.frames().info(frame).remains = kLeftovers; }

  // Delivers `packet`, a frame of the core with a packet of so many bytes. What lies behind the packet is cleared
  // unless it is zeros or comes from a page that this very domain has lent: nobody sees what another domain had.
  // Returns the frame that the core has instead: the posted one; or `packet` itself when the guest has filled the entry
  // meanwhile (`delivered` false: bad page; the posted page goes back to the domain, unmapped). Flushes the domain's
  // CPU only if it has not flushed since the buffer was posted.
  MachineFrame give_packet(hw::Cpu& cpu, Domain& domain, const PostedBuffer& posted, MachineFrame packet,
                           u32 packet_bytes, bool& delivered);

  // The page goes back unused and unmapped (the VIF goes away).
  void return_buffer(Domain& domain, const PostedBuffer& posted);

  // Transmit: keeps the frame from leaving while a device reads it. False: the frame is not the domain's.
  bool hold_payload(Domain& domain, MachineFrame frame);
  void release_payload(MachineFrame frame);  // also after the domain has died

  // The same while a device writes it, which a page table must never become meanwhile. False: not the domain's, or in
  // use as something that only the core may write.
  bool hold_target(Domain& domain, MachineFrame frame);
  void release_target(MachineFrame frame);

 private:
  // FrameInfo::remains: one of these, or the serial number of the domain that lent the frame.
  static constexpr u32 kZeros = 0, kLeftovers = ~0u;

  MemoryManager& memory_;
};

}  // namespace hv

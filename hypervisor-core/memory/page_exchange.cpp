#include "memory/page_exchange.h"

#include "base/planted.h"
#include "domain.h"

namespace hv {

bool PageExchange::take_buffer(Domain& domain, u32 entry_address, PostedBuffer& posted) {
  FrameTable& frames = memory_.frames();
  const MachineFrame table = MachineFrame::of_address(entry_address);
  const u32 index = entry_address / 4 % kEntriesPerTable;
  if (entry_address % 4 != 0 || !frames.contains(table)) return false;
  const FrameInfo& holder = frames.info(table);
  if (holder.owner != domain.id || holder.type != FrameType::l1 || holder.type_count == 0) return false;

  const u32 entry = memory_.memory().window(table).load(index);
  constexpr u32 kMapped = kEntryPresent | kEntryWritable;
  if ((entry & kMapped) != kMapped) return false;
  const MachineFrame frame = MachineFrame::of_address(entry);
  if (frames.info(frame).owner != domain.id) return false;
  if (frames.info(frame).total_count != 1 && !HV_PLANTED(buffer_in_use)) return false;

  (void)memory_.tables().take(table, FrameType::l1);  // in use as one, so this is only a count
  (void)memory_.tables().set_l1_entry(table, index, entry & ~kEntryPresent);
  const u32 stamp = frames.info(frame).flush_stamp;
  frames.move(frame, domain.memory.frames, frames.hypervisor());
  ++domain.memory.lent;
  posted = PostedBuffer{.table = table, .index = index, .frame = frame, .flush_stamp = stamp};
  return true;
}

MachineFrame PageExchange::give_packet(hw::Cpu& cpu, Domain& domain, const PostedBuffer& posted, MachineFrame packet,
                                       u32 packet_bytes, bool& delivered) {
  FrameTable& frames = memory_.frames();
  const u32 old = memory_.memory().window(posted.table).load(posted.index);
  delivered = (old & kEntryPresent) == 0;
  if (!delivered) {
    return_buffer(domain, posted);
    return packet;
  }
  // No CPU may use the old translation after this: the posted page is the core's to overwrite. It needs no flush when
  // it comes to a domain again.
  if (!HV_PLANTED(no_flush_on_delivery)) memory_.tlb().request(static_cast<OwnerId>(domain.id), posted.flush_stamp);
  memory_.tlb().settle(cpu);
  FrameInfo& empty = frames.info(posted.frame);
  empty.flags = static_cast<u8>(empty.flags & ~FrameInfo::kFlushNeeded);
  empty.remains = domain.serial;

  FrameInfo& info = frames.info(packet);
  if (info.remains != kZeros && info.remains != domain.serial && !HV_PLANTED(packet_tail_kept)) {
    (void)memory_.memory().window(packet);
    cpu.clear(packet, packet_bytes, kPageSize - packet_bytes);
  }
  info.flush_stamp = memory_.tlb().now();

  frames.move(packet, frames.hypervisor(), domain.memory.frames);
  --domain.memory.lent;
  // The domain's own fresh frame in its own page table: nothing to refuse.
  (void)memory_.tables().set_l1_entry(posted.table, posted.index,
                                      packet.address() | kWritableEntry | (old & kEntryUser));
  memory_.set_machine_to_phys(packet, memory_.machine_to_phys(posted.frame));
  memory_.set_machine_to_phys(posted.frame, kNoPage);
  memory_.tables().drop(posted.table);
  return posted.frame;
}

void PageExchange::return_buffer(Domain& domain, const PostedBuffer& posted) {
  memory_.frames().move(posted.frame, memory_.frames().hypervisor(), domain.memory.frames);
  --domain.memory.lent;
  memory_.tables().drop(posted.table);
}

bool PageExchange::hold_payload(Domain& domain, MachineFrame frame) {
  if (!memory_.frames().contains(frame) || memory_.frames().info(frame).owner != domain.id) {
    if (!HV_PLANTED(payload_of_any_owner) || !memory_.frames().contains(frame)) return false;
  }
  memory_.tables().hold(frame);
  return true;
}

void PageExchange::release_payload(MachineFrame frame) { memory_.tables().release(frame); }

bool PageExchange::hold_target(Domain& domain, MachineFrame frame) {
  if (!memory_.frames().contains(frame) || memory_.frames().info(frame).owner != domain.id) return false;
  return memory_.tables().take(frame, FrameType::writable);
}

void PageExchange::release_target(MachineFrame frame) { memory_.tables().drop(frame); }

}  // namespace hv

#include "io/vif.h"

namespace hv {

NetStatus status_of(PacketFate fate) {
  switch (fate) {
    case PacketFate::sent:
    case PacketFate::switched:
    case PacketFate::received:
      return NetStatus::ok;
    case PacketFate::bad_size:
    case PacketFate::crosses_page:
    case PacketFate::foreign_frame:
    case PacketFate::malformed:
    case PacketFate::foreign_protocol:
    case PacketFate::buffer_remapped:
      return NetStatus::bad_page;
    default:
      return NetStatus::dropped;
  }
}

SystemTime TransmitCredit::spend(u32 packet, SystemTime now) {
  if (period == 0) return kNever;
  if (packet > left) {
    const SystemTime next = refilled + period;
    if (next > now) {
      left = 0;
      return next;
    }
    refilled = now;
    left = bytes;
  }
  left -= packet < left ? packet : left;
  return kNever;
}

}  // namespace hv

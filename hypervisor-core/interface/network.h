// Rings of a virtual network interface (VIF), kept in one page per VIF shared by guest and hypervisor, with their
// indexes in the shared-info page. Free-running indexes; requests and responses share slots. (Layout: Xen 1.2.)
#pragma once

#include "base/types.h"

namespace hv {

inline constexpr u32 kNetRingSize = 256;
inline constexpr u32 kMinPacket = 34, kMaxPacket = 1514;  // Ethernet + IP header; MTU 1500 + Ethernet header

struct NetTransmitRequest {
  u16 id;
  u16 bytes;
  u32 machine_address;  // of the packet; must not cross a page
};
struct NetTransmitResponse {
  u16 id;
  u8 status;  // NetStatus
  u8 unused;
  u32 unused2;
};
struct NetReceiveRequest {
  u16 id;
  u16 unused;
  u32 entry_address;  // machine address of the page-table entry that maps the empty page
};
struct NetReceiveResponse {
  u16 id;
  u16 bytes;  // with Ethernet header
  u8 status;  // NetStatus
  u8 offset;  // of the packet in its page
  u16 unused;
};
static_assert(sizeof(NetTransmitRequest) == 8 && sizeof(NetTransmitResponse) == 8);
static_assert(sizeof(NetReceiveRequest) == 8 && sizeof(NetReceiveResponse) == 8);

// Words of the ring page: transmit slots at 0 (2 words each), receive slots behind them.
inline constexpr u32 kNetTransmitWord = 0, kNetReceiveWord = 2 * kNetRingSize;

enum class NetStatus : u8 { ok = 0, bad_page = 1, dropped = 2 };

enum class NetIoOp : u32 {
  push = 0,      // look at the rings of this VIF
  get_ring = 3,  // -> frame number of the ring page; argument 3: address where {frame, mac high, mac low} goes
};

}  // namespace hv

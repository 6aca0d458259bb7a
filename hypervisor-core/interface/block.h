// Virtual block devices (VBDs) as a domain sees them: one ring per domain, in a page shared by guest and hypervisor,
// with its indexes in the shared-info page. Free-running indexes; requests and responses share slots.
//
// Layout of Xen 1.2 with one addition: the write that is a reorder barrier, which the paper describes and no release of
// that time had.
#pragma once

#include "base/types.h"

namespace hv {

inline constexpr u32 kBlockRingSize = 64;
inline constexpr u32 kMaxSegments = 12;  // of one request

enum class BlockRequestOp : u8 {
  read = 0,
  write = 1,
  // A write that no other write of its domain to this VBD passes: all that were put into the ring before it are on the
  // medium before it begins, and it is on the medium before any later one begins. Says nothing of reads, nor of other
  // domains.
  write_barrier = 2,
};

struct BlockRingRequest {
  u32 id;  // given back in the response
  u8 operation;
  u8 segments;  // 1 .. kMaxSegments
  u16 vbd;
  u32 sector_low, sector_high;  // of the VBD, in units of 512 bytes
  u32 segment[kMaxSegments];    // machine address, a multiple of 512, | sectors (1..8); must not cross a page
};
struct BlockRingResponse {
  u32 id;
  u8 operation;  // of the request
  u8 status;     // BlockStatus
  u16 unused;
  u32 unused2[14];
};
static_assert(sizeof(BlockRingRequest) == 64 && sizeof(BlockRingResponse) == 64);

enum class BlockStatus : u8 {
  ok = 0,
  bad_request = 1,  // nothing was done
  io_error = 2,     // of a write some sectors may be on the medium
};

enum class BlockIoOp : u32 {
  signal = 0,    // look at the ring of this domain
  get_ring = 2,  // -> frame number of the ring page; argument: address where it goes
  probe = 8,     // (vbd, address): {sectors low, high, VbdAccess} of a VBD go there
};

enum class VbdAccess : u32 { read_only = 0, read_write = 1 };

}  // namespace hv

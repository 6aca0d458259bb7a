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
  // domains. An earlier write that failed does not fail it.
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

// A domain without a VBD has no ring: -EINVAL. A machine without a disk: -ENODEV.
enum class BlockIoOp : u32 {
  signal = 0,    // look at the ring of this domain
  get_ring = 2,  // (address): the frame number of the ring page goes there
  probe = 8,     // (vbd, address): its VbdDescription goes there; -EINVAL: no such VBD
};

enum class VbdAccess : u32 { read_only = 0, read_write = 1 };

struct VbdDescription {
  u32 sectors_low, sectors_high;
  u32 access;  // VbdAccess
};

inline constexpr u32 kMaxVbdsPerDomain = 8;
inline constexpr u32 kMaxExtents = 8;  // of one VBD

}  // namespace hv

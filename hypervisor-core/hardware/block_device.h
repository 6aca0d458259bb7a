// A disk behind its host adapter as the core drives it: tagged commands in, completions out, an interrupt when it has
// something to say.
//
// Several commands are with the device at one time, and it completes them in the order it likes, within what their tags
// allow. Completions are collected by polling after the interrupt, so that the device never calls into the core.
#pragma once

#include "base/types.h"

namespace hw {

using namespace hv;  // NOLINT

inline constexpr u32 kSectorBytes = 512;
inline constexpr u32 kMaxBlockSegments = 128;  // of one command: the scatter list of a host adapter

// Memory that holds consecutive sectors: whole sectors within one frame, at a whole sector of it.
struct BlockSegment {
  MachineFrame frame;
  u16 first_sector = 0;  // of the frame's eight
  u16 sectors = 0;
};

enum class BlockOperation : u8 {
  read,
  write,
  flush,  // completes when everything that the device said it had written is on the medium
};

// How far the device may reorder a command among those it was given (SCSI task attributes).
enum class BlockTag : u8 {
  simple,   // freely among simple ones
  ordered,  // after all that were given before it, and before all that are given later
};

struct BlockCommand {
  u32 id = 0;  // given back with the completion; the caller's, unique among those with the device
  BlockOperation operation = BlockOperation::read;
  BlockTag tag = BlockTag::simple;
  bool force_unit_access = false;  // of a write: completes when it is on the medium, not only in the device's cache
  u64 sector = 0;                  // first of the medium
  u32 sectors = 0;                 // the segments' sum; 0 for a flush
  const BlockSegment* segments = nullptr;  // looked at during submit() only
  u32 segment_count = 0;
};

struct BlockCompletion {
  u32 id = 0;
  bool failed = false;  // a medium error: of a write nothing, something or all is on the medium
};

class BlockDevice {
 public:
  virtual u32 interrupt_line() const = 0;
  virtual u64 sectors() const = 0;
  virtual u32 queue_depth() const = 0;  // commands that it takes before one completes
  // Whether a write may complete before it is on the medium, so that order needs flush and force_unit_access.
  virtual bool caches_writes() const = 0;

  // False: queue_depth() commands are with it. The frames are the device's until the completion.
  virtual bool submit(const BlockCommand& command) = 0;
  virtual bool next_completed(BlockCompletion& completion) = 0;  // false: no further one
  virtual void interrupt_done() = 0;  // completions were drained: the device may interrupt again

 protected:
  ~BlockDevice() = default;
};

}  // namespace hw

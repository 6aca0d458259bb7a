// The machine that a shared sequence runs on: a guest kernel's view of it, on a PC or over the timed model.
//
// Whatever a sequence does goes through here, so that one source of requests serves both. All results are numbers that
// must be the same on both.
#pragma once

#include "base/types.h"

namespace sequence {

using namespace hv;  // NOLINT

enum class Mode : u8 { kernel, user };  // ring 1, ring 3

// What the guest's handler was given.
struct Fault {
  u32 vector = 0;
  u32 error_code = 0;
  u32 address = 0;  // of a page fault
  u32 ring = 0;     // that was interrupted
};

class Port {
 public:
  // Of ring 1, and what else happens before it goes on: events are taken.
  virtual s32 hypercall(u32 number, const u32 (&arguments)[5]) = 0;
  // One aligned word by one instruction. False: a fault was delivered.
  virtual bool load(Mode mode, u32 address, u32& value, Fault& fault) = 0;
  virtual bool store(Mode mode, u32 address, u32 value, Fault& fault) = 0;
  // INT n for a vector without a handler: always a fault.
  virtual void interrupt(Mode mode, u32 vector, Fault& fault) = 0;

  // Until a word of the kernel's memory is `value`, which an event tells of. It sleeps meanwhile, or does nothing else.
  virtual void wait_for(u32 address, u32 value) = 0;

  // The kernel's own memory, which is always mapped.
  virtual u32 get(u32 address) = 0;
  virtual void put(u32 address, u32 value) = 0;
  // What another domain starts with, where one is executed: page `page` of the kernel's image, written to `address`;
  // and what its first instruction is.
  virtual void put_image(u32 address, u32 page) = 0;
  virtual u32 entry() const = 0;

  // From inside the hypervisor: see digest.h.
  virtual u32 frame_table_digest() = 0;
  virtual u32 contents_digest(u32 frame) = 0;
  virtual u32 word(u32 frame, u32 index) = 0;

 protected:
  ~Port() = default;
};

}  // namespace sequence

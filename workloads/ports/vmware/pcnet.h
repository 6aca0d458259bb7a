// What the virtual machine's network card, an AMD PCnet, and its driver agree on. (AMD Am79C970A data sheet; the layout
// with 32-bit addresses that Linux's pcnet32 chooses.)
#pragma once

#include "workloads/kernel/memory.h"

namespace guest {

// Of either ring, in the guest's memory.
struct PcnetDescriptor {
  u32 buffer = 0;  // its address in the virtual machine
  u32 status = 0;  // of a receive buffer also its length, as a negative number, in the lower half
  u32 length = 0;  // received
  u32 reserved = 0;
};
inline constexpr u32 kPcnetOwned = 1u << 31;  // by the card

inline constexpr u32 kPcnetTransmitRing = 16, kPcnetReceiveRing = 32;  // as pcnet32 sets them up
inline constexpr u32 kPcnetBufferBytes = 1544;                         // of a receive buffer

// Bits of register 0.
inline constexpr u32 kPcnetDemandTransmit = 1u << 3;
inline constexpr u32 kPcnetInterruptsOn = 1u << 6;
inline constexpr u32 kPcnetTransmitted = 1u << 9;
inline constexpr u32 kPcnetReceived = 1u << 10;
inline constexpr u32 kPcnetCauses = kPcnetTransmitted | kPcnetReceived;

}  // namespace guest

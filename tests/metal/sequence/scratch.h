// Where the domain that makes a sequence has its lists and argument blocks, and words that operations share.
#pragma once

#include "metal/sequence/sequence.h"

namespace sequence {

// Of the scratch page. Lists of kList are of MmuUpdate; the text goes to the console.
inline constexpr u32 kScratch = kGuestKernelStart + (kScratchPage << kPageShift);
inline constexpr u32 kDone = kScratch, kList = kScratch + 16, kArguments = kScratch + 1536, kControl = kScratch + 2048,
                     kCalls = kScratch + 2560, kText = kScratch + 3072;
inline constexpr u32 kListRoom = 128;  // requests
static_assert(kList + kListRoom * sizeof(MmuUpdate) <= kArguments);

inline constexpr u32 kNowhere = 0x7ff00000;  // no slot of that is ever filled: lists there cannot be read

inline constexpr u32 kP = kEntryPresent, kW = kEntryWritable, kU = kEntryUser;
constexpr u32 command_word(MmuCommand command, u32 argument = 0) { return static_cast<u32>(command) | argument << 8; }
constexpr u32 command_pointer(u32 frame) { return frame << kPageShift | static_cast<u32>(MmuRequest::extended); }

}  // namespace sequence

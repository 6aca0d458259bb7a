#include "metal/ata_disk.h"

#include "hardware/cpu.h"
#include "metal/ports.h"

namespace metal {

namespace {

// The primary channel: registers of the command block, and device control.
constexpr u16 kData = 0x1f0, kSectorCount = 0x1f2, kLbaLow = 0x1f3, kLbaMiddle = 0x1f4, kLbaHigh = 0x1f5,
              kDevice = 0x1f6, kCommand = 0x1f7, kStatus = 0x1f7, kControl = 0x3f6;
constexpr u32 kInput = 14;
constexpr u8 kBusy = 0x80, kFault = 0x20, kDataRequest = 0x08, kError = 0x01;  // status
constexpr u8 kSecondDrive = 0xf0;                                              // with LBA
constexpr u8 kNoInterrupts = 0x02;
constexpr u8 kIdentify = 0xec, kReadSectors = 0x20, kWriteSectors = 0x30, kFlushCache = 0xe7;
constexpr u32 kMostSectors = 256;  // of one command; then its count is written as 0
constexpr u32 kWords = hw::kSectorBytes / 2;

// A drive is busy for much less than this many looks before it asks for the first sector; longer: there is none.
constexpr u32 kLooks = 1'000'000;

u8 settled_status() {
  u8 status = in8(kStatus);
  for (u32 look = 0; (status & kBusy) != 0 && look < kLooks; ++look) status = in8(kStatus);
  return status;
}

bool wants_data(u8 status) { return (status & (kBusy | kFault | kDataRequest | kError)) == kDataRequest; }

}  // namespace

u32 AtaDisk::interrupt_line() const { return hw::kFirstDeviceLine + kInput; }

bool AtaDisk::start() {
  out8(kControl, kNoInterrupts);
  out8(kDevice, kSecondDrive);
  for (const u16 port : {kSectorCount, kLbaLow, kLbaMiddle, kLbaHigh}) out8(port, 0);
  out8(kCommand, kIdentify);
  if (const u8 status = in8(kStatus); status == 0 || status == 0xff) return false;  // nobody drives the bus
  u8 status = settled_status();
  const bool packets = in8(kLbaMiddle) != 0 || in8(kLbaHigh) != 0;  // not a disk
  for (u32 look = 0; (status & (kDataRequest | kError)) == 0 && look < kLooks; ++look) status = in8(kStatus);
  if (packets || !wants_data(status)) return false;
  u16 identity[kWords];
  in16s(kData, identity, kWords);
  constexpr u32 kCapabilities = 49, kLba = 1u << 9, kAddressable = 60;
  if ((identity[kCapabilities] & kLba) == 0) return false;
  sectors_ = identity[kAddressable] | u32{identity[kAddressable + 1]} << 16;
  (void)in8(kStatus);
  out8(kControl, 0);
  return sectors_ != 0;
}

bool AtaDisk::submit(const hw::BlockCommand& command) {
  if (phase_ != Phase::idle) return false;
  command_ = command;
  command_.segments = segments_;
  for (u32 i = 0; i < command.segment_count; ++i) segments_[i] = command.segments[i];
  segment_ = within_ = moved_ = 0;
  command.operation == hw::BlockOperation::flush ? begin_flush() : begin_part();
  return true;
}

// As much of what is left as the drive takes at once. The first sector of a write is asked for without an interrupt; an
// error comes with one.
void AtaDisk::begin_part() {
  const bool write = command_.operation == hw::BlockOperation::write;
  const u32 rest = command_.sectors - moved_, place = static_cast<u32>(command_.sector) + moved_;
  left_ = rest < kMostSectors ? rest : kMostSectors;
  phase_ = write ? Phase::writing : Phase::reading;
  out8(kDevice, static_cast<u8>(kSecondDrive | (place >> 24 & 15)));
  out8(kSectorCount, static_cast<u8>(left_));
  out8(kLbaLow, static_cast<u8>(place));
  out8(kLbaMiddle, static_cast<u8>(place >> 8));
  out8(kLbaHigh, static_cast<u8>(place >> 16));
  out8(kCommand, write ? kWriteSectors : kReadSectors);
  if (write && wants_data(settled_status())) move_sector();
}

void AtaDisk::begin_flush() {
  phase_ = Phase::flushing;
  out8(kDevice, kSecondDrive);
  out8(kCommand, kFlushCache);
}

void AtaDisk::move_sector() {
  const hw::BlockSegment& segment = segments_[segment_];
  void* memory =
      at_linear<u8>(memory_.address(segment.frame) + (segment.first_sector + within_) * u32{hw::kSectorBytes});
  phase_ == Phase::reading ? in16s(kData, memory, kWords) : out16s(kData, memory, kWords);
  ++moved_;
  --left_;
  if (++within_ == segment.sectors) {
    within_ = 0;
    ++segment_;
  }
}

// One interrupt: a sector read, a sector written, or a flush that is over. Without one there is nothing to be seen, for
// the drive is busy.
bool AtaDisk::next_completed(hw::BlockCompletion& completion) {
  if (phase_ == Phase::idle) return false;
  const u8 status = in8(kStatus);
  if ((status & kBusy) != 0) return false;
  if ((status & (kError | kFault)) != 0) return end(completion, true);
  if (phase_ == Phase::flushing) return end(completion, false);
  if (left_ != 0) {
    if (!wants_data(status)) return false;
    move_sector();
    if (phase_ == Phase::writing || left_ != 0) return false;  // the next sector's turn, or the end of writing
  }
  if (moved_ != command_.sectors) {
    begin_part();
    return false;
  }
  if (phase_ == Phase::writing && command_.force_unit_access) {
    begin_flush();
    return false;
  }
  return end(completion, false);
}

bool AtaDisk::end(hw::BlockCompletion& completion, bool failed) {
  phase_ = Phase::idle;
  completion = {command_.id, failed};
  return true;
}

}  // namespace metal

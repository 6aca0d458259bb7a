#include "metal/ne2000.h"

#include "hardware/cpu.h"
#include "metal/ports.h"

namespace metal {

namespace {

constexpr u16 kBase = 0x300;
constexpr u32 kInput = 10;
constexpr u16 kCommand = kBase, kDataPort = kBase + 0x10, kReset = kBase + 0x1f;
// Of register page 0, as written but for those that are read by another name.
constexpr u16 kPageStart = kBase + 1, kPageStop = kBase + 2, kBoundary = kBase + 3, kTransmitPage = kBase + 4,
              kTransmitCount = kBase + 5, kInterruptStatus = kBase + 7, kRemoteAddress = kBase + 8,
              kRemoteCount = kBase + 10, kReceiveConfiguration = kBase + 12, kTransmitConfiguration = kBase + 13,
              kDataConfiguration = kBase + 14, kInterruptMask = kBase + 15;
// Of register page 1.
constexpr u16 kPhysicalAddress = kBase + 1, kCurrentPage = kBase + 7, kMulticast = kBase + 8;

constexpr u8 kStop = 0x01, kGo = 0x02, kTransmit = 0x04, kRemoteRead = 0x08, kRemoteWrite = 0x10, kNoRemote = 0x20,
             kPage1 = 0x40;
constexpr u8 kReceived = 0x01, kTransmitted = 0x02, kTransmitError = 0x08, kOverwritten = 0x10, kResetDone = 0x80;
constexpr u8 kWords = 0x49;  // moved at once; FIFO threshold of 8 bytes, no loopback
constexpr u8 kBroadcasts = 0x04, kMonitor = 0x20, kLoopback = 0x02;

// The card's memory in pages of 256 bytes: one packet to be sent, then the ring.
constexpr u32 kSendPage = 0x40, kFirstPage = 0x46, kEndPage = 0x80;
constexpr u32 kShortest = 60, kLongest = 1514;  // without FCS
constexpr u32 kLooks = 100'000;

void out_word(u16 port, u32 value) {
  out8(port, static_cast<u8>(value));
  out8(static_cast<u16>(port + 1), static_cast<u8>(value >> 8));
}

void begin_remote(u32 address, u32 bytes, u8 direction) {
  out_word(kRemoteCount, bytes);
  out_word(kRemoteAddress, address);
  out8(kCommand, kGo | direction);
}

u32 current_page() {
  out8(kCommand, kGo | kNoRemote | kPage1);
  const u32 page = in8(kCurrentPage);
  out8(kCommand, kGo | kNoRemote);
  return page;
}

}  // namespace

u32 Ne2000::interrupt_line() const { return hw::kFirstDeviceLine + kInput; }

bool Ne2000::start() {
  if (in8(kCommand) == 0xff) return false;
  out8(kReset, in8(kReset));
  u32 look = 0;
  while ((in8(kInterruptStatus) & kResetDone) == 0 && look < kLooks) ++look;
  if (look == kLooks) return false;
  out8(kCommand, kStop | kNoRemote);
  out8(kDataConfiguration, kWords);
  out_word(kRemoteCount, 0);
  out8(kReceiveConfiguration, kMonitor);
  out8(kTransmitConfiguration, kLoopback);
  out8(kPageStart, kFirstPage);
  out8(kPageStop, kEndPage);
  out8(kBoundary, kFirstPage);
  out8(kInterruptStatus, 0xff);
  out8(kInterruptMask, 0);

  u8 address[6];
  begin_remote(0, 2 * sizeof address, kRemoteRead);  // every byte of the address ROM is there twice
  for (u8& byte : address) {
    byte = static_cast<u8>(in16(kDataPort));
    mac_ = mac_ << 8 | byte;
  }
  next_page_ = kFirstPage + 1;
  out8(kCommand, kStop | kNoRemote | kPage1);
  for (u32 i = 0; i < sizeof address; ++i) out8(static_cast<u16>(kPhysicalAddress + i), address[i]);
  for (u32 i = 0; i < 8; ++i) out8(static_cast<u16>(kMulticast + i), 0);
  out8(kCurrentPage, static_cast<u8>(next_page_));
  out8(kCommand, kGo | kNoRemote);
  out8(kTransmitConfiguration, 0);
  out8(kReceiveConfiguration, kBroadcasts);
  interrupt_done();
  return true;
}

// Put together here, for header and payload meet at any byte and the card takes words.
bool Ne2000::transmit(const hw::TransmitDescriptor& descriptor) {
  if (sending_) return false;
  u8 packet[kLongest];
  u32 bytes = descriptor.header_bytes;
  __builtin_memcpy(packet, descriptor.header, bytes);
  if (descriptor.payload_bytes != 0) {
    const u8* payload = at_linear<u8>(memory_.address(descriptor.payload_frame)) + descriptor.payload_offset;
    __builtin_memcpy(packet + bytes, payload, descriptor.payload_bytes);
    bytes += descriptor.payload_bytes;
  }
  while (bytes < kShortest) packet[bytes++] = 0;
  const u32 words = (bytes + 1) / 2;
  begin_remote(kSendPage << 8, words * 2, kRemoteWrite);
  out16s(kDataPort, packet, words);
  out8(kTransmitPage, kSendPage);
  out_word(kTransmitCount, bytes);
  out8(kCommand, kGo | kNoRemote | kTransmit);
  sending_ = true;
  sent_id_ = descriptor.id;
  return true;
}

bool Ne2000::next_transmitted(u32& id) {
  if (!sending_ || (in8(kInterruptStatus) & (kTransmitted | kTransmitError)) == 0) return false;
  out8(kInterruptStatus, kTransmitted | kTransmitError);
  sending_ = false;
  id = sent_id_;
  return true;
}

bool Ne2000::post_receive(MachineFrame frame) {
  if (count_ == kFrames) return false;
  posted_[(first_ + count_++) % kFrames] = frame;
  return true;
}

bool Ne2000::next_received(hw::ReceiveCompletion& completion) {
  for (;;) {
    out8(kInterruptStatus, kReceived | kOverwritten);  // before the look, so that none is missed after it
    const u32 current = current_page();
    if (count_ == 0 || next_page_ == current) return false;
    // Before each packet: its status, the page of the next one, its length with these four bytes.
    u16 head[2];
    begin_remote(next_page_ << 8, sizeof head, kRemoteRead);
    in16s(kDataPort, head, 2);
    const u32 following = head[0] >> 8, bytes = head[1] - u32{sizeof head};
    const bool sound = following >= kFirstPage && following < kEndPage;
    const bool taken = sound && bytes <= kLongest;
    if (taken) completion = take_packet((next_page_ << 8) + u32{sizeof head}, bytes);
    next_page_ = sound ? following : current;  // a ring without sense is emptied
    out8(kBoundary, static_cast<u8>(next_page_ == kFirstPage ? kEndPage - 1 : next_page_ - 1));
    if (taken) return true;
  }
}

// The card goes on at the beginning of its ring by itself. Nothing is written behind the packet.
hw::ReceiveCompletion Ne2000::take_packet(u32 address, u32 bytes) {
  const MachineFrame frame = posted_[first_++ % kFrames];
  --count_;
  u8* memory = at_linear<u8>(memory_.address(frame));
  begin_remote(address, (bytes + 1) / 2 * 2, kRemoteRead);
  in16s(kDataPort, memory, bytes / 2);
  if (bytes % 2 != 0) memory[bytes - 1] = static_cast<u8>(in16(kDataPort));
  return {frame, bytes};
}

void Ne2000::interrupt_done() {
  out8(kInterruptMask, 0);  // so that the line falls, and rises again if there is more: the controllers look for that
  out8(kInterruptMask, kReceived | kTransmitted | kTransmitError | kOverwritten);
}

}  // namespace metal

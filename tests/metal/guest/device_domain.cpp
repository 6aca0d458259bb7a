// A domain that uses its virtual block devices and its virtual interface, beside another that does the same.
#include "metal/guest/checks.h"
#include "metal/guest/device_sectors.h"
#include "metal/guest/packets.h"
#include "metal/guest/programs.h"
#include "metal/guest/rings.h"

namespace guest {

namespace {

constexpr u32 kBuffers = 16, kPackets = 8;
constexpr u32 kLengths[kPackets] = {60, 61, 300, 777, 1024, 1513, 1514, 200};

class DeviceDomain {
 public:
  u32 run();

 private:
  void disk();
  void refused_blocks();
  void switched();
  void wire();
  void refused_packets();
  bool hears(u32 from, u32 bytes, u8 seed);
  void lend(u32 page);
  bool only_own_behind(u32 page, u32 bytes);

  Checks checks_;
  BlockRing blocks_;
  NetworkRing network_;
  u32 self_ = start_info->domain_id, other_ = 3 - self_;
  u32 page_ = first_page_behind_image() + 2, buffers_ = page_ + 32;
};

u32 DeviceDomain::run() {
  checks_.that(blocks_.open(), "block_io_op get_ring: the ring of the virtual block devices");
  checks_.that(network_.open(), "net_io_op get_ring: the rings of the virtual interface");
  for (u32 i = 0; i < kBuffers; ++i) lend(buffers_ + i);
  network_.push();
  const u32 domain0 = channel();
  send_event(domain0);  // ready, and then when told to
  sleep_until([&] { return port_events[domain0] != 0; });
  disk();
  refused_blocks();
  switched();
  wire();
  refused_packets();
  Line{} << checks_.made() << " checks, " << checks_.failed() << " failed";
  return checks_.failed();
}

void DeviceDomain::disk() {
  VbdDescription description{};
  checks_.result(hypercall(Hypercall::block_io_op, static_cast<u32>(BlockIoOp::probe), kDisk, address_of(&description)),
                 0, "block_io_op probe");
  checks_.that(description.sectors_low == kDiskSectors && description.access == u32(VbdAccess::read_write),
               "says how large it is");
  // All of it at once: eight requests of a page. Those at the seam of the two extents become two pieces.
  for (u32 i = 0; i < kDiskSectors / kSectorsPerPage; ++i) {
    fill(page_ + i, self_, i * kSectorsPerPage, kSectorsPerPage);
    blocks_.put(block_request(BlockRequestOp::write, kDisk, i * kSectorsPerPage,
                              frame_of_page(page_ + i) << kPageShift | kSectorsPerPage));
  }
  blocks_.signal();
  bool good = true;
  for (u32 i = 0; i < kDiskSectors / kSectorsPerPage; ++i) good = blocks_.take().status == u8(BlockStatus::ok) && good;
  checks_.that(good, "every sector of it is written");
  // Back as one request of several segments, of odd lengths and to odd places.
  BlockRingRequest request = block_request(BlockRequestOp::read, kDisk, 3, 0);
  request.segments = 9;
  for (u32 i = 0; i < request.segments; ++i)
    request.segment[i] = ((frame_of_page(page_ + 10 + i) << kPageShift) + i % 3 * 512) | (i % 2 == 0 ? 5 : 6);
  checks_.that(blocks_.perform(request) == BlockStatus::ok, "and read");
  u32 sector = 3;
  for (u32 i = 0; i < request.segments; ++i) {
    const u32 sectors = i % 2 == 0 ? 5 : 6;
    good = holds(page_ + 10 + i, self_, sector, sectors, i % 3) && good;
    sector += sectors;
  }
  checks_.that(good, "and holds what was written");
  good = blocks_.perform(BlockRequestOp::read, kReadOnlyDisk, 0, page_ + 20, kSectorsPerPage) == BlockStatus::ok;
  checks_.that(good && holds(page_ + 20, kNobody, kReadOnlyPlace.sector, kSectorsPerPage),
               "one that both may only read holds what the disk held");
}

void DeviceDomain::refused_blocks() {
  const auto refused = [&](BlockRequestOp operation, u32 vbd, u64 sector, u32 sectors, const char* what) {
    checks_.that(blocks_.perform(operation, vbd, sector, page_, sectors) == BlockStatus::bad_request, what);
  };
  refused(BlockRequestOp::read, kDisk, kDiskSectors, 1, "a sector behind the end is refused");
  refused(BlockRequestOp::write, kDisk, kDiskSectors - 1, 2, "and a write across it");
  refused(BlockRequestOp::write, kReadOnlyDisk, 0, 1, "a write where it may only read is refused");
  refused(BlockRequestOp::read, kWholeDisk, 0, 1, "and a device that it does not have");
}

// With a mark in every byte, by which another domain would know that it sees what it should not.
void DeviceDomain::lend(u32 page) {
  __builtin_memset(at<u8>(page_address(page)), static_cast<int>(0xd0 + self_), kPageSize);
  lend_page(network_, page);
}

bool DeviceDomain::only_own_behind(u32 page, u32 bytes) {
  for (; bytes < kPageSize; ++bytes) {
    const u32 byte = at<u8>(page_address(page))[bytes];
    if (byte != 0 && byte != 0xd0 + self_) return false;
  }
  return true;
}

// A packet of that length comes into the oldest page that was lent, with nobody else's bytes behind it, and the page is
// lent again.
bool DeviceDomain::hears(u32 from, u32 bytes, u8 seed) {
  const NetworkRing::Received received = network_.received();
  if (received.status != NetStatus::ok) return false;
  const u32 page = received_page(received);
  const bool good = received.bytes == bytes &&
                    is_packet(at<u8>(page_address(page)), bytes, from, self_, seed, network_.mac()) &&
                    only_own_behind(page, bytes);
  if (from == other_ && self_ > other_) {  // the second one answers
    turn_round(at<u8>(page_address(page)));
    if (network_.send(frame_of_page(page) << kPageShift, bytes) != NetStatus::ok) return false;
  }
  lend(page);
  network_.push();
  return good;
}

// Between the two, through the core's switch, one by one.
void DeviceDomain::switched() {
  bool good = true;
  for (u32 i = 0; i < kPackets; ++i) {
    const auto seed = static_cast<u8>(i);
    if (self_ < other_) {
      const u32 offset = i * 7;  // a header at any byte
      make_packet(at<u8>(page_address(page_) + offset), kLengths[i], self_, other_, seed);
      good = network_.send((frame_of_page(page_) << kPageShift) + offset, kLengths[i]) == NetStatus::ok && good;
    }
    good = hears(other_, kLengths[i], seed) && good;
  }
  checks_.that(good, self_ < other_ ? "eight packets went to the other domain and came back"
                                    : "eight packets came from the other domain and went back");
}

// To a host on the wire that sends everything back: all at once, more than the card takes.
void DeviceDomain::wire() {
  // In halves: what comes back for two domains together must fit the card's memory, however late they are let run.
  constexpr u32 kHalf = kPackets / 2;
  bool sent = true, heard = true;
  for (u32 first = 0; first < kPackets; first += kHalf) {
    for (u32 i = first; i < first + kHalf; ++i) {
      make_packet(at<u8>(page_address(page_ + i)) + i, kLengths[i], self_, kWireHost, static_cast<u8>(100 + i));
      network_.put((frame_of_page(page_ + i) << kPageShift) + i, kLengths[i]);
    }
    network_.push();
    for (u32 i = 0; i < kHalf; ++i) sent = network_.sent() == NetStatus::ok && sent;
    for (u32 i = first; i < first + kHalf; ++i) {
      heard = hears(kWireHost, kLengths[i], static_cast<u8>(100 + i)) && heard;
    }
  }
  checks_.that(sent, "eight packets go out to the wire");
  checks_.that(heard, "and come back from there");
  const u32 page = page_ + kPackets - 1;
  u32 number = frame_of_page(page);
  (void)mmu_update({entry_of_page(page), 0});
  checks_.result(hypercall(Hypercall::dom_mem_op, static_cast<u32>(DomMemOp::decrease), address_of(&number), 1), 1,
                 "a page is free again when it has been sent");
}

void DeviceDomain::refused_packets() {
  u8* packet = at<u8>(page_address(page_));
  const u32 address = frame_of_page(page_) << kPageShift;
  make_packet(packet, 100, other_, kWireHost, 1);
  checks_.that(network_.send(address, 100) == NetStatus::dropped, "a packet with another's address is dropped");
  make_packet(packet, 100, self_, kWireHost, 1);
  packet[12] = 0x88;
  packet[13] = 0xb5;
  checks_.that(network_.send(address, 100) == NetStatus::bad_page, "a packet of another protocol is refused");
}

}  // namespace

void device_domain() {
  DeviceDomain domain;
  shut_down(domain.run());
}

}  // namespace guest

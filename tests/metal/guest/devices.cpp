// Disk and network card: two domains with a virtual block device and a virtual interface each, at the same time, over
// the PC's. Domain 0 gives them extents, rules and the word to begin, and looks afterwards at the whole disk.
#include "metal/guest/devices.h"
#include <initializer_list>

#include "metal/guest/checks.h"
#include "metal/guest/domain_builder.h"
#include "metal/guest/packets.h"
#include "metal/guest/programs.h"
#include "metal/guest/rings.h"
#include "metal/image/probe_calls.h"

namespace guest {

namespace {

constexpr u32 kSectorWords = 128, kSectorsPerPage = 8;
constexpr u32 kDisk = 1, kReadOnlyDisk = 2, kOrderedDisk = 8, kWholeDisk = 9;  // names of virtual block devices

// Where the two domains' sectors are: two pieces each, between each other.
constexpr DiskPlace kPlaces[3][2] = {{}, {{64, 44}, {200, 20}}, {{108, 52}, {160, 12}}};
constexpr DiskPlace kReadOnlyPlace = {400, 8}, kOrderedPlace = {500, 3};
constexpr u32 kDiskSectors = 64;  // of either

// A sector's words, by who wrote them: a domain, its own sector; or nobody, the disk's. wire.py makes the disk so.
constexpr u32 kNobody = 0xff;
constexpr u32 pattern(u32 writer, u32 sector, u32 index) { return writer << 24 | sector << 8 | index; }

void fill(u32 page, u32 writer, u32 sector, u32 sectors) {
  for (u32 i = 0; i < sectors * kSectorWords; ++i)
    at<u32>(page_address(page))[i] = pattern(writer, sector + i / kSectorWords, i % kSectorWords);
}
bool holds(u32 page, u32 writer, u32 sector, u32 sectors, u32 first = 0) {
  const u32* words = at<u32>(page_address(page)) + first * kSectorWords;
  for (u32 i = 0; i < sectors * kSectorWords; ++i)
    if (words[i] != pattern(writer, sector + i / kSectorWords, i % kSectorWords)) return false;
  return true;
}

// --- a domain --------------------------------------------------------------------------------------------------------

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
  for (u32 i = 0; i < kPackets; ++i) {
    make_packet(at<u8>(page_address(page_ + i)) + i, kLengths[i], self_, kWireHost, static_cast<u8>(100 + i));
    network_.put((frame_of_page(page_ + i) << kPageShift) + i, kLengths[i]);
  }
  network_.push();
  bool good = true;
  for (u32 i = 0; i < kPackets; ++i) good = network_.sent() == NetStatus::ok && good;
  checks_.that(good, "eight packets go out to the wire");
  for (u32 i = 0; i < kPackets; ++i) good = hears(kWireHost, kLengths[i], static_cast<u8>(100 + i)) && good;
  checks_.that(good, "and come back from there");
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

// --- domain 0 --------------------------------------------------------------------------------------------------------

Checks checks;
NetworkRing network;
constexpr u32 kArpPage = 400;

// The whole disk, as domain 0 alone may see it.
void whole_disk(BlockRing& blocks, u32 sectors, u32 page) {
  u32 others = 0;
  bool read = true;
  for (u32 sector = 0; sector < sectors; sector += kSectorsPerPage) {
    read = blocks.perform(BlockRequestOp::read, kWholeDisk, sector, page, kSectorsPerPage) == BlockStatus::ok && read;
    for (u32 i = 0; i < kSectorsPerPage; ++i) {
      u32 writer = kNobody, expected = sector + i;
      for (u32 domain = 1; domain < 3; ++domain) {
        u32 before = 0;
        for (const DiskPlace& place : kPlaces[domain]) {
          if (sector + i >= place.sector && sector + i < place.sector + place.sectors) {
            writer = domain;
            expected = before + sector + i - place.sector;
          }
          before += place.sectors;
        }
      }
      const u32* words = at<u32>(page_address(page)) + i * kSectorWords;
      for (u32 word = 0; word < kSectorWords; ++word)
        if (words[word] != pattern(writer, expected, word)) ++others;
    }
  }
  checks.that(read && others == 0, "the disk has each domain's sectors where they belong, and all others as they were");
}

// A write, a barrier and a write to three neighbouring sectors against the elevator's way, and nobody else at the disk:
// what the drive then was told is for metal.py to judge.
void ordered_writes(BlockRing& blocks) {
  checks.that(give_disk(kDomain0, kOrderedDisk, VbdAccess::read_write, &kOrderedPlace, 1),
              "a device for writes in order");
  const u32 page = first_page_behind_image() + 2;
  fill(page, kDomain0, 0, 3);
  constexpr BlockRequestOp kOperations[] = {BlockRequestOp::write, BlockRequestOp::write_barrier,
                                            BlockRequestOp::write};
  for (u32 i = 0; i < 3; ++i)
    blocks.put(
        block_request(kOperations[i], kOrderedDisk, 2 - i, ((frame_of_page(page) << kPageShift) + (2 - i) * 512) | 1));
  blocks.signal();
  bool good = true;
  for (const BlockRequestOp operation : kOperations) {
    const BlockRingResponse response = blocks.take();
    good = good && response.status == u8(BlockStatus::ok) && response.operation == u8(operation);
  }
  checks.that(good, "a write, a barrier and a write end in this order");
}

// What no rule claims comes to domain 0's first interface: the host on the wire asks for an address that nobody has.
void own_interface() {
  ControlOp op{};
  checks.result(control(ControlCommand::create_vif, op), 0, "an interface of domain 0's own");
  checks.that(network.open(), "its rings");
  lend_page(network, kArpPage);
  network.push();
}

void hears_the_wire() {
  const NetworkRing::Received received = network.received();
  const u32 page = received_page(received);
  const u8* packet = at<u8>(page_address(page));
  checks.that(received.status == NetStatus::ok && packet[12] == 0x08 && packet[13] == 0x06,
              "a question that came from the wire for nobody is domain 0's");
  make_packet(at<u8>(page_address(page)), 60, kDomain0, kWireHost, 0);
  at<u8>(page_address(page))[12] = 0x88;  // a protocol that only domain 0 may speak
  at<u8>(page_address(page))[13] = 0xb5;
  checks.that(network.send(frame_of_page(page) << kPageShift, 60) == NetStatus::ok, "which may send what it likes");
}

}  // namespace

bool give_disk(u32 domain, u32 name, VbdAccess access, const DiskPlace* places, u32 count) {
  ControlOp op{};
  op.domain = domain;
  op.words[0] = name;
  op.words[1] = static_cast<u32>(access);
  if (control(ControlCommand::create_vbd, op) != 0) return false;
  for (u32 i = 0; i < count; ++i) {
    op = ControlOp{};
    op.domain = domain;
    op.words[0] = name;
    op.words[1] = places[i].sector;
    op.words[3] = places[i].sectors;
    if (control(ControlCommand::grow_vbd, op) != 0) return false;
  }
  return true;
}

bool give_network(u32 domain) {
  ControlOp op{};
  op.domain = domain;
  if (control(ControlCommand::create_vif, op) != 0) return false;
  const u32 vif = vif_id(domain, op.words[0]);
  NetworkRule leaves{}, comes{};
  leaves.source_vif = comes.destination_vif = vif;
  leaves.destination_vif = comes.source_vif = kVifPhysical;
  leaves.protocol = comes.protocol = static_cast<u32>(RuleProtocol::ip);
  leaves.source_address = comes.destination_address = host_address(domain);
  leaves.source_address_mask = comes.destination_address_mask = ~0u;
  for (const NetworkRule& rule : {leaves, comes}) {
    op = ControlOp{};
    __builtin_memcpy(op.words, &rule, sizeof rule);
    if (control(ControlCommand::add_rule, op) != 0) return false;
  }
  return true;
}

void device_domain() {
  DeviceDomain domain;
  shut_down(domain.run());
}

u32 devices() {
  const u32 deaths = bind_virq(Virq::domain_exception);
  ControlOp op{};
  checks.result(control(ControlCommand::disk_info, op), 0, "dom0_op disk_info");
  const u32 sectors = op.words[0];
  checks.that(sectors == option("sectors", 0) && op.words[1] == 0, "says how large the disk is");
  const DiskPlace everything = {0, sectors};
  checks.that(give_disk(kDomain0, kWholeDisk, VbdAccess::read_only, &everything, 1), "domain 0 may read all of it");
  u32 ports[3] = {};
  for (u32 domain = 1; domain < 3; ++domain) {
    const char* step = "";
    checks.result(build_domain({.line = "run=device_domain", .start = false}, &step), static_cast<s32>(domain),
                  "a domain");
    checks.that(give_disk(domain, kDisk, VbdAccess::read_write, kPlaces[domain], 2) &&
                    give_disk(domain, kReadOnlyDisk, VbdAccess::read_only, &kReadOnlyPlace, 1),
                "its virtual block devices");
    checks.that(give_network(domain), "its virtual interface, and the rules for it");
    ports[domain] = connect(domain);
    checks.result(unpause(domain), 0, "it is let go");
  }
  own_interface();
  sleep_until([&] { return port_events[ports[1]] != 0 && port_events[ports[2]] != 0; });
  for (u32 domain = 1; domain < 3; ++domain) send_event(ports[domain]);  // both are ready to hear from each other
  for (u32 domain = 1; domain < 3; ++domain) {
    DomainInfo info{};
    sleep_until([&] { return !domain_info(domain, info) || (info.flags & 0x60) != 0; });
    checks.that((info.flags >> 6 & 1) == 1 && (info.flags >> 8 & 0xff) == 0, "its checks are good");
    checks.result(destroy(domain), 0, "and it is destroyed");
  }
  hears_the_wire();
  BlockRing blocks;
  checks.that(blocks.open(), "domain 0's own ring");
  whole_disk(blocks, sectors, first_page_behind_image() + 2);
  ordered_writes(blocks);
  checks.that(deaths != 0 && probe(metal::kProbeAudit) == 1, "the hypervisor's conservation laws hold");
  Line{} << checks.made() << " checks, " << checks.failed() << " failed";
  return checks.failed();
}

}  // namespace guest

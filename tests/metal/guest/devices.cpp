// Disk and network card: two domains with a virtual block device and a virtual interface each, at the same time, over
// the PC's. Domain 0 gives them extents, rules and the word to begin, and looks afterwards at the whole disk.
#include "metal/guest/devices.h"

#include <initializer_list>

#include "metal/guest/checks.h"
#include "metal/guest/device_sectors.h"
#include "metal/guest/domain_builder.h"
#include "metal/guest/packets.h"
#include "metal/guest/programs.h"
#include "metal/guest/rings.h"
#include "metal/image/probe_calls.h"

namespace guest {

namespace {

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

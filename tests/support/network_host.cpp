#include "support/network_host.h"

#include "interface/events.h"

namespace test {
namespace {

constexpr u32 kScratch = 0;  // page for hypercall arguments

}  // namespace

Guest::Guest(NetworkHost& owner, Domain& owned, u32 page_count) : host{owner}, domain{owned}, pages{page_count} {
  FrameTable& frames = host.memory.frames();
  MachineFrame frame = frames.first(domain.memory.frames);
  table_ = frame;
  directory_ = frame = frames.next(frame);
  for (u32 page = 0; page < pages; ++page) {
    frame = frames.next(frame);
    host.machine.ram.set_word(entry_address(page), frame.address() | kEntryPresent | kEntryWritable);
    host.memory.set_machine_to_phys(frame, page);
  }
  REQUIRE(host.memory.tables().take(table_, FrameType::l1));
  // Only the fake CPU walks this one.
  host.machine.ram.set_word(directory_.address() + (kPagesAt >> 22) * 4,
                            table_.address() | kEntryPresent | kEntryWritable);
}

MachineFrame Guest::frame(u32 page) const {
  return MachineFrame::of_address(host.machine.ram.word(entry_address(page)));
}
bool Guest::mapped(u32 page) const { return (host.machine.ram.word(entry_address(page)) & kEntryPresent) != 0; }

void Guest::write(u32 page, u32 offset, const Packet& bytes) {
  host.machine.cpu(0).directory = directory_;
  REQUIRE(host.cpu().copy_to_guest(address(page) + offset, bytes.data(), static_cast<u32>(bytes.size())));
}

Packet Guest::read(MachineFrame frame, u32 offset, u32 bytes) const {
  Packet packet(bytes);
  for (u32 i = 0; i < bytes; ++i) {
    const u32 at = frame.address() + offset + i;
    packet[i] = static_cast<u8>(host.machine.ram.word(at & ~3u) >> (8 * (at & 3)));
  }
  return packet;
}

u32 Guest::index_address(u32 word) const {
  return domain.shared_info.address() + static_cast<u32>(offsetof(SharedInfo, vif)) + 4 * word;
}
u32 Guest::index(u32 word) const { return host.machine.ram.word(index_address(word)); }
void Guest::set_index(u32 word, u32 value) { host.machine.ram.set_word(index_address(word), value); }
u32 Guest::ring_word(u32 word) const { return domain.vifs[0]->ring_frame.address() + 4 * word; }

void Guest::request_transmit(u32 id, u32 bytes, u32 machine_address) {
  const u32 slot = transmit_producer_++ % kNetRingSize;
  host.machine.ram.set_word(ring_word(2 * slot), id | bytes << 16);
  host.machine.ram.set_word(ring_word(2 * slot + 1), machine_address);
  set_index(0, transmit_producer_);
}

u32 Guest::send(u32 page, const Packet& packet, u32 offset) {
  write(page, offset, packet);
  request_transmit(page, static_cast<u32>(packet.size()), frame(page).address() + offset);
  return page;
}

void Guest::post_entry(u32 id, u32 entry) {
  const u32 slot = receive_producer_++ % kNetRingSize;
  host.machine.ram.set_word(ring_word(kNetReceiveWord + 2 * slot), id);
  host.machine.ram.set_word(ring_word(kNetReceiveWord + 2 * slot + 1), entry);
  set_index(3, receive_producer_);
}

Caller Guest::caller() {
  host.machine.cpu(0).directory = directory_;
  return {host.machine.cpu(0), *domain.vcpus[0], domain};
}

HypercallResult Guest::push(u32 vif) {
  Caller self = caller();
  return host.network.net_io(self, static_cast<u32>(NetIoOp::push), vif, 0);
}

std::vector<TransmitAnswer> Guest::transmit_answers() {
  std::vector<TransmitAnswer> answers;
  for (; transmit_seen_ != index(1); ++transmit_seen_) {
    const u32 word = host.machine.ram.word(ring_word(2 * (transmit_seen_ % kNetRingSize)));
    answers.push_back({word & 0xffff, word >> 16 & 0xff});
  }
  return answers;
}

std::vector<ReceiveAnswer> Guest::receive_answers() {
  std::vector<ReceiveAnswer> answers;
  for (; receive_seen_ != index(4); ++receive_seen_) {
    const u32 word = kNetReceiveWord + 2 * (receive_seen_ % kNetRingSize);
    const u32 low = host.machine.ram.word(ring_word(word)), high = host.machine.ram.word(ring_word(word + 1));
    answers.push_back({low & 0xffff, low >> 16, high & 0xff, high >> 8 & 0xff});
  }
  return answers;
}

void Guest::bind_network_virq() {
  Caller self = caller();
  const EventChannelOp op{.command = static_cast<u32>(EventChannelCommand::bind_virq),
                          .number = static_cast<u32>(Virq::network)};
  REQUIRE(self.cpu.copy_to_guest(address(kScratch), &op, sizeof op));
  REQUIRE(host.events.operate(self, address(kScratch)).ok());
}

bool Guest::event() {
  const u32 port = domain.events.virq_port[0][static_cast<u32>(Virq::network)];
  const u32 at = domain.shared_info.address() + static_cast<u32>(offsetof(SharedInfo, ports_pending)) + port / 32 * 4;
  const u32 selector = domain.shared_info.address() + static_cast<u32>(offsetof(SharedInfo, vcpu[0].pending_selector));
  const u32 word = host.machine.ram.word(at);
  host.machine.ram.set_word(at, word & ~(1u << port % 32));
  host.machine.ram.set_word(selector, 0);
  return (word & 1u << port % 32) != 0;
}

NetworkHost::NetworkHost(u32 guest_count, u32 pages, bool rules)
    : memory{(enter(), machine), arena, domains, 64},
      run_states{*make_scheduler("bvt", "paper", SchedulerSettings{}, arena), 1, 0},
      events{machine.memory(), arena, domains, run_states, clock},
      network{machine, arena, domains, memory, run_states, events, clock} {
  for (u32 i = 0; i < guest_count; ++i) {
    Domain* domain = domains.create(1);
    REQUIRE(domain != nullptr);
    domain->privileged = i == 0;
    REQUIRE(memory.allocate_frames(*domain, pages + 2).ok());
    domain->shared_info = memory.share_frame(*domain);
    REQUIRE(events.prepare(*domain));
    run_states.add(*domain->vcpus[0]);
    u32 index = ~0u;
    REQUIRE(network.create_vif(*domain, index).ok());
    REQUIRE(index == 0);
    guests.push_back(std::make_unique<Guest>(*this, *domain, pages));
    guests.back()->bind_network_virq();
    if (rules) add_rules(i);
  }
}

void NetworkHost::add_rules(u32 guest) {
  NetworkRule out{};
  out.source_vif = vif_id(guest, 0);
  out.destination_vif = kVifPhysical;
  out.source_address = address(guest);
  out.source_address_mask = ~0u;
  REQUIRE(network.add_rule(out).ok());
  NetworkRule in{};
  in.source_vif = kVifPhysical;
  in.destination_vif = vif_id(guest, 0);
  in.destination_address = address(guest);
  in.destination_address_mask = ~0u;
  REQUIRE(network.add_rule(in).ok());
}

void NetworkHost::destroy(u32 guest) {
  Domain& domain = guests.at(guest)->domain;
  domain.dying = true;
  network.destroy_vifs(domain);
  // The reference that the guest's own use of its page table stood for.
  memory.tables().drop(MachineFrame::of_address(guests.at(guest)->entry_address(0)));
  events.close_all(domain);
  memory.release_all(cpu(), domain);
  domains.free(domain);
}

Packet NetworkHost::wire(std::size_t sent) const {
  const hw::TransmitDescriptor& descriptor = machine.nic.sent.at(sent);
  Packet packet(descriptor.header, descriptor.header + descriptor.header_bytes);
  if (descriptor.payload_frame != MachineFrame::none()) {
    const Packet payload =
        guests.at(0)->read(descriptor.payload_frame, descriptor.payload_offset, descriptor.payload_bytes);
    packet.insert(packet.end(), payload.begin(), payload.end());
  }
  return packet;
}

}  // namespace test

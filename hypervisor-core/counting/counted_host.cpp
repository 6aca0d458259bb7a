#include "counting/counted_host.h"

#include <valgrind/callgrind.h>

#include <cstdio>
#include <stdexcept>

namespace counting {

namespace {

void require(bool holds, const char* what) {
  if (!holds) throw std::runtime_error{what};
}

}  // namespace

void CountedHost::begin() {
  for (auto& cpu : machine.cpus) {
    cpu->work_done = {};
    cpu->log.clear();
  }
  CALLGRIND_ZERO_STATS;
}

void CountedHost::end(const std::string& scenario) {
  CALLGRIND_DUMP_STATS_AT(scenario.c_str());
  std::printf("{\"scenario\": \"%s\", \"steps\": {", scenario.c_str());
  const char* separator = "";
  for (u32 step = 0; step < static_cast<u32>(hw::Step::count); ++step) {
    u64 times = 0;
    for (auto& cpu : machine.cpus) times += cpu->work_done[step];
    if (times == 0) continue;
    std::printf("%s\"%s\": %llu", separator, hw::kStepNames[step], static_cast<unsigned long long>(times));
    separator = ", ";
  }
  std::printf("}}\n");
}

Domain& CountedHost::add_guest(u32 kilobytes) {
  Domain& domain = add_domain(kilobytes);
  set_up_guest(domain);
  take_events(domain);
  return domain;
}

void CountedHost::block(Domain& domain) {
  give_cpu(domain);
  take_events(domain);
  call(domain, Hypercall::sched_op, {static_cast<u32>(SchedOp::block)});
}

u32 CountedHost::entry_address(const Domain& domain, u32 address) {
  const u32 table = machine.ram.word(domain.vcpus[0]->directory.address() + (address >> 22) * 4) & kEntryFrameMask;
  return table + (address >> kPageShift & (kEntriesPerTable - 1)) * 4;
}

void CountedHost::place(Domain& domain, const Requests& requests) {
  u32 address = scratch(domain);
  for (const auto& [pointer, value] : requests) {
    put(domain, address, MmuUpdate{pointer, value});
    address += sizeof(MmuUpdate);
  }
  placed_ = static_cast<u32>(requests.size());
}

void CountedHost::update(Domain& domain) {
  require(call(domain, Hypercall::mmu_update, {scratch(domain), placed_, 0}) == 0, "mmu_update refused");
}

u32 CountedHost::connect(Domain& from, Domain& to) {
  EventChannelOp op{};
  op.command = static_cast<u32>(EventChannelCommand::alloc_unbound);
  op.dom1 = from.id;
  require(event_op(to, op) == 0, "alloc_unbound refused");
  op.command = static_cast<u32>(EventChannelCommand::bind_interdomain);
  op.dom1 = kDomainSelf;
  op.dom2 = to.id;
  op.port2 = op.port1;
  op.port1 = 0;
  require(event_op(from, op) == 0, "bind_interdomain refused");
  return op.port1;
}

void CountedHost::send(Domain& from, u32 port) {
  EventChannelOp op{};
  op.command = static_cast<u32>(EventChannelCommand::send);
  op.port1 = port;
  put(from, scratch(from), op);
  require(call(from, Hypercall::event_channel_op, {scratch(from)}) == 0, "send refused");
}

s32 CountedHost::control(ControlCommand number, DomainId domain, std::initializer_list<u32> words) {
  ControlOp op{};
  op.command = static_cast<u32>(number);
  op.version = kControlVersion;
  op.domain = domain;
  std::copy(words.begin(), words.end(), op.words);
  return CoreHost::control(op);
}

CountedVif::CountedVif(CountedHost& host, Domain& domain) : host_{host}, domain_{domain} {
  require(host.control(ControlCommand::create_vif, domain.id) == 0, "create_vif refused");
  host.bind_virq(domain, Virq::network);
}

u32 CountedVif::ring_address(u32 word) const { return domain_.vifs[0]->ring_frame.address() + 4 * word; }
u32 CountedVif::index_address(u32 word) const {
  return domain_.shared_info.address() + static_cast<u32>(offsetof(SharedInfo, vif)) + 4 * word;
}

void CountedVif::request_transmit(u32 address, u32 bytes) {
  const u32 slot = transmits_++ % kNetRingSize;
  host_.machine.ram.set_word(ring_address(2 * slot), slot | bytes << 16);
  host_.machine.ram.set_word(ring_address(2 * slot + 1), host_.machine_address(domain_, address));
  host_.machine.ram.set_word(index_address(0), transmits_);
}

void CountedVif::post(u32 address) {
  const u32 slot = receives_++ % kNetRingSize;
  host_.machine.ram.set_word(ring_address(kNetReceiveWord + 2 * slot), slot);
  host_.machine.ram.set_word(ring_address(kNetReceiveWord + 2 * slot + 1), host_.entry_address(domain_, address));
  host_.machine.ram.set_word(index_address(3), receives_);
}

void CountedVif::want_event() {
  host_.machine.ram.set_word(index_address(5), host_.machine.ram.word(index_address(4)) + 1);
}

void CountedVif::push() {
  require(host_.call(domain_, Hypercall::net_io_op, {static_cast<u32>(NetIoOp::push), 0}) == 0, "push refused");
}

CountedVbd::CountedVbd(CountedHost& host, Domain& domain, u64 first_sector, u32 sectors)
    : host_{host}, domain_{domain} {
  constexpr u32 kVbd = 1;
  const u32 access = static_cast<u32>(VbdAccess::read_write);
  require(host.control(ControlCommand::create_vbd, domain.id, {kVbd, access}) == 0, "create_vbd refused");
  require(host.control(ControlCommand::grow_vbd, domain.id,
                       {kVbd, low_word(first_sector), high_word(first_sector), sectors, 0}) == 0,
          "grow_vbd refused");
}

void CountedVbd::request(BlockRequestOp operation, u32 sector, u32 pages) {
  const u32 slot = requests_++ % kBlockRingSize;
  BlockRingRequest request{slot, static_cast<u8>(operation), static_cast<u8>(pages), 1, sector, 0, {}};
  for (u32 i = 0; i < pages; ++i) request.segment[i] = host_.frame_address(domain_, host_.page(domain_, i)) | 8;
  u32 words[sizeof request / 4];
  __builtin_memcpy(words, &request, sizeof request);
  const u32 address = domain_.block->ring_frame.address() + slot * static_cast<u32>(sizeof request);
  for (u32 i = 0; i < sizeof request / 4; ++i) host_.machine.ram.set_word(address + 4 * i, words[i]);
  host_.set_shared(domain_, offsetof(SharedInfo, block.request_producer), requests_);
}

void CountedVbd::signal() {
  require(host_.call(domain_, Hypercall::block_io_op, {static_cast<u32>(BlockIoOp::signal)}) == 0, "signal refused");
}

}  // namespace counting

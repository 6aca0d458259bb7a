// A domain that tries through its rings what it should not: others' sectors, others' frames, others' names.
#include <initializer_list>

#include "metal/guest/attempts.h"
#include "metal/guest/devices.h"
#include "metal/guest/packets.h"
#include "metal/guest/programs.h"
#include "metal/guest/rings.h"

namespace guest {

namespace {

constexpr u32 kBatch = 32;   // requests with one hypercall
constexpr u32 kVictim = 77;  // no domain's address

class DeviceAttacker {
 public:
  u32 run();

 private:
  void others_sectors();
  void malformed_blocks();
  void others_frames();
  void frames_in_use();
  void indexes();
  void hypercalls();
  void forged_packets();
  void bad_buffers();

  u32 machine_address(u32 page) { return frame_of_page(page) << kPageShift; }
  void block(const char* what, const BlockRingRequest& request);
  void packet(const char* what, u32 address, u32 bytes);
  void buffer(const char* what, u32 entry_address);
  template <class Put>
  void each_foreign_frame(const char* what, Put put);

  Attempts attempts_;
  BlockRing blocks_;
  NetworkRing network_;
  const u32 page_ = first_page_behind_image() + 2;
};

u32 DeviceAttacker::run() {
  if (!blocks_.open() || !network_.open()) return 99;
  note_own_frames();
  for (const u32 ring : {blocks_.frame(), network_.frame()}) note_own_frame(ring);
  others_sectors();
  malformed_blocks();
  others_frames();
  frames_in_use();
  hypercalls();
  forged_packets();
  bad_buffers();
  indexes();
  return attempts_.end(50);
}

void DeviceAttacker::block(const char* what, const BlockRingRequest& request) {
  attempts_.report(what, blocks_.perform(request) == BlockStatus::bad_request, "the answer: bad request");
}

void DeviceAttacker::packet(const char* what, u32 address, u32 bytes) {
  const NetStatus status = network_.send(address, bytes);
  attempts_.report(what, status != NetStatus::ok,
                   status == NetStatus::dropped ? "the answer: dropped" : "the answer: bad page");
}

void DeviceAttacker::buffer(const char* what, u32 entry_address) {
  network_.lend(0, entry_address);
  network_.push();
  attempts_.report(what, network_.received().status == NetStatus::bad_page, "the answer: bad page");
}

// --- blocks ----------------------------------------------------------------------------------------------------------

void DeviceAttacker::others_sectors() {
  const u32 segment = machine_address(page_) | 1;
  const auto request = [&](BlockRequestOp operation, u32 vbd, u64 sector) {
    return block_request(operation, vbd, sector, segment);
  };
  block("read the sector behind its device", request(BlockRequestOp::read, kAttackerDisk, kAttackerSectors));
  block("or write it", request(BlockRequestOp::write, kAttackerDisk, kAttackerSectors));
  block("write across the end",
        block_request(BlockRequestOp::write, kAttackerDisk, kAttackerSectors - 1, machine_address(page_) | 2));
  block("a sector before the first", request(BlockRequestOp::read, kAttackerDisk, ~u64{0}));
  block("a sector number with a high word", request(BlockRequestOp::read, kAttackerDisk, u64{1} << 32));
  block("write where it may only read", request(BlockRequestOp::write, kAttackerReadOnlyDisk, 0));
  block("or as a barrier", request(BlockRequestOp::write_barrier, kAttackerReadOnlyDisk, 0));
  block("use a device of domain 0", request(BlockRequestOp::read, kOthersDisk, 0));
}

void DeviceAttacker::malformed_blocks() {
  BlockRingRequest request =
      block_request(static_cast<BlockRequestOp>(3), kAttackerDisk, 0, machine_address(page_) | 1);
  block("an operation that there is not", request);
  request.operation = u8(BlockRequestOp::read);
  request.segments = 0;
  block("a request of no segments", request);
  request.segments = kMaxSegments + 1;
  block("of more than there is room for", request);
  request.segments = 1;
  request.segment[0] = machine_address(page_);
  block("a segment of no sectors", request);
  request.segment[0] = (machine_address(page_) + 4 * 512) | 5;
  block("one that ends in the next frame", request);
}

// Every frame in turn: as memory to read into, to write from, to send, and as a page table whose entry lends a page.
template <class Put>
void DeviceAttacker::each_foreign_frame(const char* what, Put put) {
  u32 frames = 0, refused = 0, waiting = 0;
  for_each_foreign_frame([&](u32 frame) {
    ++frames;
    refused += put(frame, ++waiting == kBatch);
    if (waiting == kBatch) waiting = 0;
  });
  refused += put(0, true);  // of the last batch; frame 0 is not its own either
  attempts_.report(what, refused == frames + 1 && frames > 4000, "all refused");
}

void DeviceAttacker::others_frames() {
  for (const BlockRequestOp operation : {BlockRequestOp::read, BlockRequestOp::write}) {
    u32 asked = 0;
    each_foreign_frame(operation == BlockRequestOp::read ? "read into any of 6200 frames that are not its own"
                                                         : "write them to its disk",
                       [&](u32 frame, bool whole) {
                         blocks_.put(block_request(operation, kAttackerDisk, 0, frame << kPageShift | 8));
                         ++asked;
                         if (!whole) return 0u;
                         blocks_.signal();
                         u32 refused = 0;
                         for (; asked != 0; --asked)
                           refused += blocks_.take().status == u8(BlockStatus::bad_request) ? 1 : 0;
                         return refused;
                       });
  }
  u32 asked = 0;
  each_foreign_frame("send what is in them", [&](u32 frame, bool whole) {
    network_.put(frame << kPageShift, 100);
    ++asked;
    if (!whole) return 0u;
    network_.push();
    u32 refused = 0;
    for (; asked != 0; --asked) refused += network_.sent() == NetStatus::bad_page ? 1 : 0;
    return refused;
  });
  each_foreign_frame("lend a page by an entry in them", [&](u32 frame, bool whole) {
    network_.lend(0, frame << kPageShift | 0x100);
    ++asked;
    if (!whole) return 0u;
    network_.push();
    u32 refused = 0;
    for (; asked != 0; --asked) refused += network_.received().status == NetStatus::bad_page ? 1 : 0;
    return refused;
  });
}

// Its own frames, but such as only the hypervisor may write; and such as the disk is writing.
void DeviceAttacker::frames_in_use() {
  const auto read_into = [&](u32 frame) {
    return block_request(BlockRequestOp::read, kAttackerDisk, 0, frame << kPageShift | 8);
  };
  block("read into its page table", read_into(frame_of_page(start_info->table_first)));
  block("into its directory", read_into(start_info->directory_frame));
  const u32 table = page_ + 1;
  u32 frames[1] = {frame_of_page(table)};
  (void)mmu_update({entry_of_page(table), machine_address(table) | kP});
  const bool loaded = hypercall(Hypercall::set_gdt, address_of(frames), 512) == 0;
  attempts_.report("into its descriptor table",
                   loaded && blocks_.perform(read_into(frames[0])) == BlockStatus::bad_request,
                   "the answer: bad request");
  // One hypercall, so that the disk cannot be done in between: it is asked to write the page, then the page goes.
  const u32 page = page_ + 2;
  u32 number = frame_of_page(page);
  const MmuUpdate pin[] = {{entry_of_page(page), machine_address(page) | kP},
                           command(MmuCommand::pin_l1, machine_address(page))};
  const MmuUpdate drop[] = {{entry_of_page(page), 0}};
  MulticallEntry calls[4] = {};
  calls[0].op = static_cast<u32>(Hypercall::block_io_op);
  calls[0].arguments[0] = static_cast<u32>(BlockIoOp::signal);
  calls[1].op = calls[2].op = static_cast<u32>(Hypercall::mmu_update);
  calls[1].arguments[0] = address_of(pin);
  calls[1].arguments[1] = 2;
  calls[2].arguments[0] = address_of(drop);
  calls[2].arguments[1] = 1;
  calls[3].op = static_cast<u32>(Hypercall::dom_mem_op);
  calls[3].arguments[0] = static_cast<u32>(DomMemOp::decrease);
  calls[3].arguments[1] = address_of(&number);
  calls[3].arguments[2] = 1;
  blocks_.put(read_into(number));
  (void)hypercall(Hypercall::multicall, address_of(calls), 4);
  attempts_.refused("make a page that the disk writes into a page table", static_cast<s32>(calls[1].result));
  attempts_.report("or give it back meanwhile", calls[2].result == 0 && static_cast<s32>(calls[3].result) < 0,
                   "error -0x", 0 - calls[3].result);
  (void)blocks_.take();
}

// --- indexes ---------------------------------------------------------------------------------------------------------

// Producers that claim more requests than a ring can have, or fewer than there were.
void DeviceAttacker::indexes() {
  const auto nothing_taken = [&](const char* what, volatile u32& producer, volatile u32& answers, u32 ahead,
                                 auto look) {
    const u32 right = producer, before = answers;
    producer = right + ahead;
    look();
    producer = right;
    attempts_.report(what, answers == before, "nothing is taken");
  };
  const auto signal = [&] { blocks_.signal(); };
  const auto push = [&] { network_.push(); };
  volatile SharedBlockIndexes& block = blocks_.indexes();
  volatile SharedNetworkIndexes& vif = network_.indexes();
  nothing_taken("more block requests than its ring has", block.request_producer, block.response_producer,
                kBlockRingSize + 1, signal);
  nothing_taken("half of all numbers of them", block.request_producer, block.response_producer, 1u << 31, signal);
  nothing_taken("fewer than were answered", block.request_producer, block.response_producer, ~0u, signal);
  nothing_taken("more packets than its ring has", vif.tx_request_producer, vif.tx_response_producer, kNetRingSize + 1,
                push);
  nothing_taken("fewer than were answered", vif.tx_request_producer, vif.tx_response_producer, ~0u, push);
  nothing_taken("more buffers than its ring has", vif.rx_request_producer, vif.rx_response_producer, kNetRingSize + 1,
                push);
  // What the hypervisor says it has answered is nobody's word but its own.
  const u32 right = block.response_producer;
  block.response_producer = right + 1000;
  block.event = right + 1;
  blocks_.put(block_request(BlockRequestOp::read, kAttackerDisk, 0, machine_address(page_) | 8));
  blocks_.signal();
  sleep_until([&] { return block.response_producer == right + 1; });
  const auto status = static_cast<BlockStatus>(blocks_.take().status);
  attempts_.report("write the hypervisor's own index", status == BlockStatus::ok, "it does not look there");
}

// --- hypercalls ------------------------------------------------------------------------------------------------------

void DeviceAttacker::hypercalls() {
  const auto block_io = [](BlockIoOp operation, u32 first, u32 second = 0) {
    return hypercall(Hypercall::block_io_op, static_cast<u32>(operation), first, second);
  };
  attempts_.refused("have its ring's frame written into the hypervisor",
                    block_io(BlockIoOp::get_ring, kHypervisorPrivate));
  attempts_.refused("or its device's size", block_io(BlockIoOp::probe, kAttackerDisk, kHypervisorPrivate));
  attempts_.refused("ask for a device of domain 0", block_io(BlockIoOp::probe, kOthersDisk, page_address(page_)));
  attempts_.refused("have its interface's ring written into the hypervisor",
                    hypercall(Hypercall::net_io_op, static_cast<u32>(NetIoOp::get_ring), 0, kHypervisorPrivate));
  attempts_.refused("use an interface that it does not have",
                    hypercall(Hypercall::net_io_op, static_cast<u32>(NetIoOp::push), 1));
  constexpr DiskPlace kAll = {0, 600};
  ControlOp op{};
  op.domain = start_info->domain_id;
  op.words[0] = kAttackerDisk;
  op.words[3] = kAll.sectors;
  attempts_.refused("give itself more of the disk", control(ControlCommand::grow_vbd, op));
  op = ControlOp{};
  op.words[0] = static_cast<u32>(RuleAction::accept);
  op.words[1] = kVifAny;
  op.words[2] = kVifPhysical;
  attempts_.refused("make a rule that lets everything out", control(ControlCommand::add_rule, op));
}

// --- packets ---------------------------------------------------------------------------------------------------------

void DeviceAttacker::forged_packets() {
  const u32 self = start_info->domain_id, address = machine_address(page_);
  u8* bytes = at<u8>(page_address(page_));
  make_packet(bytes, 100, kVictim, kWireHost, 1);
  packet("send with another's address", address, 100);
  make_packet(bytes, 100, self, kWireHost, 1);
  packet("send bytes of the next frame", address + kPageSize - 50, 100);
  packet("a packet without a header", address, kMinPacket - 1);
  packet("one that is longer than the wire takes", address, kMaxPacket + 1);
  bytes[16] = 0xff;
  packet("one that says that it is longer than it is", address, 100);
  make_packet(bytes, 100, self, kWireHost, 1);
  bytes[14] = 0x4f;  // a header of 60 bytes: ports behind what is looked at
  packet("one whose ports cannot be looked at", address, 100);
  make_packet(bytes, 100, self, kWireHost, 1);
  bytes[12] = 0x86;
  packet("one of a protocol without rules", address, 100);
  constexpr u8 kArp[] = {0x08, 0x06, 0, 1, 8, 0, 6, 4, 0, 2};
  __builtin_memcpy(bytes + 12, kArp, sizeof kArp);
  bytes[28] = 10;
  bytes[29] = bytes[30] = 0;
  bytes[31] = kVictim;
  packet("say that another's address is here", address, 60);
}

void DeviceAttacker::bad_buffers() {
  buffer("lend a page by its directory's entry", directory_address() + (kGuestKernelStart >> 22) * 4);
  buffer("by an entry that maps nothing", entry_of_page(start_info->pages) + 30 * 4);
  buffer("by half an entry", entry_of_page(page_) + 2);
  buffer("lend its page table", entry_of_page(start_info->table_first));
  const u32 twice = start_info->spare_address + 20 * kPageSize;
  (void)hypercall(Hypercall::update_va_mapping, twice >> kPageShift, machine_address(page_) | kP | kW, kVaInvalidate);
  buffer("a page that it has mapped twice", entry_of_page(page_));
  buffer("the page that it shares with the hypervisor", entry_of_page(start_info->pages));
}

}  // namespace

void device_attacker() {
  DeviceAttacker attacker;
  shut_down(attacker.run());
}

}  // namespace guest

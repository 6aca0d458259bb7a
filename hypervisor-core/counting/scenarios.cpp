// The operations that a path length is counted from, each with as little beside it as can be. count.py knows them only
// by what this program prints: one line a scenario, with the steps that the core reported in it.
#include <cstdio>
#include <exception>

#include "counting/counted_host.h"
#include "support/packets.h"

namespace counting {

namespace {

constexpr u32 kRepeats = 16;
constexpr u32 kReadOnly = kEntryPresent | kEntryAccessed;
constexpr u32 kWritable = kWritableEntry;

std::string name(const char* operation, u32 number) { return std::string{operation} + "." + std::to_string(number); }

// Once to warm up, and then counted.
template <class Operation>
void repeat(CountedHost& host, const std::string& scenario, Operation operation) {
  operation();
  host.begin();
  for (u32 i = 0; i < kRepeats; ++i) operation();
  host.end(scenario);
}

// --- hypercalls
// --------------------------------------------------------------------------------------------------------

void hypercalls() {
  CountedHost host;
  Domain& guest = host.add_guest();
  repeat(host, "hypercall", [&] { host.call(guest, Hypercall::xen_version); });
  for (const u32 calls : {1u, 8u, 64u}) {
    const u32 list = host.scratch(guest);
    for (u32 i = 0; i < calls; ++i) {
      host.put(guest, list + i * static_cast<u32>(sizeof(MulticallEntry)),
               MulticallEntry{static_cast<u32>(Hypercall::xen_version), {}, 0, 0});
    }
    repeat(host, name("multicall", calls), [&] { host.call(guest, Hypercall::multicall, {list, calls}); });
  }
  repeat(host, "stack_switch", [&] { host.call(guest, Hypercall::stack_switch, {hw::kRing1Ds, 0xc0001000}); });
  repeat(host, "fpu_taskswitch", [&] { host.call(guest, Hypercall::fpu_taskswitch); });
}

// --- page tables
// -------------------------------------------------------------------------------------------------------

// A guest with a pinned page table of its own, empty and mapped nowhere.
struct TableHost : CountedHost {
  static constexpr u32 kPages = 512;  // data pages to be mapped

  Domain& guest = add_guest(8192);
  u32 table_page = page(guest, 0), table = frame_address(guest, table_page);
  u32 directory_page = page(guest, 1), directory = frame_address(guest, directory_page);

  TableHost() {
    for (const u32 address : {table_page, directory_page})
      map(guest, address, frame_address(guest, address) | kReadOnly);
  }
  u32 data(u32 i) { return frame_address(guest, page(guest, 2 + i % kPages)); }
  void fill(u32 entries, u32 flags) {
    for (u32 i = 0; i < kEntriesPerTable; ++i) machine.ram.set_word(table + 4 * i, i < entries ? data(i) | flags : 0);
  }
  // Requests for the first `count` entries: data page i + `first` with `flags`.
  Requests entries(u32 count, u32 first, u32 flags) {
    Requests requests;
    for (u32 i = 0; i < count; ++i) requests.emplace_back(table + 4 * i, flags == 0 ? 0 : data(i + first) | flags);
    return requests;
  }
  void pin(MmuCommand kind, u32 frame) { update(guest, {command(kind, frame)}); }
};

void page_table_updates() {
  TableHost host;
  Domain& guest = host.guest;
  host.fill(0, 0);
  host.pin(MmuCommand::pin_l1, host.table);
  struct Change {
    const char* operation;
    u32 from, to, shift;  // flags before and after, pages between the targets
  };
  constexpr Change kChanges[] = {
      {"map_read_only", 0, kReadOnly, 0},
      {"map_writable", 0, kWritable, 0},
      {"unmap_read_only", kReadOnly, 0, 0},
      {"unmap_writable", kWritable, 0, 0},
      {"replace_read_only", kReadOnly, kReadOnly, 1},
      {"replace_writable", kWritable, kWritable, 1},
      {"protect", kWritable, kReadOnly, 0},
      {"touch", kReadOnly, kReadOnly | kEntryDirty, 0},
  };
  for (const Change& change : kChanges) {
    for (const u32 count : {1u, 16u, 400u}) {
      host.update(guest, host.entries(count, 0, 0));
      if (change.from != 0) host.update(guest, host.entries(count, 0, change.from));
      host.place(guest, host.entries(count, change.shift, change.to));
      host.begin();
      host.update(guest);
      host.end(name(change.operation, count));
    }
  }
  for (const u32 count : {1u, 16u, 400u}) {
    CountedHost::Requests numbers, stores, flushes, pages;
    for (u32 i = 0; i < count; ++i) {
      numbers.emplace_back(host.data(i) | static_cast<u32>(MmuRequest::update_m2p), i);
      stores.emplace_back(host.data(i), i);
      flushes.push_back(CountedHost::command(MmuCommand::flush_tlb, 0));
      pages.push_back(CountedHost::command(MmuCommand::invalidate_page, host.page(guest, i)));
    }
    for (const auto& [operation, requests] : {std::pair{"machine_to_phys", &numbers}, std::pair{"store", &stores},
                                              std::pair{"flush", &flushes}, std::pair{"invalidate", &pages}}) {
      host.place(guest, *requests);
      repeat(host, name(operation, count), [&] { host.update(guest); });
    }
  }
}

void single_updates() {
  TableHost host;
  Domain& guest = host.guest;
  const u32 address = host.page(guest, 9), entry = host.frame_address(guest, address);
  const auto count = [&](const char* operation, u32 from, u32 to, u32 flags) {
    host.map(guest, address, from == 0 ? 0 : entry | from);
    host.map(guest, address, to == 0 ? 0 : entry | to, flags);
    host.map(guest, address, from == 0 ? 0 : entry | from);
    host.begin();
    host.map(guest, address, to == 0 ? 0 : entry | to, flags);
    host.end(operation);
  };
  count("va_map_read_only", 0, kReadOnly, 0);
  count("va_map_writable", 0, kWritable, 0);
  count("va_unmap_writable", kWritable, 0, 0);
  count("va_unmap_invalidate", kWritable, 0, kVaInvalidate);
  count("va_protect_flush", kWritable, kReadOnly, kVaFlushTlb);
  count("va_touch", kReadOnly, kReadOnly | kEntryDirty, 0);
}

void pinned_tables() {
  TableHost host;
  Domain& guest = host.guest;
  for (const u32 entries : {0u, 64u, 1024u}) {
    for (const auto& [kind, flags] : {std::pair{"read_only", kReadOnly}, std::pair{"writable", kWritable}}) {
      host.fill(entries, flags);
      host.place(guest, {CountedHost::command(MmuCommand::pin_l1, host.table)});
      host.begin();
      host.update(guest);
      host.end(name((std::string{"pin_l1_"} + kind).c_str(), entries));
      host.place(guest, {CountedHost::command(MmuCommand::unpin, host.table)});
      host.begin();
      host.update(guest);
      host.end(name((std::string{"unpin_l1_"} + kind).c_str(), entries));
    }
  }
  host.fill(0, 0);
  host.pin(MmuCommand::pin_l1, host.table);
  for (const u32 tables : {0u, 8u, 256u}) {
    for (u32 slot = 0; slot < kEntriesPerTable; ++slot) {
      host.machine.ram.set_word(host.directory + 4 * slot, slot < tables ? host.table | kWritable : 0);
    }
    host.place(guest, {CountedHost::command(MmuCommand::pin_l2, host.directory)});
    host.begin();
    host.update(guest);
    host.end(name("pin_l2", tables));
    host.place(guest, {CountedHost::command(MmuCommand::unpin, host.directory)});
    host.begin();
    host.update(guest);
    host.end(name("unpin_l2", tables));
  }
  const u32 current = guest.vcpus[0]->directory.address();
  for (const u32 count : {1u, 8u}) {
    host.place(guest, CountedHost::Requests(count, CountedHost::command(MmuCommand::new_base_pointer, current)));
    repeat(host, name("new_base", count), [&] { host.update(guest); });
  }
}

void balloon() {
  CountedHost host;
  Domain& guest = host.add_guest(8192);
  for (const u32 frames : {1u, 32u, 512u}) {
    const u32 list = host.scratch(guest);
    for (u32 i = 0; i < frames; ++i) {
      const u32 address = host.page(guest, 8 + i);
      host.set_word(guest, list + 4 * i, host.frame_address(guest, address) >> kPageShift);
      host.map(guest, address, 0);
    }
    host.begin();
    host.call(guest, Hypercall::dom_mem_op, {static_cast<u32>(DomMemOp::decrease), list, frames});
    host.end(name("balloon_give", frames));
    host.begin();
    host.call(guest, Hypercall::dom_mem_op, {static_cast<u32>(DomMemOp::increase), list, frames});
    host.end(name("balloon_take", frames));
    for (u32 i = 0; i < frames; ++i) {
      host.map(guest, host.page(guest, 8 + i), host.word(guest, list + 4 * i) << kPageShift | kWritable);
    }
  }
}

// --- exceptions, events, time
// ------------------------------------------------------------------------------------------

void exceptions() {
  CountedHost host;
  Domain& guest = host.add_guest();
  host.give_cpu(guest);
  hw::Registers kernel = host.registers();
  host.call(guest, Hypercall::stack_switch, {hw::kRing1Ds, kernel.esp});
  hw::Registers user = kernel;
  user.cs = hw::kRing3Cs;
  user.ss = hw::kRing3Ds;
  for (const auto& [ring, frame] : {std::pair{"kernel", &kernel}, std::pair{"user", &user}}) {
    repeat(host, std::string{"page_fault_"} + ring, [&, from = frame] {
      host.registers() = *from;
      host.exception(hw::kVectorPageFault, hw::kFaultWrite, 0x1000);
    });
    repeat(host, std::string{"breakpoint_"} + ring, [&, from = frame] {
      host.registers() = *from;
      host.exception(3);
    });
  }
}

void events() {
  CountedHost host;
  Domain &sender = host.add_guest(), &receiver = host.add_guest();
  const u32 port = host.connect(sender, receiver);
  host.block(host.domain0());
  host.give_cpu(sender);
  const u32 masked = static_cast<u32>(offsetof(SharedInfo, ports_mask));
  repeat(host, "send_merged", [&] { host.send(sender, port); });
  host.set_shared(receiver, masked, ~0u);
  repeat(host, "send_masked", [&] {
    host.take_events(receiver);
    host.send(sender, port);
  });
  host.set_shared(receiver, masked, 0);
  repeat(host, "send", [&] {  // the receiver waits for the CPU already
    host.take_events(receiver);
    host.send(sender, port);
  });
  EventChannelOp status{};
  status.command = static_cast<u32>(EventChannelCommand::status);
  status.dom1 = kDomainSelf;
  status.port1 = port;
  repeat(host, "port_status", [&] { host.event_op(sender, status); });

  const hw::Registers kernel = host.registers();
  repeat(host, "upcall", [&] {  // of an event that came while upcalls were masked
    host.registers() = kernel;
    host.set_shared(sender, test::kUpcallMask, 0);
    host.set_shared(sender, test::kUpcallPending, 1);
    host.call(sender, Hypercall::xen_version);
  });
}

void timers() {
  test::HostOptions options;
  options.tick = 0;
  CountedHost host{options};
  Domain& guest = host.add_guest();
  host.block(host.domain0());
  host.give_cpu(guest);
  const auto later = [&](SystemTime delay) {
    const auto time = static_cast<u64>(host.core->clock().now() + delay);
    host.call(guest, Hypercall::set_timer_op, {high_word(time), low_word(time)});
  };
  repeat(host, "set_timer", [&] { later(1'000'000); });
  repeat(host, "timer_alarm", [&] {
    host.take_events(guest);
    later(1'000);
    host.pass(1'000);
  });
  later(0);
  host.pass(1);
  host.take_events(guest);
  repeat(host, "interrupt", [&] { host.interrupt(hw::kIpiLine); });
}

void ticks() {
  CountedHost host;
  Domain& guest = host.add_guest();
  host.block(host.domain0());
  host.give_cpu(guest);
  repeat(host, "tick", [&] {  // and now and then the end of a slice
    host.take_events(guest);
    host.pass(10'000'000);
  });
  host.set_shared(guest, test::kUpcallMask, 1);
  repeat(host, "tick_masked", [&] { host.pass(10'000'000); });
}

// --- scheduling
// --------------------------------------------------------------------------------------------------------

void scheduling() {
  for (const u32 domains : {1u, 2u, 16u, 64u}) {
    test::HostOptions options;
    options.max_domains = 80;
    options.frames = 24'576;
    options.tick = 0;
    CountedHost host{options};
    std::vector<Domain*> guests;
    for (u32 i = 0; i < domains; ++i) guests.push_back(&host.add_domain(1024));
    host.block(host.domain0());
    host.pass(1'000'000'000);
    repeat(host, name("slices", domains), [&] { host.pass(100'000'000); });
    repeat(host, name("yield", domains),
           [&] { host.call(*host.running(), Hypercall::sched_op, {static_cast<u32>(SchedOp::yield)}); });
  }
  test::HostOptions options;
  options.tick = 0;
  CountedHost host{options};
  Domain &sender = host.add_guest(), &receiver = host.add_guest();
  const u32 port = host.connect(sender, receiver);
  host.block(host.domain0());
  repeat(host, "wake_and_block", [&] {
    host.block(receiver);
    host.send(sender, port);
    host.give_cpu(receiver);
  });
  host.block(sender);
  repeat(host, "sleep", [&] {  // to the idle vCPU, and woken by an alarm
    const auto time = static_cast<u64>(host.core->clock().now() + 1'000);
    host.call(receiver, Hypercall::set_timer_op, {high_word(time), low_word(time)});
    host.block(receiver);
    host.pass(1'000);
  });
}

// --- network
// -----------------------------------------------------------------------------------------------------------

struct NetworkHost : CountedHost {
  Domain &first = add_guest(), &second = add_guest();
  CountedVif from{*this, first}, to{*this, second};
  static constexpr u32 kFirst = test::ip(10, 0, 0, 1), kSecond = test::ip(10, 0, 0, 2),
                       kOutside = test::ip(10, 9, 9, 9);

  NetworkHost() {
    rule(from.name(), kVifPhysical, kFirst, 0);
    rule(to.name(), kVifPhysical, kSecond, 0);
    rule(kVifPhysical, from.name(), 0, kFirst);
    rule(kVifPhysical, to.name(), 0, kSecond);
    for (Domain* guest : {&first, &second}) set_shared(*guest, test::kUpcallMask, 1);
    give_cpu(first);
  }
  // Accepts what has the addresses; 0: any.
  void rule(u32 source_vif, u32 destination_vif, u32 source, u32 destination) {
    const auto mask = [](u32 address) { return address == 0 ? 0 : ~0u; };
    control(ControlCommand::add_rule, kDomain0,
            {static_cast<u32>(RuleAction::accept), source_vif, destination_vif, static_cast<u32>(RuleProtocol::any),
             source, mask(source), destination, mask(destination)});
  }
  u32 write_packet(u32 destination, u32 bytes) {
    const test::Packet packet = test::ip_packet({.source = kFirst, .destination = destination, .bytes = bytes});
    machine.cpu(0).copy_to_guest(page(first, 0), packet.data(), bytes);
    return page(first, 0);
  }
  void wait_for_free_ring() {
    machine.nic.complete_transmits();
    interrupt(hw::kFirstDeviceLine);
  }
};

void transmit() {
  NetworkHost host;
  repeat(host, "push_nothing", [&] { host.from.push(); });
  const auto count = [&](const std::string& scenario, u32 packets, u32 bytes) {
    const u32 packet = host.write_packet(NetworkHost::kOutside, bytes);
    const auto request = [&] {
      for (u32 i = 0; i < packets; ++i) host.from.request_transmit(packet, bytes);
    };
    request();
    host.from.push();
    host.wait_for_free_ring();
    request();
    host.begin();
    host.from.push();
    host.end(name((scenario + "_send").c_str(), packets));
    host.machine.nic.complete_transmits();
    host.begin();
    host.interrupt(hw::kFirstDeviceLine);
    host.end(name((scenario + "_complete").c_str(), packets));
  };
  for (const u32 packets : {1u, 8u, 64u}) count("frame", packets, 1514);
  for (const u32 packets : {1u, 8u, 64u}) count("short", packets, 60);
  for (u32 i = 0; i < 32; ++i) host.rule(host.from.name(), kVifPhysical, NetworkHost::kSecond, 0);  // do not match
  count("ruled", 8, 1514);
}

void receive() {
  NetworkHost host;
  u32 next = 1;
  const auto count = [&](const std::string& scenario, u32 packets, u32 bytes) {
    for (u32 i = 0; i < packets; ++i) host.from.post(host.page(host.first, next++));
    host.begin();
    host.from.push();
    host.end(name((scenario + "_post").c_str(), packets));
    const test::Packet packet =
        test::ip_packet({.source = NetworkHost::kOutside, .destination = NetworkHost::kFirst, .bytes = bytes});
    for (u32 i = 0; i < packets; ++i) host.machine.nic.receive(host.machine.ram, packet.data(), bytes);
    host.begin();
    host.interrupt(hw::kFirstDeviceLine);
    host.end(name((scenario + "_receive").c_str(), packets));
    host.from.want_event();
  };
  for (const u32 packets : {1u, 8u, 64u}) count("frame", packets, 1514);
  for (const u32 packets : {1u, 8u, 64u}) count("short", packets, 60);
  const test::Packet unwanted = test::ip_packet({.destination = NetworkHost::kFirst});
  for (u32 i = 0; i < 8; ++i) host.machine.nic.receive(host.machine.ram, unwanted.data(), 100);
  host.begin();
  host.interrupt(hw::kFirstDeviceLine);
  host.end("receive_without_buffer.8");
}

void between_domains() {
  for (const u32 bytes : {100u, 700u, 1514u}) {
    NetworkHost host;
    host.give_cpu(host.second);
    for (u32 i = 0; i < 8; ++i) host.to.post(host.page(host.second, 1 + i));
    host.to.push();
    host.give_cpu(host.first);
    const u32 packet = host.write_packet(NetworkHost::kSecond, bytes);
    for (u32 i = 0; i < 8; ++i) host.from.request_transmit(packet, bytes);
    host.begin();
    host.from.push();
    host.end(name("switched", bytes));
  }
}

// --- disk
// --------------------------------------------------------------------------------------------------------------

struct DiskHost : CountedHost {
  Domain &first = add_guest(), &second = add_guest();
  CountedVbd vbd{*this, first, 0, 1u << 16}, other{*this, second, 1u << 16, 1u << 16};

  DiskHost() : CountedHost{{.disk = true}} {
    for (Domain* guest : {&first, &second}) set_shared(*guest, test::kUpcallMask, 1);
    give_cpu(first);
  }
  void complete() {
    machine.disk.finish_all();
    interrupt(machine.disk.interrupt_line());
  }
  // `count` requests, `step` sectors from one to the next, given and completed.
  void count(const std::string& scenario, BlockRequestOp operation, u32 requests, u32 pages, u32 step) {
    const auto ask = [&] {
      for (u32 i = 0; i < requests; ++i) vbd.request(operation, i * step, pages);
    };
    ask();
    vbd.signal();
    while (!machine.disk.commands.empty()) complete();
    give_cpu(first);
    ask();
    begin();
    vbd.signal();
    end(name((scenario + "_start").c_str(), requests));
    machine.disk.finish_all();
    begin();
    interrupt(machine.disk.interrupt_line());
    end(name((scenario + "_complete").c_str(), requests));
    while (!machine.disk.commands.empty()) complete();
    give_cpu(first);
  }
};

void disk() {
  DiskHost host;
  repeat(host, "signal_nothing", [&] { host.vbd.signal(); });
  for (const u32 requests : {1u, 8u, 32u}) {
    host.count("read_4k", BlockRequestOp::read, requests, 1, 1000);
    host.count("read_48k", BlockRequestOp::read, requests, 12, 1000);
    host.count("write_4k", BlockRequestOp::write, requests, 1, 1000);
    host.count("write_48k", BlockRequestOp::write, requests, 12, 1000);
    host.count("read_4k_merged", BlockRequestOp::read, requests, 1, 8);
    host.count("write_48k_merged", BlockRequestOp::write, requests, 12, 96);
  }
  host.count("barriers", BlockRequestOp::write_barrier, 8, 1, 1000);
}

// --- domain 0
// ----------------------------------------------------------------------------------------------------------

void control() {
  CountedHost host;
  Domain& guest = host.add_domain(1024, false);
  repeat(host, "unpause_and_pause", [&] {
    host.control(ControlCommand::unpause_domain, guest.id);
    host.control(ControlCommand::pause_domain, guest.id);
  });
  repeat(host, "domain_info", [&] { host.control(ControlCommand::get_domain_info, guest.id); });
  repeat(host, "adjust", [&] { host.control(ControlCommand::scheduler_adjust, guest.id, {10}); });
}

}  // namespace

}  // namespace counting

int main() {
  using namespace counting;  // NOLINT
  try {
    hypercalls();
    page_table_updates();
    single_updates();
    pinned_tables();
    balloon();
    exceptions();
    events();
    timers();
    ticks();
    scheduling();
    transmit();
    receive();
    between_domains();
    disk();
    control();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "counting: %s\n", error.what());
    return 1;
  }
}

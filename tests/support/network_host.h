// The core's network path on the fake machine, with guests that drive their rings by hand.
//
// A guest sees what a real one sees: its pages through a page table of its own, the ring page, the indexes in the
// shared-info page. Its side of the protocol is written here from the interface's headers.
#pragma once

#include <doctest/doctest.h>

#include <memory>
#include <vector>

#include "domain.h"
#include "domain_table.h"
#include "events/event_channels.h"
#include "interface/memory.h"
#include "interface/shared_info.h"
#include "io/network.h"
#include "memory/memory_manager.h"
#include "schedule/registry.h"
#include "schedule/run_state.h"
#include "support/fake_machine.h"
#include "support/packets.h"
#include "time/system_clock.h"

namespace test {

struct NetworkHost;

struct TransmitAnswer {
  u32 id, status;
};
struct ReceiveAnswer {
  u32 id, bytes, status, offset;
};

inline constexpr u32 kPagesAt = 0xc0000000;  // virtual address of a guest's page 0

class Guest {
 public:
  Guest(NetworkHost& host, Domain& domain, u32 pages);

  // --- memory ---
  MachineFrame frame(u32 page) const;  // by the guest's page table; whatever it says, present or not
  bool mapped(u32 page) const;
  u32 entry_address(u32 page) const { return table_.address() + 4 * page; }
  u32 address(u32 page) const { return kPagesAt + page * kPageSize; }  // virtual
  void write(u32 page, u32 offset, const Packet& bytes);
  Packet read(MachineFrame frame, u32 offset, u32 bytes) const;

  // --- rings of VIF 0 ---
  u32 index(u32 word) const;  // of SharedNetworkIndexes, word 0..5
  void set_index(u32 word, u32 value);
  void request_transmit(u32 id, u32 bytes, u32 machine_address);  // and advances the producer
  u32 send(u32 page, const Packet& packet, u32 offset = 0);       // writes and requests it; the id is the page
  void post(u32 page) { post_entry(page, entry_address(page)); }
  void post_entry(u32 id, u32 entry);
  HypercallResult push(u32 vif = 0);
  std::vector<TransmitAnswer> transmit_answers();  // since the last call
  std::vector<ReceiveAnswer> receive_answers();

  // --- events ---
  void bind_network_virq();
  bool event();  // one was pending; cleared

  Vif& vif() { return *domain.vifs[0]; }
  Caller caller();

  NetworkHost& host;
  Domain& domain;
  u32 pages;

 private:
  u32 ring_word(u32 word) const;
  u32 index_address(u32 word) const;

  MachineFrame table_, directory_;
  u32 transmit_producer_ = 0, receive_producer_ = 0, transmit_seen_ = 0, receive_seen_ = 0;
};

// Domain i has the address 10.0.0.(i + 1) and may send only from it.
struct NetworkHost {
  explicit NetworkHost(u32 guests = 2, u32 pages = 64, bool rules = true);

  static std::uint32_t address(u32 guest) { return ip(10, 0, 0, guest + 1); }
  Guest& guest(u32 index) { return *guests.at(index); }
  FakeCpu& cpu() { return machine.cpu(0); }
  void add_rules(u32 guest);
  void arrive(const Packet& packet) {
    REQUIRE(machine.nic.receive(machine.ram, packet.data(), static_cast<u32>(packet.size())));
  }
  void interrupt() { network.device_interrupt(cpu()); }
  void destroy(u32 guest);
  Packet wire(std::size_t sent) const;  // the bytes of a packet that the card was given

  FakeMachine machine{8192};
  std::vector<u8> room = std::vector<u8>(8u << 20);
  Arena arena{room.data(), room.size()};
  SystemClock clock{machine.cycles_per_second(), 0};
  DomainTable domains{arena, 16};
  MemoryManager memory;
  RunStates run_states;
  EventChannels events;
  Network network;
  std::vector<std::unique_ptr<Guest>> guests;

 private:
  hw::Cpu& enter() {
    clock.enter(machine.cpu(0));
    return machine.cpu(0);
  }
};

}  // namespace test

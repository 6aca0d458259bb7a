// The core on the tests' small machine, with what is needed to bring a guest into the state that a scenario starts from
// and to repeat an operation between two marks that callgrind understands.
//
// The machine, the guests and these helpers are not the core: their instructions are left out of every count.
#pragma once

#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

#include "interface/block.h"
#include "interface/memory.h"
#include "interface/network.h"
#include "support/core_host.h"

namespace counting {

using namespace hv;  // NOLINT: the words of the core's interface

class CountedHost : public test::CoreHost {
 public:
  explicit CountedHost(const test::HostOptions& options = {}) : CoreHost{options} {}

  // Instructions from begin() to end() go to the scenario, with the steps that the core reported meanwhile.
  void begin();
  void end(const std::string& scenario);

  Domain& add_guest(u32 kilobytes = 4096);  // running, with its handlers set and no event pending
  void block(Domain& domain);               // until an event

  // Pages of a guest that nothing else uses, by number. All are mapped writable at first.
  u32 page(const Domain& domain, u32 number) const { return scratch(domain) + (kListPages + number) * kPageSize; }
  u32 frame_address(const Domain& domain, u32 address) { return machine_address(domain, address) & kEntryFrameMask; }
  u32 entry_address(const Domain& domain, u32 address);  // of the page-table entry that maps `address`
  s32 map(Domain& domain, u32 address, u32 entry, u32 flags = 0) {
    return call(domain, Hypercall::update_va_mapping, {address >> kPageShift, entry, flags});
  }

  // A batch of (pointer, value) requests: placed in the guest's memory, and then as often as wanted asked for.
  using Requests = std::vector<std::pair<u32, u32>>;
  void place(Domain& domain, const Requests& requests);
  void update(Domain& domain);  // all of them, which must succeed
  void update(Domain& domain, const Requests& requests) {
    place(domain, requests);
    update(domain);
  }
  // An extended request about the frame of `address`.
  static std::pair<u32, u32> command(MmuCommand number, u32 address) {
    return {(address & kEntryFrameMask) | static_cast<u32>(MmuRequest::extended), static_cast<u32>(number)};
  }

  u32 connect(Domain& from, Domain& to);  // the port at `from` of a new event channel
  void send(Domain& from, u32 port);
  s32 control(ControlCommand number, DomainId domain, std::initializer_list<u32> words = {});

 private:
  static constexpr u32 kListPages = 4;  // 2048 requests

  u32 placed_ = 0;
};

// A VIF of a guest, driven by hand.
class CountedVif {
 public:
  CountedVif(CountedHost& host, Domain& domain);
  void request_transmit(u32 address, u32 bytes);  // of a packet in the guest's memory
  void post(u32 address);                         // a page for a packet to come
  void want_event();                              // at the next response to a received packet
  void push();
  u32 name() const { return vif_id(domain_.id, 0); }

 private:
  u32 ring_address(u32 word) const;
  u32 index_address(u32 word) const;

  CountedHost& host_;
  Domain& domain_;
  u32 transmits_ = 0, receives_ = 0;
};

// The block ring of a guest with one VBD, driven by hand; it asks for no events.
class CountedVbd {
 public:
  CountedVbd(CountedHost& host, Domain& domain, u64 first_sector, u32 sectors);
  // Of whole pages of the guest's memory, from `sector` on.
  void request(BlockRequestOp operation, u32 sector, u32 pages);
  void signal();

 private:
  CountedHost& host_;
  Domain& domain_;
  u32 requests_ = 0;
};

}  // namespace counting

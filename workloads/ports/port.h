// How a guest kernel reaches its machine: everything that differs between bare hardware and a hypervisor.
//
// The kernel above is the same on every system, so what differs between the bars of a figure is only what is behind
// this interface. What may need a hypercall is a Task: after it the code may be on another physical CPU.
#pragma once

#include <optional>

#include "model/task.h"
#include "workloads/kernel/packet.h"
#include "workloads/kernel/process.h"

namespace guest {

// A network card or a virtual interface, as the IP layer sees it.
class NetworkInterface {
 public:
  virtual MacAddress mac_address() const = 0;
  virtual bool computes_checksums() const = 0;  // else the kernel sums every payload in software
  // False: the queue is full and the packet dropped.
  virtual model::Task<bool> transmit(const sim::Packet& packet) = 0;

 protected:
  ~NetworkInterface() = default;
};

struct Selectors {
  u32 kernel_cs, kernel_ds;
};

class Port {
 public:
  virtual Selectors selectors() const = 0;
  virtual u32 processor() const = 0;  // of the kernel's processors, the one that runs this code

  // Interrupts, or the hypervisor's events, wait from disable to enable; enable handles what came meanwhile.
  virtual void disable_events() = 0;
  virtual model::Task<> enable_events() = 0;

  virtual model::Task<> create_address_space(AddressSpace& space) = 0;
  // A present, writable page of user space where none was.
  virtual model::Task<> map_page(AddressSpace& space, u32 address, GuestFrame frame) = 0;
  // Address space and kernel stack of `next`, while still in the registers of the process before it. Events are
  // disabled.
  virtual model::Task<> switch_process(const Process& next) = 0;

  // The idle process has nothing to do: until an interrupt. `timer_ticks`: when the next kernel timer is due.
  virtual model::Task<> wait_for_interrupt(std::optional<u64> timer_ticks) = 0;
  virtual void send_reschedule(u32 processor) = 0;

  virtual NetworkInterface* network() = 0;  // null: none

 protected:
  ~Port() = default;
};

}  // namespace guest

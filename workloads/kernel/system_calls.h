// What a program may ask of its kernel, and the work it does between two requests.
#pragma once

#include "model/code_map.h"
#include "workloads/kernel/kernel.h"

namespace guest {

class SystemCalls {
 public:
  SystemCalls(Kernel& kernel, Process& process) : kernel_{kernel}, process_{process} {}

  // Preemptible work in user mode; the footprint must outlive it.
  model::Task<> compute(sim::Cycles work, const model::Footprint* footprint = nullptr);

  model::Task<> pause();  // until a signal, and there are none yet

  // Memory that reads as zeros, at a fixed page-aligned address.
  model::Task<> map_memory(u32 address, u32 bytes);
  model::Task<UdpSocket*> udp_socket(std::uint16_t port);
  model::Task<Datagram> receive_from(UdpSocket& socket);  // waits for one
  model::Task<bool> send_to(UdpSocket& socket, UdpEndpoint to, Datagram contents);

  model::Machine& machine() { return kernel_.machine(); }

 private:
  Kernel& kernel_;
  Process& process_;
};

}  // namespace guest

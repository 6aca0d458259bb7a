#include "workloads/programs/udp_flood.h"

#include "workloads/kernel/kernel.h"
#include "workloads/kernel/system_calls.h"

namespace guest {

model::Task<> UdpFlood::run(SystemCalls& calls) {
  UdpSocket& socket = *co_await calls.udp_socket(settings_.port);
  started();
  const Datagram request = co_await calls.receive_from(socket);
  Datagram datagram;
  datagram.payload_bytes = static_cast<u16>(settings_.payload_bytes);
  const s64 bits = s64{datagram.payload_bytes} * 8;
  s64 due = 0;  // bits that may be sent, times ticks per second
  while (true) {
    if (settings_.rate > 0) {
      for (; due < bits * kTicksPerSecond; due += settings_.rate) co_await calls.sleep(1);
      due -= bits * kTicksPerSecond;
    }
    co_await calls.send_to(socket, request.source, datagram);
  }
}

}  // namespace guest

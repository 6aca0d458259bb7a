#include "workloads/programs/udp_echo.h"

#include "workloads/kernel/system_calls.h"

namespace guest {

model::Task<> UdpEcho::run(SystemCalls& calls) {
  UdpSocket& socket = *co_await calls.udp_socket(port_);
  started();
  while (true) {
    const Datagram request = co_await calls.receive_from(socket);
    co_await calls.send_to(socket, request.source, request);
  }
}

}  // namespace guest

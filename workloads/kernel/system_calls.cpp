#include "workloads/kernel/system_calls.h"

#include "model/execution.h"

namespace guest {

model::Task<> SystemCalls::compute(sim::Cycles work, const model::Footprint* footprint) {
  co_await model::compute(kernel_.machine(), work, footprint);
}

model::Task<> SystemCalls::access(model::Sweep sweep, sim::Cycles work) {
  co_await model::compute(kernel_.machine(), work, {&sweep, 1});
}

model::Task<> SystemCalls::access(std::span<const model::Sweep> sweeps, sim::Cycles work) {
  co_await model::compute(kernel_.machine(), work, sweeps);
}

model::Task<UdpSocket*> SystemCalls::udp_socket(std::uint16_t port) {
  kernel_.enter_system_call();
  UdpSocket& socket = kernel_.bind_udp(port);
  co_await kernel_.leave_system_call();
  co_return &socket;
}

model::Task<Datagram> SystemCalls::receive_from(UdpSocket& socket) {
  kernel_.enter_system_call();
  const Datagram datagram = co_await kernel_.receive_from(socket);
  co_await kernel_.leave_system_call();
  co_return datagram;
}

model::Task<bool> SystemCalls::send_to(UdpSocket& socket, UdpEndpoint to, Datagram contents) {
  kernel_.enter_system_call();
  const bool sent = co_await kernel_.send_to(socket, to, contents);
  co_await kernel_.leave_system_call();
  co_return sent;
}

}  // namespace guest

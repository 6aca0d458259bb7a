// The system calls on sockets that are not those of files.
#include "workloads/kernel/network/local_connection.h"
#include "workloads/kernel/network/local_stream.h"
#include "workloads/kernel/network/network_stack.h"
#include "workloads/kernel/system_calls.h"

namespace guest {

namespace {

constexpr u32 kSocketAddress = 16;  // struct sockaddr_in

}  // namespace

model::Task<Descriptor> SystemCalls::local_connection() {
  kernel_.enter_system_call();
  kernel_.charge(kernel_.paths().open);
  const Descriptor descriptor = add_descriptor(process_, std::make_shared<LocalConnection>());
  co_await kernel_.leave_system_call();
  co_return descriptor;
}

model::Task<Descriptor> SystemCalls::local_listen(std::string path) {
  kernel_.enter_system_call();
  kernel_.charge(kernel_.paths().open);
  const auto name = std::make_shared<LocalName>();
  kernel_.file_system().install_device(path, name);
  const Descriptor descriptor = add_descriptor(process_, std::make_shared<LocalListener>(name));
  co_await kernel_.leave_system_call();
  co_return descriptor;
}

model::Task<Descriptor> SystemCalls::local_connect(std::string path) {
  kernel_.enter_system_call();  // socket
  kernel_.charge(kernel_.paths().open);
  co_await kernel_.leave_system_call();
  kernel_.enter_system_call();
  kernel_.charge_user_copy(static_cast<u32>(path.size()) + sizeof(u16));  // struct sockaddr_un, without the rest
  const auto name = std::dynamic_pointer_cast<LocalName>(co_await kernel_.file_system().find(path));
  std::shared_ptr<OpenFile> end = name ? name->connect(kernel_) : nullptr;
  const Descriptor descriptor = end ? add_descriptor(process_, std::move(end)) : -1;
  co_await kernel_.leave_system_call();
  co_return descriptor;
}

model::Task<UdpSocket*> SystemCalls::udp_socket(std::uint16_t port) {
  kernel_.enter_system_call();
  UdpSocket& socket = kernel_.network().bind_udp(port);
  co_await kernel_.leave_system_call();
  co_return &socket;
}

model::Task<Datagram> SystemCalls::receive_from(UdpSocket& socket) {
  kernel_.enter_system_call();
  const Datagram datagram = co_await kernel_.network().receive_from(socket);
  co_await kernel_.leave_system_call();
  co_return datagram;
}

model::Task<bool> SystemCalls::send_to(UdpSocket& socket, SocketAddress to, Datagram contents) {
  kernel_.enter_system_call();
  const bool sent = co_await kernel_.network().send_to(socket, to, contents);
  co_await kernel_.leave_system_call();
  co_return sent;
}

model::Task<Descriptor> SystemCalls::tcp_socket() {
  kernel_.enter_system_call();
  kernel_.charge(kernel_.paths().open);
  const Descriptor descriptor = add_descriptor(process_, std::make_shared<TcpSocket>(kernel_.network().tcp()));
  co_await kernel_.leave_system_call();
  co_return descriptor;
}

std::shared_ptr<TcpSocket> SystemCalls::tcp_socket_of(Descriptor descriptor) {
  kernel_.charge(kernel_.paths().descriptor);
  return std::dynamic_pointer_cast<TcpSocket>(open_file_of(process_, descriptor));
}

model::Task<> SystemCalls::set_socket_buffers(Descriptor socket, u32 send, u32 receive) {
  kernel_.enter_system_call();
  kernel_.charge_user_copy(2 * sizeof(u32));
  if (const std::shared_ptr<TcpSocket> tcp = tcp_socket_of(socket)) tcp->set_buffers(send, receive);
  co_await kernel_.leave_system_call();
}

model::Task<bool> SystemCalls::listen(Descriptor socket, std::uint16_t port, u32 backlog) {
  kernel_.enter_system_call();
  kernel_.charge_user_copy(kSocketAddress);
  const std::shared_ptr<TcpSocket> tcp = tcp_socket_of(socket);
  const bool listens = tcp && tcp->listen(port, backlog);
  co_await kernel_.leave_system_call();
  co_return listens;
}

model::Task<> SystemCalls::set_no_delay(Descriptor socket) {
  kernel_.enter_system_call();
  kernel_.charge(kernel_.paths().socket_option);
  kernel_.charge_user_copy(sizeof(u32));
  if (const std::shared_ptr<TcpSocket> tcp = tcp_socket_of(socket)) tcp->set_no_delay();
  co_await kernel_.leave_system_call();
}

model::Task<std::optional<SocketAddress>> SystemCalls::socket_name(Descriptor socket) {
  kernel_.enter_system_call();
  kernel_.charge(kernel_.paths().socket_option);
  kernel_.charge_user_copy(kSocketAddress);
  const std::shared_ptr<TcpSocket> tcp = tcp_socket_of(socket);
  std::optional<SocketAddress> name;
  if (tcp && tcp->endpoint() != nullptr) name = tcp->endpoint()->connection.own();
  co_await kernel_.leave_system_call();
  co_return name;
}

model::Task<Descriptor> SystemCalls::accept(Descriptor socket, SocketAddress* peer) {
  kernel_.enter_system_call();
  Descriptor descriptor = -1;
  const auto local = std::dynamic_pointer_cast<LocalListener>(open_file_of(process_, socket));
  const std::shared_ptr<TcpSocket> tcp = tcp_socket_of(socket);
  if (local) {
    std::shared_ptr<OpenFile> accepted = co_await local->accept(kernel_);
    if (accepted) descriptor = add_descriptor(process_, std::move(accepted));
  } else if (tcp) {
    std::shared_ptr<TcpSocket> accepted = co_await tcp->accept(kernel_);
    kernel_.charge(kernel_.paths().open);
    kernel_.charge_user_copy(kSocketAddress);
    if (accepted) {
      if (peer != nullptr) *peer = accepted->endpoint()->connection.peer();
      descriptor = add_descriptor(process_, std::move(accepted));
    }
  }
  co_await kernel_.leave_system_call();
  co_return descriptor;
}

model::Task<bool> SystemCalls::connect(Descriptor socket, SocketAddress to) {
  kernel_.enter_system_call();
  kernel_.charge_user_copy(kSocketAddress);
  const std::shared_ptr<TcpSocket> tcp = tcp_socket_of(socket);
  bool connected = false;
  if (tcp) connected = co_await tcp->connect(kernel_, to);
  co_await kernel_.leave_system_call();
  co_return connected;
}

model::Task<> SystemCalls::shut_down(Descriptor socket) {
  kernel_.enter_system_call();
  const std::shared_ptr<TcpSocket> tcp = tcp_socket_of(socket);
  if (tcp) co_await tcp->shut_down(kernel_);
  co_await kernel_.leave_system_call();
}

}  // namespace guest

// What system calls do on TCP sockets. (Linux 2.4, net/ipv4/tcp.c.)
#include <algorithm>

#include "workloads/kernel/kernel.h"
#include "workloads/kernel/network/tcp.h"

namespace guest {

TcpSocket::TcpSocket(TcpLayer& layer) : layer_{layer} {}

void TcpSocket::set_buffers(u32 send, u32 receive) {
  constexpr u32 kMostAsked = 131'071;  // net.core.wmem_max and rmem_max on a machine with much memory
  settings_.send_buffer = 2 * std::min(send, kMostAsked);
  settings_.receive_buffer = 2 * std::min(receive, kMostAsked);
  settings_.send_buffer_grows = false;
}

void TcpSocket::set_no_delay() {
  settings_.no_delay = true;
  if (endpoint_) endpoint_->connection.set_no_delay();
}

bool TcpSocket::listen(std::uint16_t port, u32 backlog) {
  const auto [place, fresh] = layer_.listeners_.try_emplace(port);
  if (!fresh) return false;
  place->second.settings = settings_;
  place->second.backlog = std::max(backlog, 1u);
  listening_ = port;
  return true;
}

model::Task<std::shared_ptr<TcpSocket>> TcpSocket::accept(Kernel& kernel) {
  TcpListener& listener = layer_.listeners_.at(listening_);
  while (listener.ready.empty()) {
    co_await kernel.sleep_on(listener.acceptors);
    if (kernel.signal_pending()) co_return nullptr;
  }
  std::shared_ptr<TcpEndpoint> endpoint = std::move(listener.ready.front());
  listener.ready.pop_front();
  auto socket = std::make_shared<TcpSocket>(layer_, std::move(endpoint));
  co_return socket;
}

model::Task<bool> TcpSocket::connect(Kernel& kernel, SocketAddress to) {
  const std::optional<MacAddress> mac = layer_.neighbours_.find(to.address);
  if (!mac || endpoint_ || listening_ != 0 || kernel.port().network() == nullptr) co_return false;
  endpoint_ = layer_.open(settings_, layer_.free_port(), to, *mac);
  const std::shared_ptr<TcpEndpoint> endpoint = endpoint_;
  endpoint->connection.connect(layer_.now());
  co_await layer_.send(endpoint);
  while (endpoint->connection.state() == TcpConnection::State::syn_sent) {
    co_await kernel.sleep_on(endpoint->writers);
    if (kernel.signal_pending()) break;
  }
  co_return endpoint->connection.established();
}

model::Task<> TcpSocket::shut_down(Kernel&) {
  if (!endpoint_) co_return;
  layer_.use(*endpoint_);
  endpoint_->connection.shut_down();
  co_await layer_.send(endpoint_);
}

// [tcp_recvmsg]
model::Task<u32> TcpSocket::read(Kernel& kernel, u32 address, u32 bytes) {
  kernel.charge(kernel.paths().socket_receive);
  const std::shared_ptr<TcpEndpoint> endpoint = endpoint_;
  if (!endpoint) co_return 0;
  TcpConnection& connection = endpoint->connection;
  u32 done = 0;
  layer_.enter(*endpoint);
  while (done < bytes) {
    if (connection.readable() == 0) {
      co_await layer_.handle_held(endpoint);
      if (connection.readable() > 0) continue;
      if (done > 0 || connection.at_end() || connection.state() == TcpConnection::State::closed) break;
      co_await kernel.sleep_on(endpoint->readers);
      if (kernel.signal_pending()) break;
      continue;
    }
    const u32 part = connection.read(bytes - done);
    kernel.charge(kernel.paths().tcp_read_buffer);
    co_await layer_.copy_to_user(address + done, part);
    done += part;
  }
  connection.read_done(done);
  co_await layer_.send(endpoint);
  co_await layer_.leave(endpoint);
  co_return done;
}

model::Task<u32> TcpSocket::write(Kernel& kernel, u32 address, u32 bytes) {
  const Piece piece{address, bytes};
  co_return co_await write_pieces(kernel, {&piece, 1});
}

// [tcp_sendmsg]
model::Task<u32> TcpSocket::write_pieces(Kernel& kernel, std::span<const Piece> pieces) {
  kernel.charge(kernel.paths().socket_send);
  const std::shared_ptr<TcpEndpoint> endpoint = endpoint_;
  if (!endpoint) co_return 0;
  u32 done = 0;
  layer_.enter(*endpoint);
  for (const Piece& piece : pieces) {
    const u32 part = co_await append(kernel, piece);
    done += part;
    if (part < piece.bytes) break;
  }
  endpoint->connection.push();
  co_await layer_.send(endpoint);
  co_await layer_.leave(endpoint);
  co_return done;
}

// Behind what is written. Inside a call on the connection.
model::Task<u32> TcpSocket::append(Kernel& kernel, Piece piece) {
  const std::shared_ptr<TcpEndpoint> endpoint = endpoint_;
  TcpConnection& connection = endpoint->connection;
  u32 done = 0;
  while (done < piece.bytes && connection.established()) {
    const u32 room = connection.room();
    if (room == 0) {
      connection.writer_waits();
      connection.push();
      co_await layer_.send(endpoint);
      co_await layer_.leave(endpoint);
      while (!connection.room_for_writer() && !kernel.signal_pending()) co_await kernel.sleep_on(endpoint->writers);
      layer_.enter(*endpoint);
      if (kernel.signal_pending()) break;
      continue;
    }
    if (connection.starts_segment()) layer_.add_buffer(*endpoint);
    const u32 part = std::min(piece.bytes - done, room);
    co_await layer_.copy_from_user(piece.address + done, part);
    connection.append(part);
    done += part;
    if (connection.starts_segment()) co_await layer_.send(endpoint);  // the last one is full
  }
  co_return done;
}

OpenFile::Ready TcpSocket::poll(Kernel& kernel) {
  kernel.charge(kernel.paths().socket_poll);
  if (listening_ != 0) return {.read = !layer_.listeners_.at(listening_).ready.empty()};
  if (!endpoint_) return {};
  kernel.objects().use(endpoint_->object, ObjectKind::socket);
  const TcpConnection& connection = endpoint_->connection;
  return {.read = connection.readable() > 0 || connection.at_end(),
          .write = connection.state() != TcpConnection::State::syn_sent && connection.room_for_writer()};
}

WaitQueue* TcpSocket::waiters(bool for_writing) {
  if (listening_ != 0) return &layer_.listeners_.at(listening_).acceptors;
  if (!endpoint_) return nullptr;
  return for_writing ? &endpoint_->writers : &endpoint_->readers;
}

model::Task<> TcpSocket::release(Kernel&) {
  if (listening_ != 0) layer_.stop_listening(listening_);
  if (endpoint_) layer_.abandon(endpoint_);
  co_return;
}

}  // namespace guest

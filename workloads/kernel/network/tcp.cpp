#include "workloads/kernel/network/tcp.h"

#include <algorithm>

#include "workloads/kernel/kernel.h"

namespace guest {

namespace {

// Where a connection's numbers begin. Linux hashes addresses and adds time; here a count keeps runs the same.
constexpr u32 kSequenceStep = 64'000;  // RFC 793's clock between two connections

void add(TcpConnection::Counts& sum, const TcpConnection::Counts& more) {
  sum.segments_in += more.segments_in;
  sum.segments_out += more.segments_out;
  sum.data_out += more.data_out;
  sum.retransmitted += more.retransmitted;
  sum.fast_retransmits += more.fast_retransmits;
  sum.timeouts += more.timeouts;
  sum.duplicates += more.duplicates;
  sum.reordered += more.reordered;
  sum.no_memory += more.no_memory;
  sum.bytes_received += more.bytes_received;
  sum.bytes_acknowledged += more.bytes_acknowledged;
}

}  // namespace

sim::Time TcpLayer::now() const { return kernel_.cpu().now(); }

TcpConnection::Counts TcpLayer::counts() const {
  TcpConnection::Counts sum = gone_;
  for (const auto& [key, endpoint] : connections_) add(sum, endpoint->connection.counts());
  return sum;
}

// --- connections -----------------------------------------------------------------------------------------------------

std::shared_ptr<TcpEndpoint> TcpLayer::open(const TcpSettings& settings, std::uint16_t port, SocketAddress peer,
                                            MacAddress mac) {
  kernel_.charge(kernel_.paths().tcp_open);
  sequence_ += kSequenceStep;
  TcpSettings with_mtu = settings;
  with_mtu.mtu = mtu_;
  auto endpoint = std::make_shared<TcpEndpoint>(
      TcpEndpoint{.connection = TcpConnection{with_mtu, {address_, port}, peer, sequence_}, .peer_mac = mac});
  connections_[{port, peer}] = endpoint;
  return endpoint;
}

std::shared_ptr<TcpEndpoint> TcpLayer::answer(const TcpSegment& syn) {
  const auto place = listeners_.find(syn.destination.port);
  if (place == listeners_.end() || !syn.syn || syn.ack || syn.rst) return nullptr;
  TcpListener& listener = place->second;
  if (listener.ready.size() + listener.opening >= listener.backlog) return nullptr;
  auto endpoint = open(listener.settings, syn.destination.port, syn.source, syn.source_mac);
  endpoint->listener = &listener;
  ++listener.opening;
  endpoint->connection.accept(syn, now());
  return endpoint;
}

std::uint16_t TcpLayer::free_port() {
  constexpr std::uint16_t kFirst = 32'768, kLast = 61'000;  // net.ipv4.ip_local_port_range
  last_port_ = last_port_ >= kLast ? kFirst : static_cast<std::uint16_t>(last_port_ + 1);
  return last_port_;
}

void TcpLayer::establish(const std::shared_ptr<TcpEndpoint>& endpoint) {
  TcpListener* listener = endpoint->listener;
  if (listener == nullptr || !endpoint->connection.established()) return;
  endpoint->listener = nullptr;
  --listener->opening;
  listener->ready.push_back(endpoint);
  if (Process* acceptor = listener->acceptors.take_first()) kernel_.wake(*acceptor);
}

void TcpLayer::abandon(const std::shared_ptr<TcpEndpoint>& endpoint) {
  kernel_.charge(kernel_.paths().tcp_close);
  endpoint->orphaned = true;
  endpoint->connection.close(now());
  deferred_.push_back(endpoint);
}

void TcpLayer::stop_listening(std::uint16_t port) {
  const auto place = listeners_.find(port);
  if (place == listeners_.end()) return;
  for (const auto& endpoint : place->second.ready) abandon(endpoint);
  for (const auto& [key, endpoint] : connections_) {
    if (endpoint->listener != &place->second) continue;
    endpoint->listener = nullptr;
    abandon(endpoint);
  }
  listeners_.erase(place);
}

void TcpLayer::forget_if_over(const std::shared_ptr<TcpEndpoint>& endpoint) {
  const TcpConnection& connection = endpoint->connection;
  if (connection.state() != TcpConnection::State::closed) return;
  if (endpoint->listener != nullptr) {
    --endpoint->listener->opening;
    endpoint->listener = nullptr;
    endpoint->orphaned = true;
  }
  if (!endpoint->orphaned) return;
  const auto place = connections_.find({connection.own().port, connection.peer()});
  if (place == connections_.end() || place->second != endpoint) return;
  add(gone_, connection.counts());
  for (PacketBuffer& buffer : endpoint->buffers) release(buffer);
  kernel_.objects().free(endpoint->object, ObjectKind::socket);
  connections_.erase(place);
}

// --- segments --------------------------------------------------------------------------------------------------------

void TcpLayer::charge_received(const TcpSegment& segment) {
  kernel_.charge(segment.payload_bytes > 0 ? kernel_.paths().tcp_receive_data : kernel_.paths().tcp_receive_ack);
}

// Found by its address and port, and gone through by the protocol.
void TcpLayer::use(TcpEndpoint& endpoint) {
  kernel_.objects().use(endpoint.object, ObjectKind::socket);
  kernel_.objects().look_up(endpoint.object.address);
}

void TcpLayer::add_buffer(TcpEndpoint& endpoint) {
  kernel_.charge(kernel_.paths().tcp_write_buffer);
  PacketBuffer& buffer = endpoint.buffers.emplace_back();
  kernel_.objects().use(buffer.head, ObjectKind::packet);
  kernel_.objects().use(buffer.data, ObjectKind::packet_data);
}

void TcpLayer::free_buffers(TcpEndpoint& endpoint) {
  const u32 freed = endpoint.connection.buffers_sent_and_freed();
  kernel_.charge(kernel_.paths().buffer_free, freed - endpoint.freed);
  for (; endpoint.freed < freed; ++endpoint.freed) {
    if (endpoint.buffers.empty()) continue;  // a segment was sent in two parts
    PacketBuffer& buffer = endpoint.buffers.front();
    kernel_.objects().use(buffer.head, ObjectKind::packet);
    kernel_.objects().use(buffer.data, ObjectKind::packet_data);
    release(buffer);
    endpoint.buffers.pop_front();
  }
}

void TcpLayer::release(PacketBuffer& buffer) {
  kernel_.objects().free(buffer.head, ObjectKind::packet);
  kernel_.objects().free(buffer.data, ObjectKind::packet_data);
}

model::Task<> TcpLayer::receive(sim::Packet packet) {
  TcpSegment segment;
  const PacketError error = parse_packet(packet, segment);
  if (error != PacketError::none || segment.destination.address != address_) {
    charge_received(segment);
    ++rejected_;
    co_return;
  }
  neighbours_.learn(segment.source.address, segment.source_mac);
  const auto place = connections_.find({segment.destination.port, segment.source});
  const std::shared_ptr<TcpEndpoint> endpoint = place == connections_.end() ? nullptr : place->second;
  if (endpoint && endpoint->calls > 0) {
    endpoint->held.push_back(segment);
    if (Process* reader = endpoint->readers.take_first()) kernel_.wake(*reader);
    co_return;
  }
  co_await handle(endpoint, segment);
}

// `endpoint`: of its connection; null: there is none yet.
model::Task<> TcpLayer::handle(std::shared_ptr<TcpEndpoint> endpoint, TcpSegment segment) {
  charge_received(segment);
  if (endpoint) {
    const u32 memory = buffer_memory(kernel_.port().network()->receive_buffer());
    endpoint->connection.receive(segment, memory, now());
    const TcpConnection::Collapsed collapsed = endpoint->connection.take_collapsed();
    kernel_.charge(kernel_.paths().buffer_free, collapsed.buffers);
    kernel_.cpu().charge(model::MachineFile::cycles_for(kernel_.machine().file().memory.copy_cached, collapsed.bytes),
                         model::Cause::bytes);
  } else {
    endpoint = answer(segment);
  }
  if (!endpoint) {
    ++no_socket_;
    if (!segment.rst) co_await transmit(reset_for(segment), segment.source_mac);
    co_return;
  }
  use(*endpoint);
  free_buffers(*endpoint);
  co_await send(endpoint);
  establish(endpoint);
  wake(*endpoint);
  forget_if_over(endpoint);
}

model::Task<> TcpLayer::handle_held(std::shared_ptr<TcpEndpoint> endpoint) {
  while (!endpoint->held.empty()) {
    const TcpSegment segment = endpoint->held.front();
    endpoint->held.pop_front();
    co_await handle(endpoint, segment);
  }
}

model::Task<> TcpLayer::leave(std::shared_ptr<TcpEndpoint> endpoint) {
  co_await handle_held(endpoint);
  --endpoint->calls;
}

model::Task<> TcpLayer::transmit(TcpSegment segment, MacAddress to) {
  NetworkInterface* network = kernel_.port().network();
  kernel_.charge(segment.payload_bytes > 0 ? kernel_.paths().tcp_send_data : kernel_.paths().tcp_send_ack);
  segment.source_mac = network->mac_address();
  segment.destination_mac = to;
  // What finds the queue full is lost like a frame on the wire.
  co_await kernel_.transmit_queue().send(build_packet(segment));
}

model::Task<> TcpLayer::send(std::shared_ptr<TcpEndpoint> endpoint) {
  while (true) {
    const std::optional<TcpSegment> segment = endpoint->connection.next_segment(now());
    if (!segment) break;
    co_await transmit(*segment, endpoint->peer_mac);
  }
  arm(endpoint);
}

void TcpLayer::wake(TcpEndpoint& endpoint) {
  const TcpConnection& connection = endpoint.connection;
  const bool over = connection.at_end() || connection.state() == TcpConnection::State::closed;
  if (connection.readable() > 0 || over) {
    while (Process* reader = endpoint.readers.take_first()) kernel_.wake(*reader);
  }
  if (connection.room_for_writer() || over) {
    while (Process* writer = endpoint.writers.take_first()) kernel_.wake(*writer);
  }
}

// --- deferred work ---------------------------------------------------------------------------------------------------

// One entry per connection is enough: one that comes too early is put in again.
void TcpLayer::arm(const std::shared_ptr<TcpEndpoint>& endpoint) {
  const sim::Time when = endpoint->connection.next_timer();
  if (when == sim::Time::never()) return;
  constexpr auto kTick = sim::Duration::nanoseconds(kTickNanoseconds);
  const sim::Duration left = std::max(when - now(), sim::Duration::picoseconds(1));
  const u64 jiffy = kernel_.ticks() + static_cast<u64>((left + kTick - sim::Duration::picoseconds(1)) / kTick);
  if (endpoint->armed != 0 && endpoint->armed <= jiffy) return;
  endpoint->armed = jiffy;
  timers_.emplace(jiffy, endpoint);
}

std::optional<u64> TcpLayer::next_timer() const {
  return timers_.empty() ? std::nullopt : std::optional{timers_.begin()->first};
}

model::Task<> TcpLayer::work() {
  while (!deferred_.empty()) {
    const std::shared_ptr<TcpEndpoint> endpoint = deferred_.front();
    deferred_.pop_front();
    co_await send(endpoint);
    forget_if_over(endpoint);
  }
  const u64 jiffy = kernel_.ticks();
  while (!timers_.empty() && timers_.begin()->first <= jiffy) {
    const auto [armed, endpoint] = *timers_.begin();
    timers_.erase(timers_.begin());
    if (endpoint->armed == armed) endpoint->armed = 0;
    kernel_.charge(kernel_.paths().tcp_timer);
    endpoint->connection.run_timers(now());
    co_await send(endpoint);
    wake(*endpoint);
    forget_if_over(endpoint);
  }
}

// --- payload ---------------------------------------------------------------------------------------------------------

void TcpLayer::charge_checksum(u32 bytes) {
  if (kernel_.port().network()->computes_checksums()) return;
  const auto& memory = kernel_.machine().file().memory;
  kernel_.cpu().charge(model::MachineFile::cycles_for(memory.checksum_in_copy, bytes), model::Cause::bytes);
}

// Lines that the card reads it shares; lines that it writes are in memory alone. Either way the kernel's next use of
// them goes over the bus, one line after the other.
void TcpLayer::charge_lines_of_card(u32 bytes) {
  if (!kernel_.port().network()->reaches_memory()) return;
  const model::MachineFile& machine = kernel_.machine().file();
  const u32 lines = (bytes + machine.cache.line_bytes - 1) / machine.cache.line_bytes;
  kernel_.cpu().charge(kernel_.machine().clock().cycles_in(machine.memory.line_stream * lines), model::Cause::cache);
}

model::Task<> TcpLayer::copy_from_user(u32 address, u32 bytes) {
  charge_lines_of_card(bytes);
  charge_checksum(bytes);
  co_await kernel_.copy_user(address, bytes, model::Use::read);
}

model::Task<> TcpLayer::copy_to_user(u32 address, u32 bytes) {
  charge_lines_of_card(bytes);
  charge_checksum(bytes);
  co_await kernel_.copy_user(address, bytes, model::Use::write);
}

}  // namespace guest

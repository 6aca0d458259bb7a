#include "workloads/programs/ttcp.h"

#include <algorithm>

#include "workloads/kernel/network/network_stack.h"
#include "workloads/kernel/system_calls.h"

namespace guest {

namespace {

constexpr std::int64_t kWarmUpShare = 4;  // one in so many bytes

}  // namespace

model::Task<> Ttcp::run(SystemCalls& calls) {
  NetworkStack& network = calls.kernel().network();
  network.tcp().set_mtu(settings_.mtu);                                    // ifconfig
  network.neighbours().learn(settings_.peer.address, settings_.peer.mac);  // arp -s
  const Descriptor socket = co_await open(calls);
  co_await stream(calls, socket);
  co_await calls.close(socket);
  finished_ = true;
  while (true) co_await calls.pause();
}

// Connected to the peer.
model::Task<Descriptor> Ttcp::open(SystemCalls& calls) {
  const Descriptor socket = co_await calls.tcp_socket();
  co_await calls.set_socket_buffers(socket, kSocketBuffer, kSocketBuffer);
  if (settings_.direction == TtcpSettings::Direction::transmit) {
    started();
    const bool connected = co_await calls.connect(socket, {settings_.peer.address, kPort});
    if (!connected) calls.kernel().panic("ttcp: nobody answers");
    co_return socket;
  }
  const bool listening = co_await calls.listen(socket, kPort, 1);
  if (!listening) calls.kernel().panic("ttcp: its port is taken");
  started();
  const Descriptor connection = co_await calls.accept(socket);
  co_return connection;
}

model::Task<> Ttcp::stream(SystemCalls& calls, Descriptor socket) {
  Mapping mapping;
  mapping.bytes = kCallBytes;
  mapping.protection = {.read = true, .write = true};
  const u32 buffer = co_await calls.map(mapping);
  const bool transmits = settings_.direction == TtcpSettings::Direction::transmit;
  Reading begin, end;
  std::int64_t moved = 0;
  while (true) {
    const auto left = static_cast<u32>(std::min<std::int64_t>(settings_.bytes - moved, kCallBytes));
    u32 done = 0;
    if (!transmits) {
      done = co_await calls.read(socket, buffer, kCallBytes);
    } else if (left > 0) {
      done = co_await calls.write(socket, buffer, left);
    }
    if (done == 0) break;
    moved += done;
    end = read_clock(calls, moved);
    if (begin.moved == 0 && moved >= settings_.bytes / kWarmUpShare) begin = end;
  }
  if (moved != settings_.bytes) calls.kernel().panic("ttcp: the stream broke");
  report(begin, end);
}

Ttcp::Reading Ttcp::read_clock(SystemCalls& calls, std::int64_t moved) {
  return {calls.machine().running().now(), moved, causes_of(calls.machine())};
}

void Ttcp::report(const Reading& begin, const Reading& end) {
  const double bits = 8.0 * static_cast<double>(end.moved - begin.moved);
  const double seconds = (end.at - begin.at).to_seconds();
  constexpr double kMegabit = 1 << 20;
  results_.push_back({"rate", bits / kMegabit / seconds, "Mb/s"});
  const double segments = bits / 8 / (settings_.mtu - kIpHeader - kTcpHeader - kTimestampOption);
  for (std::size_t i = 0; i < kCauses; ++i) {
    const auto cycles = static_cast<double>(end.causes[i] - begin.causes[i]);
    results_.push_back({std::string{"rate."} + model::kCauseNames[i], cycles / segments, "cycles"});
  }
}

}  // namespace guest

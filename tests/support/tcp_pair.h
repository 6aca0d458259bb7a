// Two TCP connections with a path between them that delays, loses and swaps segments as it is told to.
#pragma once

#include <doctest/doctest.h>

#include <functional>
#include <map>
#include <utility>

#include "sim/random.h"
#include "workloads/kernel/network/tcp_connection.h"

namespace test {

class TcpPair {
 public:
  enum Side : int { client, server };
  struct Path {
    sim::Duration delay = sim::Duration::microseconds(100);
    sim::Duration per_byte = sim::Duration::nanoseconds(8);  // of the sender's link
    // How long the segment takes beyond that; nothing: it is lost.
    std::function<std::optional<sim::Duration>(int side, const guest::TcpSegment&)> fate =
        [](int, const guest::TcpSegment&) { return std::optional{sim::Duration{}}; };
  };

  TcpPair(const guest::TcpSettings& client_settings, const guest::TcpSettings& server_settings, Path path)
      : path_{std::move(path)},
        ends_{guest::TcpConnection{client_settings, kClient, kServer, 0xffff'f000},  // so that numbers wrap soon
              guest::TcpConnection{server_settings, kServer, kClient, 77}} {}

  guest::TcpConnection& end(int side) { return ends_[static_cast<std::size_t>(side)]; }
  sim::Time now() const { return now_; }
  std::uint64_t lost() const { return lost_; }

  void connect() {
    end(client).connect(now_);
    send_all(client);
  }

  // Lets time pass until `done` or `limit`, with `user` called after everything that happens.
  void run(const std::function<void()>& user, const std::function<bool()>& done, sim::Duration limit) {
    const sim::Time last = now_ + limit;
    user();
    flush();
    while (!done()) {
      sim::Time next = std::min(end(client).next_timer(), end(server).next_timer());
      if (!flying_.empty()) next = std::min(next, flying_.begin()->first.first);
      if (next > last) return;
      now_ = std::max(now_, next);
      if (!flying_.empty() && flying_.begin()->first.first <= now_) {
        const auto [to, segment] = flying_.begin()->second;
        flying_.erase(flying_.begin());
        arrive(to, segment);
      }
      for (const int side : {client, server}) {
        if (end(side).next_timer() <= now_) end(side).run_timers(now_);
      }
      user();
      flush();
    }
  }

 private:
  static constexpr guest::SocketAddress kClient{0x0a010001, 32768}, kServer{0x0a000001, 5001};

  void flush() {
    send_all(client);
    send_all(server);
  }

  void send_all(int side) {
    while (const std::optional<guest::TcpSegment> segment = end(side).next_segment(now_)) {
      const sim::Packet frame = guest::build_packet(*segment);
      guest::TcpSegment parsed;
      REQUIRE(guest::parse_packet(frame, parsed) == guest::PacketError::none);
      sim::Time& free = link_free_[static_cast<std::size_t>(side)];
      free = std::max(free, now_) + path_.per_byte * (frame.bytes + sim::kWireOverheadBytes);
      const std::optional<sim::Duration> more = path_.fate(side, parsed);
      if (!more) {
        ++lost_;
        continue;
      }
      flying_.emplace(std::pair{free + path_.delay + *more, number_++}, std::pair{1 - side, parsed});
    }
  }

  void arrive(int to, const guest::TcpSegment& segment) {
    if (to == server && end(server).state() == guest::TcpConnection::State::closed && segment.syn) {
      end(server).accept(segment, now_);
    } else {
      end(to).receive(segment, guest::buffer_memory(1554), now_);
    }
  }

  Path path_;
  std::array<guest::TcpConnection, 2> ends_;
  sim::Time now_;
  std::array<sim::Time, 2> link_free_{};
  std::map<std::pair<sim::Time, std::uint64_t>, std::pair<int, guest::TcpSegment>> flying_;
  std::uint64_t number_ = 0, lost_ = 0;
};

// A stream from the client to the server, in calls of 8 KB, read as it comes; then both close. Returns the time of its
// last byte.
inline sim::Time stream(TcpPair& pair, std::int64_t bytes, sim::Duration limit) {
  constexpr std::int64_t kCallBytes = 8 << 10;
  std::int64_t left = bytes;
  std::uint64_t read = 0;
  bool client_closed = false, server_closed = false;
  sim::Time arrived = sim::Time::never();
  guest::TcpConnection& client = pair.end(TcpPair::client);
  guest::TcpConnection& server = pair.end(TcpPair::server);
  pair.connect();
  pair.run(
      [&] {
        while (left > 0 && client.room() > 0) {
          const std::int64_t of_call = (left - 1) % kCallBytes + 1;
          const auto part = static_cast<std::uint32_t>(std::min<std::int64_t>(of_call, client.room()));
          client.append(part);
          left -= part;
          if (left % kCallBytes == 0) client.push();
        }
        std::uint32_t taken = 0;
        while (const std::uint32_t part = server.read(server.readable())) taken += part;
        server.read_done(taken);
        read += taken;
        if (read == static_cast<std::uint64_t>(bytes)) arrived = std::min(arrived, pair.now());
        if (left == 0 && client.established() && !client_closed) {
          client_closed = true;
          client.close(pair.now());
        }
        if (server.at_end() && !server_closed) {
          server_closed = true;
          server.close(pair.now());
        }
      },
      [&] { return client_closed && server_closed && server.state() == guest::TcpConnection::State::closed; }, limit);
  CHECK(read == static_cast<std::uint64_t>(bytes));
  CHECK(server.counts().bytes_received == static_cast<std::uint64_t>(bytes));
  CHECK(server_closed);
  return arrived;
}

inline guest::TcpSettings ttcp_settings(std::uint32_t mtu = 1500) {
  guest::TcpSettings settings;
  settings.mtu = mtu;
  settings.send_buffer = settings.receive_buffer = 2 * 131'071;
  return settings;
}

}  // namespace test

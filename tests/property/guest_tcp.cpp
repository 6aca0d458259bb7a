#include "support/tcp_pair.h"

namespace {

using guest::TcpConnection;
using sim::Duration;
using test::TcpPair;

constexpr std::int64_t kBytes = 2 << 20;

}  // namespace

TEST_CASE("every byte arrives, in order and once, whatever is lost, delayed or swapped") {
  std::uint64_t lost = 0, sent_again = 0;
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    CAPTURE(seed);
    sim::RandomStream random = sim::Random{seed}.stream("path");
    const auto lose_one_in = static_cast<std::int64_t>(10 + seed * 5);
    TcpPair::Path path;
    path.fate = [&](int, const guest::TcpSegment&) -> std::optional<Duration> {
      const auto draw = [&](std::int64_t n) {
        return random.uniform(Duration{}, Duration::picoseconds(n)).picoseconds();
      };
      if (draw(lose_one_in) == 0) return std::nullopt;
      return draw(20) == 0 ? Duration::microseconds(300) : Duration{};
    };
    TcpPair pair{test::ttcp_settings(), test::ttcp_settings(seed % 2 == 0 ? 1500 : 500), path};
    const sim::Time end = test::stream(pair, 200'000, Duration::seconds(3600));
    CHECK(end != sim::Time::never());
    lost += pair.lost();
    sent_again += pair.end(TcpPair::client).counts().retransmitted;
  }
  CHECK(lost > 100);
  CHECK(sent_again > 100);
}

TEST_CASE("one lost segment of many is sent again after three duplicates, without waiting for the timer") {
  int data = 0;
  TcpPair::Path path;
  path.fate = [&](int side, const guest::TcpSegment& segment) -> std::optional<Duration> {
    if (side == TcpPair::client && segment.payload_bytes > 0 && ++data == 100) return std::nullopt;
    return Duration{};
  };
  TcpPair pair{test::ttcp_settings(), test::ttcp_settings(), path};
  const sim::Time end = test::stream(pair, kBytes, Duration::seconds(10));
  const TcpConnection::Counts& counts = pair.end(TcpPair::client).counts();
  CHECK(counts.fast_retransmits == 1);
  CHECK(counts.retransmitted == 1);
  CHECK(counts.timeouts == 0);
  CHECK(end.since_start() < Duration::milliseconds(30));
}

TEST_CASE("a lost SYN is sent again after three seconds, a lost last segment after its timeout of at least 200 ms") {
  int number = 0;
  TcpPair::Path path;
  path.fate = [&](int side, const guest::TcpSegment& segment) -> std::optional<Duration> {
    if (side != TcpPair::client) return Duration{};
    if (segment.syn && ++number == 1) return std::nullopt;
    if (segment.payload_bytes > 0 && ++number == 3) return std::nullopt;
    return Duration{};
  };
  TcpPair pair{test::ttcp_settings(), test::ttcp_settings(), path};
  const sim::Time end = test::stream(pair, 1000, Duration::seconds(10));
  CHECK(end.since_start() > Duration::milliseconds(3'200));
  CHECK(end.since_start() < Duration::milliseconds(3'210));
  CHECK(pair.end(TcpPair::client).counts().timeouts == 2);
}

TEST_CASE("the window that a slow reader leaves holds the sender back, and opens again by itself") {
  TcpPair pair{test::ttcp_settings(), test::ttcp_settings(), {}};
  TcpConnection& client = pair.end(TcpPair::client);
  TcpConnection& server = pair.end(TcpPair::server);
  std::int64_t left = kBytes;
  const auto write = [&] {
    while (left > 0 && client.room() > 0) {
      const std::uint32_t part = client.room();
      client.append(part);
      left -= part;
    }
    client.push();
  };
  pair.connect();
  pair.run(
      write, [] { return false; }, Duration::seconds(2));
  const std::uint32_t waiting = server.readable();
  CHECK(waiting > 64 << 10);
  CHECK(waiting < 2 * 131'071);  // with what each buffer takes, less than the memory
  CHECK(server.counts().no_memory == 0);
  std::uint64_t read = 0;
  pair.run(
      [&] {
        write();
        std::uint32_t taken = 0;
        while (const std::uint32_t part = server.read(server.readable())) taken += part;
        server.read_done(taken);
        read += taken;
      },
      [&] { return left <= 0 && read == client.counts().bytes_acknowledged - 1; }, Duration::seconds(100));
  CHECK(left <= 0);
}

TEST_CASE("a reader that falls behind loses nothing of small segments in large buffers: their payload moves together") {
  TcpPair pair{test::ttcp_settings(500), test::ttcp_settings(500), {}};
  TcpConnection& client = pair.end(TcpPair::client);
  TcpConnection& server = pair.end(TcpPair::server);
  const auto write = [&] {
    while (client.room() > 0) client.append(client.room());
    client.push();
  };
  pair.connect();
  pair.run(
      [&] {
        write();
        std::uint32_t taken = 0;
        while (const std::uint32_t part = server.read(server.readable())) taken += part;
        server.read_done(taken);
      },
      [] { return false; }, Duration::milliseconds(50));  // the window opens
  CHECK(server.take_collapsed().buffers == 0);
  pair.run(
      write, [] { return false; }, Duration::seconds(2));  // nobody reads
  const TcpConnection::Collapsed collapsed = server.take_collapsed();
  CHECK(collapsed.buffers > 100);
  CHECK(collapsed.bytes > 448 * 100);
  CHECK(server.readable() > 64 << 10);
  CHECK(server.counts().no_memory == 0);
  CHECK(client.counts().retransmitted == 0);
  std::uint32_t left = server.readable();
  while (const std::uint32_t part = server.read(left)) left -= part;
  CHECK(left == 0);
  CHECK(server.readable() == 0);
}

TEST_CASE("a stream fills the wire: 941.48 Mb/s at MTU 1500, 832.71 at 500, timestamps included") {
  for (const auto& [packet, rate] : {std::pair{1500u, 941.48}, std::pair{500u, 832.71}}) {
    const std::uint32_t mtu = packet;  // clang 14 captures no binding
    CAPTURE(mtu);
    TcpPair pair{test::ttcp_settings(mtu), test::ttcp_settings(mtu), {}};
    const auto until = [&](std::int64_t bytes) {
      TcpPair fresh{test::ttcp_settings(mtu), test::ttcp_settings(mtu), {}};
      return test::stream(fresh, bytes, Duration::seconds(10)).since_start();
    };
    const Duration steady = until(12 << 20) - until(4 << 20);
    CHECK(8.0 * (8 << 20) / steady.to_seconds() / 1e6 == doctest::Approx(rate).epsilon(0.001));
  }
}

TEST_CASE("over a long path the rate is a window per round trip") {
  TcpPair::Path path;
  path.delay = Duration::milliseconds(20);
  const auto until = [&](std::int64_t bytes) {
    guest::TcpSettings server = test::ttcp_settings();
    server.receive_buffer = 60'000;  // below 64 KB: no scaling needed, the reader always reads all
    TcpPair pair{test::ttcp_settings(), server, path};
    return test::stream(pair, bytes, Duration::seconds(100)).since_start();
  };
  const Duration steady = until(3 << 20) - until(1 << 20);
  const double window = steady.to_seconds() > 0 ? (2 << 20) / (steady.to_seconds() / 0.0402) : 0;
  CHECK(window == doctest::Approx(45'000).epsilon(0.1));  // three quarters of the memory, in whole segments
}

TEST_CASE("two segments are answered by one acknowledgement once the connection is under way") {
  TcpPair pair{test::ttcp_settings(), test::ttcp_settings(), {}};
  test::stream(pair, 8 << 20, Duration::seconds(10));
  const double data = static_cast<double>(pair.end(TcpPair::client).counts().data_out);
  const double answers = static_cast<double>(pair.end(TcpPair::server).counts().segments_out);
  CHECK(answers / data == doctest::Approx(0.5).epsilon(0.05));
}

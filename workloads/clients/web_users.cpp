#include "workloads/clients/web_users.h"

#include <algorithm>

#include "workloads/programs/web99/profile.h"

namespace guest {

namespace {

constexpr std::uint16_t kFirstPort = 1024;  // of those that clients connect from, up to the last one there is
constexpr std::uint32_t kPorts = 65'536 - kFirstPort;
constexpr std::uint32_t kSequenceStep = 64'000;          // RFC 793's clock between two connections
constexpr std::uint32_t kReceiveBuffer = 1536 + 2 + 16;  // of a card's driver
constexpr std::uint32_t kHeaders = kIpHeader + kTcpHeader;
// What is left of an answer when the users start is in their buffers already, unless it is more than a window.
constexpr std::uint32_t kWindow = 65'536;
// They do not start at once but within the time of a request.
constexpr auto kStart = sim::Duration::milliseconds(300);
// After a connection that came to nothing.
constexpr auto kPause = sim::Duration::seconds(1);

}  // namespace

struct WebUsers::Line {
  TcpConnection connection;
  std::uint32_t place;  // in lines_
  User* user;           // null: it is done with it
  sim::EventHandle timer = {};
  sim::Time timer_at = sim::Time::never();
};

WebUsers::WebUsers(const Web99Settings& settings, const Addresses& addresses, const sim::LinkSettings& link,
                   sim::EventQueue& queue, sim::OutsideWorld& world, const sim::Random& random, std::string name)
    : settings_{settings},
      profile_{settings_.profile ? *settings_.profile : Web99Profile::standard()},
      addresses_{addresses},
      queue_{queue},
      world_{world},
      station_{world.attach(*this, link)},
      mix_{profile_, settings.connections, random, name},
      random_{random.stream(name + ".start")},
      users_(settings.connections),
      lines_(kPorts) {}

WebUsers::~WebUsers() = default;

sim::Duration WebUsers::line_time(std::uint64_t bytes) const {
  constexpr std::int64_t kPicosecondsPerSecond = 1'000'000'000'000;
  return sim::Duration::picoseconds(static_cast<std::int64_t>(bytes) * 8 *
                                    (kPicosecondsPerSecond / profile_.line_rate));
}

void WebUsers::schedule(sim::Time at, Event event, std::uint32_t index) {
  queue_.schedule(at, *this, std::uint64_t{index} << 8 | static_cast<std::uint64_t>(event));
}

// In the middle of transfers, as a long run is at any time.
void WebUsers::start(sim::Time at) {
  for (User& user : users_) {
    const WebMix::Middle middle = mix_.middle();
    user.on_connection = middle.on_connection;
    const bool asks = middle.waiting || middle.request.body_bytes() > kWindow;
    if (asks) {
      user.request = middle.request;
      user.left = answer_bytes(profile_, middle.request);
    }
    const sim::Duration rest = line_time(middle.request.body_bytes());
    schedule(at + (asks ? random_.uniform(sim::Duration{}, kStart) : rest), Event::begin, index_of(user));
  }
}

void WebUsers::on_event(std::uint64_t word) {
  const auto index = static_cast<std::uint32_t>(word >> 8);
  switch (static_cast<Event>(word & 0xff)) {
    case Event::begin:
      begin_request(users_[index]);
      break;
    case Event::read: {
      User& user = users_[index];
      user.reading = false;
      if (user.line != nullptr) go_on(user);
      break;
    }
    case Event::timer: {
      Line& line = *lines_[index];
      line.timer_at = sim::Time::never();
      line.connection.run_timers(queue_.now());
      line.user != nullptr ? go_on(*line.user) : serve(line);
      break;
    }
  }
}

// --- requests --------------------------------------------------------------------------------------------------------

void WebUsers::begin_request(User& user) {
  user.since = queue_.now();
  user.done = 0;
  if (user.left == 0) {  // else it goes on where a run begins
    user.request = mix_.next();
    user.left = answer_bytes(profile_, user.request);
  }
  if (user.line == nullptr) {
    if (user.on_connection == 0) user.on_connection = mix_.on_connection();
    open_line(user);
  } else {
    ask(user);
  }
  go_on(user);
}

void WebUsers::open_line(User& user) {
  do {
    last_line_ = (last_line_ + 1) % kPorts;
  } while (lines_[last_line_]);
  TcpSettings tcp;
  tcp.mtu = profile_.segment_payload + kHeaders;
  const SocketAddress own{addresses_.own, static_cast<std::uint16_t>(kFirstPort + last_line_)};
  sequence_ += kSequenceStep;
  lines_[last_line_].reset(new Line{TcpConnection{tcp, own, addresses_.server, sequence_}, last_line_, &user});
  user.line = lines_[last_line_].get();
  user.line->connection.connect(queue_.now());
  ++counts_.connections;
}

// The user has no business with it any more; it ends by itself.
void WebUsers::leave_line(User& user) {
  Line& line = *user.line;
  user.line = nullptr;
  line.user = nullptr;
  line.connection.close(queue_.now());
  serve(line);
}

void WebUsers::ask(User& user) {
  TcpConnection& connection = user.line->connection;
  --user.on_connection;
  user.request.last = user.on_connection == 0;
  user.asked = true;
  ++counts_.requests;
  settings_.requests->ask(connection.own(), user.request);
  const bool post = user.request.kind == WebRequest::Kind::post;
  connection.append(post ? profile_.post_request_bytes : profile_.request_bytes);
  connection.push();
}

void WebUsers::go_on(User& user) {
  TcpConnection& connection = user.line->connection;
  if (connection.failed()) {
    ++counts_.failed;
    if (user.asked || user.left == 0) ++counts_.lost;
    user.asked = false;
    user.left = user.on_connection = 0;
    leave_line(user);
    schedule(queue_.now() + kPause, Event::begin, index_of(user));
    return;
  }
  if (connection.established() && !user.asked && user.left > 0) ask(user);
  if (user.asked) read(user);
  if (!user.asked && user.left == 0) {
    finish_request(user);
  } else {
    serve(*user.line);
  }
}

void WebUsers::read(User& user) {
  TcpConnection& connection = user.line->connection;
  std::uint32_t taken = 0;
  while (user.left > 0) {
    const std::uint32_t part = std::min(profile_.read_bytes, user.left);
    const sim::Time due = user.since + line_time(user.done + part);
    if (queue_.now() < due) {
      if (!user.reading) schedule(due, Event::read, index_of(user));
      user.reading = true;
      break;
    }
    const std::uint32_t got = connection.read(part);
    if (got == 0) break;  // go_on() comes with more
    taken += got;
    user.done += got;
    user.left -= got;
  }
  counts_.bytes += taken;
  connection.read_done(taken);
  if (user.left == 0) user.asked = false;
}

// All of the answer is read. On the last of its connection the end of that is still to come, which the server sends
// behind the answer.
void WebUsers::finish_request(User& user) {
  TcpConnection& connection = user.line->connection;
  if (user.on_connection == 0 && !connection.at_end()) return serve(*user.line);
  ++counts_.answers;
  counts_.answer_time = counts_.answer_time + (queue_.now() - user.since);
  if (user.on_connection == 0) leave_line(user);
  begin_request(user);
}

// --- connections -----------------------------------------------------------------------------------------------------

void WebUsers::receive(const sim::Packet& packet, sim::Time) {
  TcpSegment segment;
  if (parse_packet(packet, segment) != PacketError::none) return;
  if (segment.destination_mac != addresses_.own_mac || segment.destination.address != addresses_.own) return;
  const std::uint32_t place = std::uint32_t{segment.destination.port} - kFirstPort;
  Line* const line = place < kPorts ? lines_[place].get() : nullptr;
  if (line == nullptr || segment.source != addresses_.server) {
    if (!segment.rst) send(reset_for(segment));
    return;
  }
  line->connection.receive(segment, buffer_memory(kReceiveBuffer), queue_.now());
  line->user != nullptr ? go_on(*line->user) : serve(*line);
}

void WebUsers::send(TcpSegment segment) {
  segment.source_mac = addresses_.own_mac;
  segment.destination_mac = addresses_.server_mac;
  world_.send(station_, build_packet(segment), queue_.now());
}

void WebUsers::serve(Line& line) {
  while (const auto segment = line.connection.next_segment(queue_.now())) send(*segment);
  if (line.user == nullptr && line.connection.state() == TcpConnection::State::closed) {
    if (line.timer_at != sim::Time::never()) queue_.cancel(line.timer);
    retransmitted_by_gone_ += line.connection.counts().retransmitted;
    lines_[line.place].reset();
    return;
  }
  const sim::Time when = line.connection.next_timer();
  if (when >= line.timer_at) return;  // the one that is set will look again
  if (line.timer_at != sim::Time::never()) queue_.cancel(line.timer);
  line.timer_at = when;
  line.timer = queue_.schedule(std::max(when, queue_.now()), *this,
                               std::uint64_t{line.place} << 8 | static_cast<std::uint64_t>(Event::timer));
}

std::uint64_t WebUsers::waiting() const {
  return static_cast<std::uint64_t>(std::ranges::count_if(
      users_, [](const User& user) { return user.asked || (user.left == 0 && user.line != nullptr); }));
}

std::uint64_t WebUsers::retransmitted() const {
  std::uint64_t sum = retransmitted_by_gone_;
  for (const auto& line : lines_) {
    if (line) sum += line->connection.counts().retransmitted;
  }
  return sum;
}

}  // namespace guest

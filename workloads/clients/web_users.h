// The users of a SPEC WEB99 server: emulated on machines outside, each with one connection at a time and one request on
// it, without time to think.
//
// A user reads its answer at the rate of its line: what arrives sooner waits in the buffers of its machine, and when it
// is behind it reads as fast as it can until it has caught up. So a transfer takes the time of the line, or that of the
// server if it is longer. The machines are fast enough never to be seen; they have the guest kernel's own TCP, and
// share one link.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "sim/event_queue.h"
#include "sim/outside/outside_world.h"
#include "workloads/kernel/network/tcp_connection.h"
#include "workloads/programs/web99/requests.h"
#include "workloads/spec.h"

namespace guest {

class WebUsers final : private sim::Endpoint, private sim::EventHandler {
 public:
  struct Addresses {
    MacAddress own_mac, server_mac;
    IpAddress own;
    SocketAddress server;
  };
  // Attaches itself to the world by `link`. All references outlive it. `name` is that of its random streams.
  WebUsers(const Web99Settings& settings, const Addresses& addresses, const sim::LinkSettings& link,
           sim::EventQueue& queue, sim::OutsideWorld& world, const sim::Random& random, std::string name);
  ~WebUsers();

  void start(sim::Time at);

  // Since they started.
  struct Counts {
    std::uint64_t requests = 0, answers = 0;
    std::uint64_t bytes = 0;             // read by the users
    std::uint64_t connections = 0;       // made
    std::uint64_t failed = 0, lost = 0;  // of these, reset by the server or given up; and requests on them
    sim::Duration answer_time;           // of all answers
  };
  const Counts& counts() const { return counts_; }
  std::uint32_t users() const { return static_cast<std::uint32_t>(users_.size()); }
  std::uint64_t waiting() const;  // users that wait for the rest of an answer
  std::uint64_t retransmitted() const;

  const Web99Profile& profile() const { return profile_; }
  const WebFileChoice& files() const { return mix_.files(); }

 private:
  enum class Event : std::uint8_t { begin, read, timer };
  struct Line;
  struct User {
    Line* line = nullptr;             // its connection; null: none
    std::uint32_t on_connection = 0;  // requests still to come on it
    WebRequest request;
    bool asked = false;                // and not answered
    std::uint32_t left = 0, done = 0;  // bytes of the answer
    sim::Time since;                   // when it began to ask, the making of a connection for it included
    bool reading = false;              // a read is scheduled
  };

  void receive(const sim::Packet& packet, sim::Time at) override;
  void on_event(std::uint64_t word) override;
  void schedule(sim::Time at, Event event, std::uint32_t index);

  void begin_request(User& user);
  void open_line(User& user);
  void leave_line(User& user);
  void go_on(User& user);  // after something happened on its line
  void ask(User& user);
  void read(User& user);
  void finish_request(User& user);
  void serve(Line& line);  // sends what is due and forgets the line when it is over; it may be gone afterwards
  void send(TcpSegment segment);
  sim::Duration line_time(std::uint64_t bytes) const;
  std::uint32_t index_of(const User& user) const { return static_cast<std::uint32_t>(&user - users_.data()); }

  Web99Settings settings_;
  const Web99Profile& profile_;
  Addresses addresses_;
  sim::EventQueue& queue_;
  sim::OutsideWorld& world_;
  sim::StationId station_;
  WebMix mix_;
  sim::RandomStream random_;
  std::vector<User> users_;
  std::vector<std::unique_ptr<Line>> lines_;  // by port, from the first on; null: free
  std::uint32_t last_line_ = 0, sequence_ = 0;
  Counts counts_;
  std::uint64_t retransmitted_by_gone_ = 0;
};

}  // namespace guest

// A client outside that pings a guest's UDP echo port and measures how long each answer takes.
//
// Requests carry a sequence number in their payload. A request without an answer after the timeout is lost; an answer
// after that is late and not a sample, so sent == answered + lost + outstanding at any time.
#pragma once

#include <cstdint>
#include <deque>
#include <vector>

#include "sim/event_queue.h"
#include "sim/outside/outside_world.h"
#include "sim/random.h"
#include "sim/time.h"
#include "workloads/kernel/network/datagram.h"
#include "workloads/spec.h"

namespace guest {

struct UdpSample {
  std::uint64_t sequence;
  sim::Time sent;
  sim::Duration latency;  // to the arrival of the answer's last bit
};

class UdpClient final : private sim::Endpoint, private sim::EventHandler {
 public:
  struct Addresses {
    MacAddress own_mac, target_mac;
    SocketAddress own, target;
  };
  // Attaches itself to the world by `link`. All references outlive the client.
  UdpClient(const ClientSpec& spec, const Addresses& addresses, const sim::LinkSettings& link, sim::EventQueue& queue,
            sim::OutsideWorld& world, const sim::RandomStream& random);

  void start(sim::Time at);             // first request
  void change(const ClientSpec& spec);  // of what it sends from now on

  std::uint64_t sent() const { return next_sequence_; }
  std::uint64_t lost() const { return lost_; }
  std::uint64_t late() const { return late_; }
  std::uint64_t outstanding() const { return outstanding_; }
  const std::vector<UdpSample>& samples() const { return samples_; }  // in the order of answers

 private:
  enum class Event : std::uint64_t { request, timeout };
  struct Request {
    sim::Time sent;
    bool answered = false;
  };

  static const ClientSpec& checked(const ClientSpec& spec);
  void on_event(std::uint64_t word) override;
  void receive(const sim::Packet& packet, sim::Time at) override;
  void send_request();
  void expire();
  void arm_timeout();
  void finished_one();  // answered or lost: in a closed loop the next may come
  sim::Duration interval();
  static bool is_closed_loop(const ClientSpec& spec) {
    return spec.interval.kind == IntervalSettings::Kind::closed_loop;
  }
  bool closed_loop() const { return is_closed_loop(spec_); }

  ClientSpec spec_;
  Addresses addresses_;
  sim::EventQueue& queue_;
  sim::OutsideWorld& world_;
  sim::RandomStream random_;
  sim::StationId station_;

  std::deque<Request> window_;      // from window_start_ on, up to the newest
  std::uint64_t window_start_ = 0;  // sequence number
  std::uint64_t next_sequence_ = 0;
  std::uint64_t outstanding_ = 0, lost_ = 0, late_ = 0;
  sim::EventHandle timeout_event_;
  std::vector<UdpSample> samples_;
};

}  // namespace guest

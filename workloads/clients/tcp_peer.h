// The machine at the other end of a guest's ttcp: sends the stream or takes it.
//
// It has the guest kernel's own TCP, and of the rest only what the other end can see of it: a CPU that handles one
// segment after the other, each in the same time, and a card that may hold the first packet for a while before it
// interrupts. Its program keeps up always.
#pragma once

#include <deque>
#include <optional>

#include "sim/event_queue.h"
#include "sim/outside/outside_world.h"
#include "workloads/kernel/network/tcp_connection.h"
#include "workloads/spec.h"

namespace guest {

class TcpPeer final : private sim::Endpoint, private sim::EventHandler {
 public:
  struct Addresses {
    MacAddress own_mac, guest_mac;
    IpAddress own, guest;
  };
  // Attaches itself to the world by `link`. Both outlive it. Where the guest sends, it listens from now on.
  TcpPeer(const TtcpSettings& settings, const Addresses& addresses, const sim::LinkSettings& link,
          sim::EventQueue& queue, sim::OutsideWorld& world);

  void start(sim::Time at);  // where the guest receives: connects

  std::uint64_t bytes_read() const { return read_; }
  const TcpConnection* connection() const { return connection_ ? &*connection_ : nullptr; }

 private:
  enum class Event : std::uint64_t { start, work, done, timer };

  void receive(const sim::Packet& packet, sim::Time at) override;
  void on_event(std::uint64_t word) override;
  void begin_work();  // on the next segment, unless it is busy or there is none
  void end_work();
  void handle(const TcpSegment& segment);
  void run_program();
  std::optional<TcpSegment> next_to_send();
  void arm_timer();
  bool sends() const { return settings_.direction == TtcpSettings::Direction::receive; }
  TcpConnection make_connection(SocketAddress own, SocketAddress guest) const;

  TtcpSettings settings_;
  Addresses addresses_;
  sim::EventQueue& queue_;
  sim::OutsideWorld& world_;
  sim::StationId station_;

  std::optional<TcpConnection> connection_;
  std::int64_t left_;  // to be written
  std::uint64_t read_ = 0;
  bool closed_ = false;

  // The CPU: what it is at, and what waits.
  std::deque<sim::Packet> arrived_;
  std::optional<TcpSegment> receiving_, sending_, refusal_;
  bool work_scheduled_ = false;
  bool received_last_ = false;
  sim::EventHandle timer_;
  sim::Time timer_at_ = sim::Time::never();
};

}  // namespace guest

// One end of a TCP connection as Linux 2.4 has it: segments and time in, segments out. No kernel around it, no payload:
// bytes are counted, not kept. (net/ipv4/tcp*.c of 2.4; RFC 793, 1122, 1323, 2581, 2582, 2988.)
//
// Whoever owns it passes in what arrives, then takes segments until there are none, and calls again when a timer is
// due. Every call leaves it consistent, so that a call from an interrupt may come between any two of its owner's.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <utility>
#include <vector>

#include "sim/time.h"
#include "workloads/kernel/network/tcp_segment.h"

namespace guest {

struct TcpSettings {
  std::uint32_t mtu = 1500;
  // Of the connection's memory, with all that a buffer takes beyond its payload: net.ipv4.tcp_wmem and tcp_rmem.
  std::uint32_t send_buffer = 16'384, receive_buffer = 87'380;
  std::int64_t timestamp_hertz = 100;  // jiffies
  // Whether the former grows while a writer waits for more than it takes: unless the user has said how large it is.
  bool send_buffer_grows = true;
  bool no_delay = false;  // TCP_NODELAY: segments that are not full do not wait for each other
};

class TcpConnection {
 public:
  enum class State : std::uint8_t {
    closed,
    syn_sent,
    syn_received,
    established,
    fin_wait_1,
    fin_wait_2,
    close_wait,
    closing,
    last_ack,
    time_wait
  };

  TcpConnection(const TcpSettings& settings, SocketAddress own, SocketAddress peer, std::uint32_t initial_sequence);

  // --- opening and closing ------------------------------------------------------------------------------------------
  void connect(sim::Time now);
  void accept(const TcpSegment& syn, sim::Time now);  // answers a SYN that arrived for a listener
  void close(sim::Time now);                          // no more will be read or written
  void shut_down();                                   // no more will be written
  State state() const { return state_; }
  bool established() const { return state_ == State::established || state_ == State::close_wait; }
  bool failed() const { return failed_; }  // reset or given up

  // --- segments and timers ------------------------------------------------------------------------------------------
  // `memory`: what the segment's buffer takes, see receive_charge().
  void receive(const TcpSegment& segment, std::uint32_t memory, sim::Time now);
  std::optional<TcpSegment> next_segment(sim::Time now);
  sim::Time next_timer() const;
  void run_timers(sim::Time now);

  // --- the user's side ----------------------------------------------------------------------------------------------
  // Bytes that fit behind what is written, in one segment: 0 when its memory is used up, or writing makes no sense.
  std::uint32_t room() const;
  void writer_waits() { writer_waits_ = true; }
  bool room_for_writer() const;      // a third is free: a sleeping writer is woken
  bool starts_segment() const;       // the next byte that is written begins a buffer
  void append(std::uint32_t bytes);  // written; full segments may go, see push()
  void set_no_delay() { settings_.no_delay = true; }
  void push();  // the end of a write: the last segment may go though it is not full
  std::uint32_t readable() const { return readable_; }
  bool at_end() const { return peer_closed_ || failed_; }  // after what is readable
  std::uint32_t read(std::uint32_t bytes);                 // up to the end of one buffer; bytes taken
  void read_done(std::uint32_t bytes);  // so many were taken since the last time: may owe the peer an answer

  SocketAddress own() const { return own_; }
  SocketAddress peer() const { return peer_; }
  std::uint32_t payload() const { return payload_; }               // of a full segment
  std::uint32_t buffers_sent_and_freed() const { return freed_; }  // cumulative, for whoever charges freeing them

  struct Collapsed {
    std::uint32_t buffers = 0, bytes = 0;
  };
  Collapsed take_collapsed() { return std::exchange(collapsed_, {}); }  // since the last time, to charge the copying

  struct Counts {
    std::uint64_t segments_in = 0, segments_out = 0, data_out = 0;
    std::uint64_t retransmitted = 0, fast_retransmits = 0, timeouts = 0, duplicates = 0, reordered = 0, no_memory = 0;
    std::uint64_t bytes_received = 0, bytes_acknowledged = 0;
  };
  const Counts& counts() const { return counts_; }
  std::uint32_t congestion_window() const { return congestion_window_; }  // segments
  sim::Duration retransmission_timeout() const { return timeout_; }

 private:
  struct Outgoing {  // Linux: an sk_buff of the write queue
    std::uint32_t sequence = 0, bytes = 0;
    bool syn = false, fin = false, pushed = false;
    std::uint32_t memory = 0;
    std::uint32_t transmissions = 0;
    sim::Time sent;
    std::uint32_t end() const { return sequence + bytes + (syn ? 1u : 0u) + (fin ? 1u : 0u); }
  };
  struct Incoming {  // of the receive queue
    std::uint32_t bytes = 0, memory = 0;
  };
  struct Reordered {  // of the out-of-order queue
    std::uint32_t begin = 0, end = 0, memory = 0;
    bool fin = false;
  };

  // Sending, tcp_output.cpp.
  TcpSegment make_segment(const Outgoing& what, sim::Time now);
  TcpSegment make_empty(std::uint32_t sequence, sim::Time now);
  void complete(TcpSegment& segment, sim::Time now);
  sim::Duration timestamp_tick() const { return sim::Duration::seconds(1) / settings_.timestamp_hertz; }
  sim::Time time_of_timestamp(std::uint32_t value) const { return sim::Time::at(timestamp_tick() * value); }
  void add_syn_options(TcpSegment& segment) const;
  bool may_send(const Outgoing& next) const;
  void sent_data(Outgoing& what, sim::Time now);
  std::uint32_t in_flight() const { return static_cast<std::uint32_t>(head_); }  // segments
  void queue_fin();
  void arm_probe(sim::Time now);
  bool split_first();
  void retransmission_timer(sim::Time now);

  // Acknowledgements of what was sent, tcp_acknowledge.cpp.
  void take_options(const TcpSegment& syn);
  bool take_acknowledgement(const TcpSegment& segment, sim::Time now);  // false: of something never sent
  void update_window(const TcpSegment& segment);
  std::uint32_t free_acknowledged(const TcpSegment& answer, sim::Time now);  // segments
  void measure_round_trip(sim::Duration sample);
  void duplicate_acknowledgement();
  void advance_congestion(std::uint32_t segments, std::uint32_t flight_before);
  void sent_is_acknowledged(sim::Time now);
  void grow_send_buffer();

  // Receiving, tcp_input.cpp.
  void finish_connect(const TcpSegment& answer, sim::Time now);
  void take_data(const TcpSegment& segment, std::uint32_t memory, sim::Time now);
  void add_readable(std::uint32_t bytes, std::uint32_t memory);
  void add_reordered(const TcpSegment& segment, std::uint32_t memory);
  void join_reordered();
  void peer_finished(sim::Time now);
  void data_arrived(const TcpSegment& segment, std::uint32_t memory, sim::Time now);
  void grow_window(std::uint32_t bytes, std::uint32_t memory);
  bool make_room();
  void clamp_window();
  void collapse();
  void quick_acknowledgements();
  void acknowledge_quickly();
  void schedule_acknowledgement(sim::Time now);
  void acknowledgement_sent();
  std::uint32_t receive_window() const;  // what the peer may still send
  std::uint32_t window_to_offer() const;
  std::uint32_t select_window();
  void choose_initial_window();
  void reset();
  void enter_time_wait(sim::Time now);

  TcpSettings settings_;
  SocketAddress own_, peer_;
  State state_ = State::closed;
  bool failed_ = false, closed_by_user_ = false, reset_due_ = false;
  bool timestamps_ = true, scaling_ = true;
  std::uint32_t payload_;
  std::uint16_t next_identification_ = 1;
  Counts counts_;

  // What was written and is not acknowledged; the first head_ of it are in flight.
  std::deque<Outgoing> queue_;
  std::size_t head_ = 0;
  std::uint32_t memory_sent_ = 0, freed_ = 0;
  bool writer_waits_ = false;                      // for room
  std::uint32_t unacknowledged_, next_, written_;  // sequence numbers: SND.UNA, SND.NXT, end of the queue
  std::uint32_t peer_window_ = 0, largest_peer_window_ = 0, window_update_ = 0;  // the last: SND.WL1
  std::uint8_t peer_scale_ = 0;
  std::uint32_t last_small_;  // end of the last segment sent that was not full [Minshall's variant of Nagle's rule]
  bool fin_queued_ = false, retransmit_first_ = false, probe_due_ = false;

  std::uint32_t congestion_window_, threshold_ = 0x7fff'ffff, window_count_ = 0;  // in segments
  std::uint32_t duplicates_ = 0, recover_;
  bool recovering_ = false;
  sim::Duration timeout_, smoothed_, variation_;
  std::uint32_t backoff_ = 0;
  sim::Time retransmit_at_ = sim::Time::never(), last_sent_;

  // What was received.
  std::deque<Incoming> received_;
  std::vector<Reordered> reordered_;
  std::uint32_t readable_ = 0, memory_received_ = 0;
  Collapsed collapsed_;
  std::uint32_t expected_ = 0;  // RCV.NXT
  bool peer_closed_ = false;
  std::uint32_t offered_at_ = 0, offered_ = 0;         // where the window was last offered, and how much
  std::uint32_t window_limit_ = 0, window_clamp_ = 0;  // Linux: rcv_ssthresh, window_clamp
  std::uint8_t scale_ = 0;
  std::uint32_t peer_payload_ = 0;  // the largest seen: Linux: rcv_mss
  std::uint32_t recent_timestamp_ = 0;

  bool acknowledgement_scheduled_ = false, acknowledge_now_ = false, pushed_ = false;
  bool interactive_ = false;  // answers carry acknowledgements: Linux: pingpong
  std::uint32_t quick_ = 0;   // acknowledgements that are not delayed
  sim::Duration delay_;       // Linux: ato
  sim::Time acknowledge_at_ = sim::Time::never(), last_received_;
  sim::Time close_at_ = sim::Time::never();
};

// What a buffer with `bytes` of room takes of a socket's memory: struct sk_buff and the room rounded up to cache lines.
std::uint32_t buffer_memory(std::uint32_t bytes);

}  // namespace guest

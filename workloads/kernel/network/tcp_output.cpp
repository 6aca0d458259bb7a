// What a connection sends: new segments, old ones again, acknowledgements, probes. (Linux 2.4, net/ipv4/tcp_output.c.)
#include <algorithm>

#include "workloads/kernel/network/tcp_connection.h"
#include "workloads/kernel/network/tcp_constants.h"

namespace guest {

using namespace tcp;

void TcpConnection::add_syn_options(TcpSegment& segment) const {
  segment.maximum_size = static_cast<std::uint16_t>(settings_.mtu - kIpHeader - kTcpHeader);
  if (timestamps_) segment.sack_permitted = true;
  if (scaling_) segment.window_scale = scale_;
}

// Addresses, options, acknowledgement and window, as every segment has them.
void TcpConnection::complete(TcpSegment& segment, sim::Time now) {
  segment.source = own_;
  segment.destination = peer_;
  segment.identification = next_identification_++;
  if (timestamps_ && !segment.rst) {
    segment.timestamps = {static_cast<std::uint32_t>(now.since_start() / timestamp_tick()), recent_timestamp_};
  }
  if (segment.syn) add_syn_options(segment);
  segment.ack = !(state_ == State::syn_sent && segment.syn);
  if (segment.ack) segment.acknowledgement = expected_;
  const std::uint32_t window = select_window();
  segment.window = static_cast<std::uint16_t>(std::min(segment.syn ? window : window >> scale_, kMostUnscaled));
  if (segment.ack) acknowledgement_sent();
  ++counts_.segments_out;
}

TcpSegment TcpConnection::make_segment(const Outgoing& what, sim::Time now) {
  TcpSegment segment;
  segment.sequence = what.sequence;
  segment.payload_bytes = static_cast<std::uint16_t>(what.bytes);
  segment.syn = what.syn;
  segment.fin = what.fin;
  segment.psh = what.pushed && what.bytes > 0;
  complete(segment, now);
  return segment;
}

TcpSegment TcpConnection::make_empty(std::uint32_t sequence, sim::Time now) {
  TcpSegment segment;
  segment.sequence = sequence;
  complete(segment, now);
  return segment;
}

void TcpConnection::queue_fin() {
  fin_queued_ = true;
  if (queue_.size() > head_ && queue_.back().transmissions == 0 && !queue_.back().syn) {
    queue_.back().fin = true;
  } else {
    queue_.push_back({.sequence = written_, .fin = true});
  }
  ++written_;
}

// [tcp_snd_test]
bool TcpConnection::may_send(const Outgoing& next) const {
  if (in_flight() >= congestion_window_) return false;
  if (next.syn) return true;
  if (state_ == State::syn_sent || state_ == State::syn_received) return false;
  if (after(next.end(), unacknowledged_ + peer_window_ + (next.fin ? 1u : 0u))) return false;
  if (next.transmissions > 0 || next.fin || next.bytes >= payload_) return true;
  // Not full: at the end of a write, and only one of them under way.
  const bool small_in_flight = after(last_small_, unacknowledged_);
  return next.pushed && (settings_.no_delay || !(in_flight() > 0 && small_in_flight));
}

void TcpConnection::sent_data(Outgoing& what, sim::Time now) {
  if (what.transmissions++ > 0) ++counts_.retransmitted;
  what.sent = last_sent_ = now;
  if (after(what.end(), next_)) next_ = what.end();
  if (what.bytes == 0) return;
  ++counts_.data_out;
  if (what.bytes < payload_) last_small_ = what.end();
  if (now - last_received_ < delay_) interactive_ = true;  // an answer: the next acknowledgement may wait for another
}

std::optional<TcpSegment> TcpConnection::next_segment(sim::Time now) {
  if (reset_due_) {
    reset_due_ = false;
    TcpSegment segment;
    segment.sequence = next_;
    segment.rst = true;
    complete(segment, now);
    reset();
    return segment;
  }
  if (state_ == State::closed) return std::nullopt;
  if (retransmit_first_) {
    retransmit_first_ = false;
    if (head_ > 0) {
      sent_data(queue_.front(), now);
      return make_segment(queue_.front(), now);
    }
  }
  if (head_ < queue_.size()) {
    if (in_flight() == 0 && next_ == unacknowledged_ && smoothed_ > sim::Duration{} && now - last_sent_ > timeout_) {
      congestion_window_ = std::min(congestion_window_, kInitialWindow);  // idle: the path may have changed [RFC 2861]
    }
    Outgoing& next = queue_[head_];
    if (may_send(next)) {
      sent_data(next, now);
      ++head_;
      if (retransmit_at_ == sim::Time::never() || head_ == 1) retransmit_at_ = now + timeout_;
      return make_segment(next, now);
    }
    arm_probe(now);
  }
  if (probe_due_) {
    probe_due_ = false;
    return make_empty(unacknowledged_ - 1, now);
  }
  if (acknowledge_now_) return make_empty(next_, now);
  return std::nullopt;
}

// Nothing is in flight that could bring news of a larger window.
void TcpConnection::arm_probe(sim::Time now) {
  if (in_flight() == 0 && retransmit_at_ == sim::Time::never() && !queue_[head_].syn) {
    if (after(queue_[head_].end(), unacknowledged_ + peer_window_)) retransmit_at_ = now + timeout_;
  }
}

// Into a segment that fits the peer's window and the rest. False: nothing fits [tcp_write_wakeup].
bool TcpConnection::split_first() {
  Outgoing& first = queue_.front();
  if (peer_window_ == 0 || first.bytes <= peer_window_) return false;
  Outgoing rest = first;
  first.bytes = peer_window_;
  first.fin = false;
  first.pushed = true;
  rest.sequence += peer_window_;
  rest.bytes -= peer_window_;
  memory_sent_ += rest.memory;
  queue_.insert(queue_.begin() + 1, rest);
  return true;
}

// [tcp_retransmit_timer, tcp_probe_timer]
void TcpConnection::retransmission_timer(sim::Time now) {
  retransmit_at_ = sim::Time::never();
  if (queue_.empty()) return;
  if (++backoff_ > kMostRetries) return reset();
  timeout_ = std::min(timeout_ * 2, kMostTimeout);
  if (in_flight() == 0) {
    // As much as the window takes, or an old byte's number, which the peer must answer.
    if (!split_first()) probe_due_ = true;
    retransmit_at_ = now + timeout_;
    return;
  }
  ++counts_.timeouts;
  if (backoff_ == 1) threshold_ = std::max(std::min(congestion_window_, in_flight()) / 2, 2u);
  congestion_window_ = 1;
  window_count_ = duplicates_ = 0;
  recovering_ = false;
  recover_ = next_;
  head_ = 0;  // all of it is taken for lost
}

sim::Time TcpConnection::next_timer() const { return std::min(std::min(retransmit_at_, acknowledge_at_), close_at_); }

void TcpConnection::run_timers(sim::Time now) {
  if (close_at_ <= now) {
    close_at_ = sim::Time::never();
    state_ = State::closed;
    return;
  }
  if (acknowledge_at_ <= now) {  // [tcp_delack_timer]
    acknowledge_at_ = sim::Time::never();
    if (acknowledgement_scheduled_) {
      if (interactive_) {
        interactive_ = false;
        delay_ = kLeastDelay;
      } else {
        delay_ = std::min(delay_ * 2, timeout_);
      }
      acknowledge_now_ = true;
    }
  }
  if (retransmit_at_ <= now) retransmission_timer(now);
}

}  // namespace guest

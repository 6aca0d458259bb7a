// What acknowledgements do to the sender: windows, round-trip times, congestion. (Linux 2.4, net/ipv4/tcp_input.c.)
#include <algorithm>

#include "workloads/kernel/network/tcp_connection.h"
#include "workloads/kernel/network/tcp_constants.h"

namespace guest {

using namespace tcp;

void TcpConnection::take_options(const TcpSegment& syn) {
  constexpr std::uint32_t kDefaultSize = 536;  // RFC 1122
  if (syn.timestamps) {
    recent_timestamp_ = syn.timestamps->value;
  } else {
    timestamps_ = false;
  }
  if (syn.window_scale) {
    peer_scale_ = std::min(*syn.window_scale, kMostScale);
  } else {
    scaling_ = false;
    scale_ = 0;
  }
  const std::uint32_t segment =
      std::min<std::uint32_t>(settings_.mtu - kIpHeader - kTcpHeader, syn.maximum_size.value_or(kDefaultSize));
  payload_ = segment - (timestamps_ ? kTimestampOption : 0);
  peer_payload_ = std::min({payload_, offered_ / 2, kLeastPeerPayload});
}

bool TcpConnection::take_acknowledgement(const TcpSegment& segment, sim::Time now) {
  const std::uint32_t up_to = segment.acknowledgement;
  if (after(up_to, next_)) {
    acknowledge_now_ = true;
    return false;
  }
  if (before(up_to, unacknowledged_)) return true;  // overtaken by a later one
  const std::uint32_t window_before = peer_window_;
  update_window(segment);
  if (up_to == unacknowledged_) {
    const bool news = segment.length() > 0 || peer_window_ != window_before;
    if (!news && in_flight() > 0) duplicate_acknowledgement();
    return true;
  }
  const std::uint32_t flight_before = in_flight();
  const std::uint32_t segments = free_acknowledged(segment, now);
  backoff_ = 0;
  if (smoothed_ > sim::Duration{}) timeout_ = smoothed_ + std::max(variation_ * 4, kLeastTimeout);
  advance_congestion(segments, flight_before);
  retransmit_at_ = in_flight() > 0 ? now + timeout_ : sim::Time::never();
  if (writer_waits_) grow_send_buffer();
  if (fin_queued_ && unacknowledged_ == written_) sent_is_acknowledged(now);
  return true;
}

// [tcp_new_space]: twice what the congestion window has under way, with room for segments that are overtaken.
void TcpConnection::grow_send_buffer() {
  if (!settings_.send_buffer_grows || in_flight() >= congestion_window_) return;
  writer_waits_ = false;
  const std::uint32_t segments = 2 * std::max(congestion_window_, kReordering + 1);
  const std::uint32_t wanted = segments * buffer_memory(payload_ + kHeaderRoom);
  settings_.send_buffer = std::max(settings_.send_buffer, std::min(wanted, kMostSendBuffer));
}

// RFC 793: only by a segment that is not older than the last that did.
void TcpConnection::update_window(const TcpSegment& segment) {
  const std::uint32_t window = std::uint32_t{segment.window} << peer_scale_;
  const bool newer = after(segment.acknowledgement, unacknowledged_) || after(segment.sequence, window_update_) ||
                     (segment.sequence == window_update_ && window > peer_window_);
  if (!newer) return;
  window_update_ = segment.sequence;
  peer_window_ = window;
  if (in_flight() == 0 && window > 0) {  // no probe is needed any more
    retransmit_at_ = sim::Time::never();
    backoff_ = 0;
  }
}

std::uint32_t TcpConnection::free_acknowledged(const TcpSegment& answer, sim::Time now) {
  const std::uint32_t up_to = answer.acknowledgement;
  std::uint32_t segments = 0;
  counts_.bytes_acknowledged += up_to - unacknowledged_;
  unacknowledged_ = up_to;
  std::optional<sim::Duration> round_trip;
  while (!queue_.empty() && !after(queue_.front().end(), up_to)) {
    const Outgoing& first = queue_.front();
    // Of one that was sent twice only the timestamp tells which was answered [Karn; RFC 1323].
    if (first.transmissions == 1) {
      round_trip = now - first.sent;
    } else {
      round_trip = timestamps_ ? std::optional{now - time_of_timestamp(answer.timestamps->echo)} : std::nullopt;
    }
    memory_sent_ -= first.memory;
    if (first.memory > 0) ++freed_;
    queue_.pop_front();
    if (head_ > 0) --head_;
    ++segments;
  }
  if (!queue_.empty() && before(queue_.front().sequence, up_to)) {
    Outgoing& first = queue_.front();
    first.bytes -= up_to - first.sequence;
    first.sequence = up_to;
  }
  if (round_trip) measure_round_trip(*round_trip);
  return segments;
}

// RFC 2988, with Linux's floor under the variation.
void TcpConnection::measure_round_trip(sim::Duration sample) {
  if (smoothed_ == sim::Duration{}) {
    smoothed_ = sample;
    variation_ = sample / 2;
  } else {
    const sim::Duration error = sample > smoothed_ ? sample - smoothed_ : smoothed_ - sample;
    variation_ = (variation_ * 3 + error) / 4;
    smoothed_ = (smoothed_ * 7 + sample) / 8;
  }
  timeout_ = std::min(smoothed_ + std::max(variation_ * 4, kLeastTimeout), kMostTimeout);
}

// RFC 2581 and 2582: the third says that a segment is lost, each further one that another has left the network.
void TcpConnection::duplicate_acknowledgement() {
  ++duplicates_;
  if (recovering_) {
    ++congestion_window_;
  } else if (duplicates_ == kDuplicatesOfLoss && !before(unacknowledged_, recover_)) {
    ++counts_.fast_retransmits;
    threshold_ = std::max(std::min(congestion_window_, in_flight()) / 2, 2u);
    congestion_window_ = threshold_ + kDuplicatesOfLoss;
    recover_ = next_;
    recovering_ = retransmit_first_ = true;
  }
}

void TcpConnection::advance_congestion(std::uint32_t segments, std::uint32_t flight_before) {
  duplicates_ = 0;
  if (recovering_) {
    if (!before(unacknowledged_, recover_)) {
      recovering_ = false;
      congestion_window_ = threshold_;
    } else {  // the next hole
      retransmit_first_ = true;
      congestion_window_ = std::max(congestion_window_, segments + 1) - segments + 1;
    }
    return;
  }
  if (flight_before < congestion_window_) return;  // it was not what held the sender back
  if (congestion_window_ < threshold_) {
    ++congestion_window_;
  } else if (++window_count_ >= congestion_window_) {
    window_count_ = 0;
    ++congestion_window_;
  }
}

// Our end is known to the peer.
void TcpConnection::sent_is_acknowledged(sim::Time now) {
  switch (state_) {
    case State::fin_wait_1:
      state_ = State::fin_wait_2;
      if (closed_by_user_) close_at_ = now + kTimeWait;
      break;
    case State::closing:
      enter_time_wait(now);
      break;
    case State::last_ack:
      state_ = State::closed;
      break;
    default:
      break;
  }
}

}  // namespace guest

// What a connection receives: order, the window that it offers, when it acknowledges. (Linux 2.4, net/ipv4/tcp_input.c
// and tcp_output.c; the names in brackets.)
#include <algorithm>

#include "workloads/kernel/network/tcp_connection.h"
#include "workloads/kernel/network/tcp_constants.h"

namespace guest {

using namespace tcp;

void TcpConnection::receive(const TcpSegment& segment, std::uint32_t memory, sim::Time now) {
  ++counts_.segments_in;
  if (state_ == State::closed) return;
  if (state_ == State::syn_sent) return finish_connect(segment, now);

  const bool in_window = !before(segment.end(), offered_at_) && !after(segment.sequence, expected_ + receive_window());
  if (!in_window) {
    ++counts_.duplicates;
    if (!segment.rst) acknowledge_quickly();
    return;
  }
  if (segment.rst) return reset();
  if (segment.syn) {
    if (!before(segment.sequence, expected_)) return reset();
    // The answer to it was lost.
    (state_ == State::syn_received ? retransmit_first_ : acknowledge_now_) = true;
    return;
  }
  if (!segment.ack || (timestamps_ && !segment.timestamps)) return;
  if (segment.timestamps && !after(segment.sequence, offered_at_)) recent_timestamp_ = segment.timestamps->value;
  if (!take_acknowledgement(segment, now)) return;
  const bool open = queue_.empty() || !queue_.front().syn;
  if (state_ == State::syn_received && open) state_ = State::established;
  if (segment.length() > 0) take_data(segment, memory, now);
}

void TcpConnection::finish_connect(const TcpSegment& answer, sim::Time now) {
  if (!answer.ack || answer.acknowledgement != next_) return;
  if (answer.rst) return reset();
  if (!answer.syn) return;
  take_options(answer);
  expected_ = offered_at_ = answer.sequence + 1;
  peer_window_ = answer.window;  // never scaled in a SYN
  window_update_ = answer.sequence;
  last_received_ = now;
  free_acknowledged(answer, now);
  retransmit_at_ = sim::Time::never();
  backoff_ = 0;
  state_ = State::established;
  acknowledge_now_ = true;
}

void TcpConnection::take_data(const TcpSegment& segment, std::uint32_t memory, sim::Time now) {
  if (closed_by_user_ && segment.payload_bytes > 0 && after(segment.end(), expected_)) {
    reset_due_ = true;  // nobody will read it
    return;
  }
  if (!after(segment.end(), expected_)) {
    ++counts_.duplicates;
    return acknowledge_quickly();
  }
  if (memory_received_ > settings_.receive_buffer && !make_room()) {
    ++counts_.no_memory;
    return;
  }
  if (after(segment.sequence, expected_)) {
    add_reordered(segment, memory);
    return acknowledge_quickly();
  }
  const std::uint32_t end = segment.sequence + segment.payload_bytes;
  const std::uint32_t bytes = end - expected_;
  expected_ = end;
  if (bytes > 0) add_readable(bytes, memory);
  data_arrived(segment, memory, now);
  if (segment.fin) {
    peer_finished(now);
  } else if (!reordered_.empty()) {
    join_reordered();
    acknowledge_now_ = true;
    if (!reordered_.empty() && reordered_.front().fin && reordered_.front().end == expected_ + 1) peer_finished(now);
  } else {
    schedule_acknowledgement(now);
  }
}

void TcpConnection::add_readable(std::uint32_t bytes, std::uint32_t memory) {
  received_.push_back({bytes, memory});
  readable_ += bytes;
  memory_received_ += memory;
  counts_.bytes_received += bytes;
}

void TcpConnection::add_reordered(const TcpSegment& segment, std::uint32_t memory) {
  ++counts_.reordered;
  const auto place = std::find_if(reordered_.begin(), reordered_.end(),
                                  [&](const Reordered& other) { return !before(other.begin, segment.sequence); });
  if (place != reordered_.end() && place->begin == segment.sequence && !after(segment.end(), place->end)) return;
  reordered_.insert(place, {segment.sequence, segment.end(), memory, segment.fin});
  memory_received_ += memory;
}

// What is in order now; an end without payload stays for peer_finished().
void TcpConnection::join_reordered() {
  while (!reordered_.empty() && !after(reordered_.front().begin, expected_)) {
    const Reordered first = reordered_.front();
    const std::uint32_t end = first.end - (first.fin ? 1 : 0);
    memory_received_ -= first.memory;
    if (after(end, expected_)) {
      const std::uint32_t bytes = end - expected_;
      expected_ = end;
      add_readable(bytes, first.memory);
    }
    reordered_.erase(reordered_.begin());
    if (first.fin) {
      reordered_.assign(1, {expected_, expected_ + 1, 0, true});
      return;
    }
  }
}

void TcpConnection::peer_finished(sim::Time now) {
  reordered_.clear();
  ++expected_;
  peer_closed_ = true;
  acknowledge_now_ = true;
  if (state_ == State::established || state_ == State::syn_received) {
    state_ = State::close_wait;
  } else if (state_ == State::fin_wait_1) {
    state_ = State::closing;
  } else if (state_ == State::fin_wait_2) {
    enter_time_wait(now);
  }
}

// --- acknowledgements ------------------------------------------------------------------------------------------------

// [tcp_event_data_recv]
void TcpConnection::data_arrived(const TcpSegment& segment, std::uint32_t memory, sim::Time now) {
  constexpr std::uint32_t kWorthGrowing = 128;
  acknowledgement_scheduled_ = true;
  peer_payload_ = std::max<std::uint32_t>(peer_payload_, segment.payload_bytes);
  if (segment.psh) pushed_ = true;
  const sim::Duration pause = now - last_received_;
  if (delay_ == sim::Duration{}) {
    quick_acknowledgements();
    delay_ = kLeastDelay;
  } else if (pause <= kLeastDelay / 2) {
    delay_ = delay_ / 2 + kLeastDelay / 2;
  } else if (pause < delay_) {
    delay_ = std::min(delay_ / 2 + pause, timeout_);
  } else if (pause > timeout_) {
    quick_acknowledgements();  // the sender begins anew after such a pause
  }
  last_received_ = now;
  if (segment.payload_bytes >= kWorthGrowing) grow_window(segment.payload_bytes, memory);
}

// [tcp_incr_quickack]
void TcpConnection::quick_acknowledgements() {
  const std::uint32_t half_window = peer_payload_ == 0 ? 0 : offered_ / (2 * peer_payload_);
  quick_ = std::max(quick_, std::min(half_window == 0 ? 2 : half_window, kMostQuick));
}

// [tcp_send_dupack, tcp_enter_quickack_mode]
void TcpConnection::acknowledge_quickly() {
  quick_acknowledgements();
  interactive_ = false;
  delay_ = kLeastDelay;
  acknowledge_now_ = true;
}

// [__tcp_ack_snd_check, tcp_send_delayed_ack]
void TcpConnection::schedule_acknowledgement(sim::Time now) {
  const bool second = expected_ - offered_at_ > peer_payload_ && window_to_offer() >= offered_;
  if (second || (quick_ > 0 && !interactive_)) {
    acknowledge_now_ = true;
    return;
  }
  sim::Duration delay = delay_;
  if (delay > kLeastDelay) {
    sim::Duration most = kMostDelay;
    if (smoothed_ > sim::Duration{}) most = std::min(most, std::max(smoothed_, kLeastDelay));
    delay = std::min(delay, most);
  }
  acknowledge_at_ = std::min(acknowledge_at_, now + delay);
}

// [tcp_event_ack_sent]
void TcpConnection::acknowledgement_sent() {
  if (quick_ > 0 && --quick_ == 0) delay_ = kLeastDelay;
  acknowledgement_scheduled_ = acknowledge_now_ = pushed_ = false;
  acknowledge_at_ = sim::Time::never();
}

// --- the window ------------------------------------------------------------------------------------------------------

// [tcp_select_initial_window]
void TcpConnection::choose_initial_window() {
  window_clamp_ = window_from_space(settings_.receive_buffer);
  for (std::uint32_t space = window_clamp_; space > kMostUnscaled && scale_ < kMostScale; space >>= 1) ++scale_;
  offered_ = std::min({window_clamp_, kInitialReceiveSegments * payload_, kMostUnscaled});
  window_limit_ = offered_;
}

std::uint32_t TcpConnection::receive_window() const {
  const std::uint32_t end = offered_at_ + offered_;
  return after(end, expected_) ? end - expected_ : 0;
}

// [__tcp_select_window]: whole segments, and none at all rather than a small one.
std::uint32_t TcpConnection::window_to_offer() const {
  const std::uint32_t space = settings_.receive_buffer - std::min(memory_received_, settings_.receive_buffer);
  const std::uint32_t segment = std::min(std::max(peer_payload_, 1u), window_clamp_);
  std::uint32_t free = window_from_space(space);
  if (free < window_clamp_ / 2 && free < segment) return 0;
  free = std::min(free, window_limit_);
  if (offered_ + segment <= free || offered_ > free) return free / segment * segment;
  return offered_;
}

// [tcp_select_window]: a window once offered is not taken back.
std::uint32_t TcpConnection::select_window() {
  const std::uint32_t most = scaling_ ? kMostUnscaled << scale_ : kMostUnscaled;
  offered_ = std::min(std::max(window_to_offer(), receive_window()), most);
  offered_at_ = expected_;
  return offered_;
}

// [tcp_prune_queue] More memory is taken than the user allows: the peer sends too small segments for our buffers.
bool TcpConnection::make_room() {
  clamp_window();
  collapse();
  return memory_received_ <= settings_.receive_buffer;
}

// [tcp_clamp_window]: to what is there now, less a segment, and to begin with to two segments.
void TcpConnection::clamp_window() {
  std::uint32_t fits = readable_;
  if (memory_received_ >= 2 * settings_.receive_buffer) fits /= 2;
  if (fits > peer_payload_) fits -= peer_payload_;
  if (reordered_.empty()) window_clamp_ = std::min(window_clamp_, std::max(fits, 2 * payload_));
  window_limit_ = std::min(window_clamp_, 2 * payload_);
  quick_ = 0;
}

// [tcp_collapse]: copies payload together, a page for each new buffer, from the first one on that wastes its memory.
void TcpConnection::collapse() {
  const auto wastes = [](const Incoming& buffer) { return window_from_space(buffer.memory) > buffer.bytes; };
  const auto first = std::find_if(received_.begin(), received_.end(), wastes);
  std::uint32_t bytes = 0;
  for (auto buffer = first; buffer != received_.end(); ++buffer) {
    bytes += buffer->bytes;
    memory_received_ -= buffer->memory;
    ++collapsed_.buffers;
  }
  collapsed_.bytes += bytes;
  received_.erase(first, received_.end());
  while (bytes > 0) {
    const std::uint32_t part = std::min(bytes, kCollapsedBytes);
    const std::uint32_t memory = buffer_memory(part + kReceivedHeaders);
    received_.push_back({part, memory});
    memory_received_ += memory;
    bytes -= part;
  }
}

// [tcp_grow_window]: only as far as buffers filled like these fit into the memory.
void TcpConnection::grow_window(std::uint32_t bytes, std::uint32_t memory) {
  const std::uint32_t space = settings_.receive_buffer - std::min(memory_received_, settings_.receive_buffer);
  if (window_limit_ >= window_clamp_ || window_limit_ >= window_from_space(space)) return;
  std::uint32_t more = 0;
  if (window_from_space(memory) <= bytes) {
    more = 2 * payload_;
  } else {
    std::uint32_t taken = window_from_space(memory) / 2;
    for (std::uint32_t window = window_clamp_ / 2; window_limit_ <= window; window /= 2, taken /= 2) {
      if (taken > bytes) continue;
      more = 2 * peer_payload_;
      break;
    }
  }
  if (more == 0) return;
  window_limit_ = std::min(window_limit_ + more, window_clamp_);
  quick_ = std::max(quick_, 1u);
}

}  // namespace guest

#include "workloads/kernel/network/tcp_connection.h"

#include <algorithm>

#include "workloads/kernel/network/tcp_constants.h"

namespace guest {

using namespace tcp;

std::uint32_t buffer_memory(std::uint32_t bytes) {
  return kBufferOverhead + (bytes + kBufferAlignment - 1) / kBufferAlignment * kBufferAlignment;
}

TcpConnection::TcpConnection(const TcpSettings& settings, SocketAddress own, SocketAddress peer,
                             std::uint32_t initial_sequence)
    : settings_{settings},
      own_{own},
      peer_{peer},
      payload_{settings.mtu - kIpHeader - kTcpHeader - kTimestampOption},
      unacknowledged_{initial_sequence},
      next_{initial_sequence},
      written_{initial_sequence},
      last_small_{initial_sequence},
      congestion_window_{kInitialWindow},
      recover_{initial_sequence},
      timeout_{kFirstTimeout} {
  choose_initial_window();
}

void TcpConnection::connect(sim::Time) {
  state_ = State::syn_sent;
  queue_.push_back({.sequence = written_++, .syn = true});
}

void TcpConnection::accept(const TcpSegment& syn, sim::Time now) {
  state_ = State::syn_received;
  ++counts_.segments_in;
  take_options(syn);
  expected_ = offered_at_ = syn.sequence + 1;
  peer_window_ = largest_peer_window_ = syn.window;  // never scaled in a SYN
  window_update_ = syn.sequence;
  last_received_ = now;
  queue_.push_back({.sequence = written_++, .syn = true});
}

void TcpConnection::shut_down() {
  if (state_ == State::established || state_ == State::syn_received) {
    state_ = State::fin_wait_1;
    queue_fin();
  } else if (state_ == State::close_wait) {
    state_ = State::last_ack;
    queue_fin();
  }
}

void TcpConnection::close(sim::Time now) {
  closed_by_user_ = true;
  switch (state_) {
    case State::syn_sent:
      state_ = State::closed;
      break;
    case State::fin_wait_2:
      close_at_ = now + kTimeWait;  // orphaned: Linux waits no longer than that for the peer's end
      break;
    default:
      if (readable_ > 0 && state_ != State::closed && state_ != State::time_wait) {
        reset_due_ = true;  // what the peer sent is lost, and it shall know [RFC 2525, 2.17]
        state_ = State::closed;
      } else {
        shut_down();
      }
  }
}

// The reason is gone for whatever was to be done.
void TcpConnection::reset() {
  failed_ = true;
  state_ = State::closed;
  queue_.clear();
  head_ = 0;
  retransmit_at_ = acknowledge_at_ = close_at_ = sim::Time::never();
  acknowledge_now_ = probe_due_ = retransmit_first_ = false;
}

void TcpConnection::enter_time_wait(sim::Time now) {
  state_ = State::time_wait;
  close_at_ = now + kTimeWait;
}

// --- the user's side -------------------------------------------------------------------------------------------------

bool TcpConnection::starts_segment() const {
  if (queue_.size() == head_) return true;
  const Outgoing& last = queue_.back();
  return last.syn || last.fin || last.transmissions > 0 || last.bytes >= payload_;
}

std::uint32_t TcpConnection::room() const {
  if (!established()) return 0;
  if (!starts_segment()) return payload_ - queue_.back().bytes;
  return memory_sent_ < settings_.send_buffer ? payload_ : 0;
}

bool TcpConnection::room_for_writer() const {
  return failed_ || !established() || settings_.send_buffer >= memory_sent_ + memory_sent_ / 2;
}

void TcpConnection::append(std::uint32_t bytes) {
  if (fin_queued_ || failed_) return;
  if (starts_segment()) {
    const std::uint32_t memory = buffer_memory(payload_ + kHeaderRoom);
    queue_.push_back({.sequence = written_, .memory = memory});
    memory_sent_ += memory;
  }
  queue_.back().bytes += bytes;
  written_ += bytes;
}

void TcpConnection::push() {
  if (queue_.size() > head_ && queue_.back().transmissions == 0) queue_.back().pushed = true;
}

std::uint32_t TcpConnection::read(std::uint32_t bytes) {
  if (received_.empty()) return 0;
  Incoming& first = received_.front();
  const std::uint32_t taken = std::min(bytes, first.bytes);
  first.bytes -= taken;
  readable_ -= taken;
  if (first.bytes == 0) {
    memory_received_ -= first.memory;
    received_.pop_front();
  }
  return taken;
}

// [cleanup_rbuf]
void TcpConnection::read_done(std::uint32_t bytes) {
  if (acknowledgement_scheduled_ &&
      (expected_ - offered_at_ > peer_payload_ || (bytes > 0 && pushed_ && !interactive_ && memory_received_ == 0))) {
    acknowledge_now_ = true;
  }
  if (bytes == 0 || acknowledge_now_ || peer_closed_) return;
  const std::uint32_t now = receive_window();
  if (2 * now > window_clamp_) return;
  const std::uint32_t possible = window_to_offer();
  if (possible != 0 && possible >= 2 * now) acknowledge_now_ = true;
}

}  // namespace guest

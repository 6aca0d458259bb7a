#include "experiments/runner/latencies.h"

#include <algorithm>

namespace runner {

RequestWindow::RequestWindow(const guest::Host& host) {
  for (std::size_t i = 0; i < host.client_count(); ++i) sequences_.push_back({host.client(i).sent(), 0});
}

void RequestWindow::close(const guest::Host& host) {
  for (std::size_t i = 0; i < sequences_.size(); ++i) sequences_[i].end = host.client(i).sent();
}

RequestWindow RequestWindow::until(const RequestWindow& later) const {
  RequestWindow window = *this;
  for (std::size_t i = 0; i < sequences_.size(); ++i) window.sequences_[i].end = later.sequences_[i].first;
  return window;
}

void RequestWindow::await_replies(guest::Host& host, const guest::HostSpec& spec) const {
  sim::Duration longest;
  for (const guest::ClientSpec& client : spec.clients) longest = std::max(longest, client.timeout);
  const sim::Time last = host.now() + longest;
  constexpr sim::Duration kStep = sim::Duration::milliseconds(50);
  while (!all_answered(host) && host.now() < last) host.run_for(std::min(kStep, last - host.now()));
}

std::uint64_t RequestWindow::requests() const {
  std::uint64_t sum = 0;
  for (const Sequence& sequence : sequences_) sum += sequence.end - sequence.first;
  return sum;
}

RequestWindow::Replies RequestWindow::replies(const guest::Host& host) const {
  Replies replies;
  for (std::size_t i = 0; i < sequences_.size(); ++i) {
    for (const guest::UdpSample& sample : host.client(i).samples()) {
      if (sample.sequence < sequences_[i].first || sample.sequence >= sequences_[i].end) continue;
      replies.milliseconds.add(sample.latency.to_seconds() * 1e3);
      replies.nanoseconds.record(static_cast<std::uint64_t>(sample.latency.nanoseconds()));
      replies.each_ns.push_back(sample.latency.nanoseconds());
    }
  }
  return replies;
}

bool RequestWindow::all_answered(const guest::Host& host) const {
  return replies(host).milliseconds.count() == requests();
}

}  // namespace runner

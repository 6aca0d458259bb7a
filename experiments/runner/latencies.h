// What clients outside saw while measured: the times from requests to replies.
#pragma once

#include <cstdint>
#include <vector>

#include "sim/statistics.h"
#include "workloads/host.h"

namespace runner {

// The requests that are sent from the making of the window until close().
class RequestWindow {
 public:
  explicit RequestWindow(const guest::Host& host);

  // Requests from now on are not in the window.
  void close(const guest::Host& host);

  // The requests of this window that were sent before another one was made.
  RequestWindow until(const RequestWindow& later) const;

  // Goes on until every request in the window was answered or is lost: long waits must not be left out because the
  // measured time ended.
  void await_replies(guest::Host& host, const guest::HostSpec& spec) const;

  std::uint64_t requests() const;
  struct Replies {
    sim::RunningStatistics milliseconds;
    sim::Histogram nanoseconds;
    std::vector<std::int64_t> each_ns;  // in the order of replies
  };
  Replies replies(const guest::Host& host) const;

 private:
  bool all_answered(const guest::Host& host) const;

  struct Sequence {
    std::uint64_t first = 0, end = 0;
  };
  std::vector<Sequence> sequences_;  // per client
};

}  // namespace runner

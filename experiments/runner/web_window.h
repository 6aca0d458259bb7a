// What the users of web servers saw while measured, and how many of them would conform.
//
// SPEC WEB99 measures for twenty minutes, in which a connection carries some 3 300 requests; a simulated run measures a
// few seconds, in which it carries ten. What the short run knows is the rate of all connections together: answers per
// second times the mean size of an answer, since what was read in so short a time depends on how many of the large
// files happened to be under way. By chance of what it asks for, a connection's rate over the twenty minutes differs
// from that: an answer takes the line's time L and an excess X, a connection of K requests has the rate line x sum L /
// sum (L + X), and by the delta method its relative standard deviation is (1 - rate / line) x sqrt((cv(L)^2 + cv(X)^2)
// / K). cv(L) follows from the sizes of the files; cv(X) is taken to be 1, which beside cv(L) of about 4 does not
// matter.
#pragma once

#include <string>
#include <vector>

#include "experiments/runner/metrics.h"
#include "sim/time.h"
#include "workloads/host.h"

namespace runner {

class WebWindow {
 public:
  explicit WebWindow(const guest::Host& host);  // begins

  // "web99.rate" and so on, of all servers and, where there are several, of each.
  std::vector<Measurement> measure(const guest::Host& host, const guest::HostSpec& spec) const;

  double answers(const guest::Host& host) const;  // of all servers, since it began

 private:
  struct Server {
    double rate = 0;            // b/s, mean of its connections
    double low_rate = 0;        // that 95 % of them reach in a run of the benchmark
    double conforming = 0;      // share of them
    double answers = 0;         // per second
    double answer_seconds = 0;  // of all of them
    double sustained = 0;       // connections for which low_rate would be enough, if it goes down as they go up
  };
  Server measure(const guest::Host& host, std::size_t server) const;

  sim::Time begin_;
  std::vector<guest::WebUsers::Counts> at_begin_;
};

}  // namespace runner

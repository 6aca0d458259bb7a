#include "experiments/runner/web_window.h"

#include <fmt/format.h>

#include <cmath>

#include "workloads/programs/web99/profile.h"

namespace runner {

namespace {

constexpr double kAssured = 1.6449;  // normal quantile of 95 %

double normal_probability(double z) { return 0.5 * std::erfc(-z / std::sqrt(2.0)); }

}  // namespace

WebWindow::WebWindow(const guest::Host& host) : begin_{host.now()} {
  for (std::size_t i = 0; i < host.web_server_count(); ++i) at_begin_.push_back(host.web_users(i).counts());
}

WebWindow::Server WebWindow::measure(const guest::Host& host, std::size_t server) const {
  const guest::WebUsers& users = host.web_users(server);
  const guest::WebUsers::Counts& end = users.counts();
  const guest::WebUsers::Counts& begin = at_begin_[server];
  const guest::Web99Profile& profile = users.profile();
  const double seconds = (host.now() - begin_).to_seconds();
  const double connections = users.users();

  Server result;
  result.answers = static_cast<double>(end.answers - begin.answers) / seconds;
  result.answer_seconds = end.answer_time.to_seconds() - begin.answer_time.to_seconds();

  const double header = profile.header_bytes;
  const double mean = users.files().mean_bytes() + header;
  result.rate = result.answers * mean * 8 / connections;
  const double square = users.files().mean_square_bytes() + 2 * header * users.files().mean_bytes() + header * header;
  const double requests = profile.measured_seconds * result.rate / 8 / mean;  // of one connection
  const double behind = std::max(0.0, 1 - result.rate / profile.line_rate);
  // cv(L)^2 + 1 is the mean square over the square of the mean.
  const double deviation = requests > 0 ? result.rate * behind * std::sqrt(square / (mean * mean) / requests) : 0;
  result.low_rate = std::max(0.0, result.rate - kAssured * deviation);
  const double above = result.rate - profile.conforming_rate;
  result.conforming = deviation > 0 ? normal_probability(above / deviation) : above >= 0 ? 1 : 0;
  result.sustained = connections * result.low_rate / profile.conforming_rate;
  return result;
}

double WebWindow::answers(const guest::Host& host) const {
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < at_begin_.size(); ++i) {
    sum += host.web_users(i).counts().answers - at_begin_[i].answers;
  }
  return static_cast<double>(sum);
}

std::vector<Measurement> WebWindow::measure(const guest::Host& host, const guest::HostSpec& spec) const {
  std::vector<Measurement> list;
  const std::size_t servers = host.web_server_count();
  if (servers == 0 || host.now() == begin_) return list;
  Server sum;
  for (std::size_t i = 0; i < servers; ++i) {
    const Server server = measure(host, i);
    sum.rate += server.rate;
    sum.low_rate += server.low_rate;
    sum.conforming += server.conforming;
    sum.answers += server.answers;
    sum.answer_seconds += server.answer_seconds;
    sum.sustained += server.sustained;
    if (servers == 1) continue;
    const std::string prefix = "domain." + spec.guests[host.guest_of_web_server(i)].name + ".web99.";
    list.push_back({prefix + "rate", server.rate / 1e3, "kb/s"});
    list.push_back({prefix + "assured_rate", server.low_rate / 1e3, "kb/s"});
    list.push_back({prefix + "sustained", server.sustained, "1"});
  }
  const double n = static_cast<double>(servers);
  list.push_back({"web99.rate", sum.rate / n / 1e3, "kb/s"});
  list.push_back({"web99.assured_rate", sum.low_rate / n / 1e3, "kb/s"});
  list.push_back({"web99.conforming", 100 * sum.conforming / n, "%"});
  list.push_back({"web99.sustained", sum.sustained, "1"});
  list.push_back({"web99.answers", sum.answers, "1/s"});
  if (answers(host) > 0) list.push_back({"web99.answer_time", 1e3 * sum.answer_seconds / answers(host), "ms"});
  return list;
}

}  // namespace runner

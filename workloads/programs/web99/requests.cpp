#include "workloads/programs/web99/requests.h"

#include <fmt/format.h>

#include "workloads/programs/web99/profile.h"

namespace guest {

namespace {

constexpr double kGolden = 0.6180339887498949;                                   // one dimension
constexpr double kSilver = 0.41421356237309503;                                  // another for one dimension
constexpr double kPlastic = 0.7548776662466927, kPlastic2 = 0.5698402909980532;  // two
constexpr std::uint32_t kAll = 10'000;                                           // requests that the kinds are parts of

// `even` as a whole number below n.
std::uint32_t below(std::uint64_t even, std::uint32_t n) { return static_cast<std::uint32_t>((even >> 32) * n >> 32); }

}  // namespace

std::uint32_t answer_bytes(const Web99Profile& profile, const WebRequest& request) {
  return profile.header_bytes + request.body_bytes();
}

WebMix::WebMix(const Web99Profile& profile, std::uint32_t connections, const sim::Random& random, std::string_view name)
    : profile_{profile},
      set_{connections},
      files_{profile.class_share},
      directories_{random.stream(fmt::format("{}.directories", name))},
      kinds_{0, kPlastic},
      choices_{0, kPlastic2},
      connections_{0, kGolden},
      lengths_{0, kGolden},
      middles_{0, kPlastic},
      ages_{0, kPlastic2},
      waits_{0, kSilver} {
  sim::RandomStream starts = random.stream(fmt::format("{}.mix", name));
  kinds_ = {starts.next(), kPlastic};
  choices_ = {starts.next(), kPlastic2};
  connections_ = {starts.next(), kGolden};
  lengths_ = {starts.next(), kGolden};
  middles_ = {starts.next(), kPlastic};
  ages_ = {starts.next(), kPlastic2};
  waits_ = {starts.next(), kSilver};
}

WebRequest::Kind WebMix::kind(std::uint64_t even) const {
  std::uint32_t at = below(even, kAll);
  const std::array<std::pair<std::uint32_t, WebRequest::Kind>, 4> parts{
      {{profile_.dynamic_standard, WebRequest::Kind::dynamic},
       {profile_.dynamic_advertisement, WebRequest::Kind::advertisement},
       {profile_.dynamic_post, WebRequest::Kind::post},
       {profile_.dynamic_cgi, WebRequest::Kind::cgi}}};
  for (const auto& [part, kind] : parts) {
    if (at < part) return kind;
    at -= part;
  }
  return WebRequest::Kind::file;
}

WebRequest WebMix::next() {
  WebRequest request;
  request.kind = kind(kinds_.next());
  request.file = files_.by_requests(choices_.next());
  request.file.directory = set_.pick_directory(directories_);
  return request;
}

std::uint32_t WebMix::length_of_persistent(std::uint64_t even) const {
  return profile_.fewest_on_connection + below(even, profile_.most_on_connection - profile_.fewest_on_connection + 1);
}

// Of the requests so many go over persistent connections; of the connections fewer are persistent, by their length.
std::uint32_t WebMix::on_connection() {
  const std::uint32_t persistent = 2 * profile_.persistent_share;
  const std::uint32_t alone =
      (100 - profile_.persistent_share) * (profile_.fewest_on_connection + profile_.most_on_connection);
  const std::uint32_t at = below(connections_.next(), persistent + alone);
  return at < persistent ? length_of_persistent(lengths_.next()) : 1;
}

WebMix::Middle WebMix::middle() {
  Middle middle;
  const std::uint64_t even = middles_.next();
  middle.waiting = below(waits_.next(), profile_.line_rate) >= profile_.conforming_rate;
  if (middle.waiting) {
    middle.request = next();
    middle.on_connection = on_connection();
    return middle;
  }
  middle.request.kind = kind(kinds_.next());
  middle.request.file = files_.by_bytes(even);
  middle.request.file.directory = set_.pick_directory(directories_);
  middle.request.skip = below(ages_.next(), WebFileSet::bytes(middle.request.file));
  if (below(connections_.next(), 100) < profile_.persistent_share) {
    middle.on_connection = 1 + below(lengths_.next(), length_of_persistent(lengths_.next()));
  }
  return middle;
}

std::optional<WebRequest> WebRequests::read(SocketAddress from) {
  const auto place = asked_.find(from);
  if (place == asked_.end()) return std::nullopt;
  const WebRequest request = place->second;
  asked_.erase(place);
  return request;
}

}  // namespace guest

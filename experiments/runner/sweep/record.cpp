#include "experiments/runner/sweep/record.h"

#include <fmt/format.h>

#include <algorithm>

namespace runner {

std::string to_bytes(const RunRecord& r) {
  const Json json = Json::array({static_cast<int>(r.state), Json::binary({r.key.begin(), r.key.end()}), r.point,
                                 r.values, r.seed, static_cast<int>(r.failure), r.reason, r.fingerprint, r.events,
                                 r.seconds, r.measurements, Json::binary({r.latencies.begin(), r.latencies.end()})});
  std::string bytes;
  Json::to_cbor(json, bytes);
  return bytes;
}

RunRecord record_of(const std::string& bytes) {
  const Json json = Json::from_cbor(bytes);
  RunRecord r;
  r.state = static_cast<RunRecord::State>(json.at(0).get<int>());
  std::ranges::copy(json.at(1).get_binary(), r.key.begin());
  r.point = json.at(2).get<std::string>();
  r.values = json.at(3).get<std::string>();
  r.seed = json.at(4).get<std::uint64_t>();
  r.failure = static_cast<Failure::Kind>(json.at(5).get<int>());
  r.reason = json.at(6).get<std::string>();
  r.fingerprint = json.at(7).get<std::uint64_t>();
  r.events = json.at(8).get<std::uint64_t>();
  r.seconds = json.at(9).get<double>();
  r.measurements = json.at(10).get<std::string>();
  const auto& latencies = json.at(11).get_binary();
  r.latencies.assign(latencies.begin(), latencies.end());
  return r;
}

std::string measurements_text(const std::vector<Measurement>& measurements) {
  Json json = Json::array();
  for (const Measurement& m : measurements) json.push_back({m.metric, m.value, m.unit});
  return json.dump();
}

std::vector<Measurement> measurements_of(const std::string& text) {
  std::vector<Measurement> measurements;
  for (const Json& m : Json::parse(text)) {
    measurements.push_back({m[0].get<std::string>(), m[1].get<double>(), m[2].get<std::string>()});
  }
  return measurements;
}

std::string hex(const RunKey& key) {
  std::string text;
  for (const std::uint8_t byte : key) text += fmt::format("{:02x}", byte);
  return text;
}

}  // namespace runner

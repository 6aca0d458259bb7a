// A running hash over everything that happened, in order: (time, component, event word).
//
// Two runs with one fingerprint did the same things at the same times. Integers only, so compiler, optimisation level
// and host make no difference. One multiplication per event: cheap enough to stay on in measured runs.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "sim/time.h"

namespace sim {

class Fingerprint {
 public:
  constexpr void mix(Time time, std::uint32_t component, std::uint64_t event) {
    // Each field is spread by its own odd constant before it is added, so that swapping values between fields, or two
    // events between each other, changes the sum; the fold brings the product's strong high bits down.
    const std::uint64_t fields = static_cast<std::uint64_t>(time.picoseconds()) * 0x9E3779B97F4A7C15u +
                                 component * 0xC2B2AE3D27D4EB4Fu + event * 0x165667B19E3779F9u;
    state_ = (state_ ^ fields) * 0xFF51AFD7ED558CCDu;
    state_ ^= state_ >> 32;
    recent_[mixed_++ % kRecent] = {time, component, event};
  }
  constexpr std::uint64_t value() const { return state_; }

  // The last events mixed, the newest last: what to look at first when something went wrong.
  struct Event {
    Time time;
    std::uint32_t component = 0;
    std::uint64_t word = 0;
    friend bool operator==(const Event&, const Event&) = default;
  };
  static constexpr std::size_t kRecent = 16;
  std::vector<Event> recent() const {
    std::vector<Event> events;
    for (std::size_t i = mixed_ - std::min(mixed_, kRecent); i < mixed_; ++i) events.push_back(recent_[i % kRecent]);
    return events;
  }

 private:
  std::uint64_t state_ = 0x243F6A8885A308D3u;  // digits of pi: an arbitrary start that is not zero
  std::array<Event, kRecent> recent_{};
  std::size_t mixed_ = 0;
};

}  // namespace sim

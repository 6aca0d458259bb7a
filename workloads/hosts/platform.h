// What a Host runs on: bare hardware with one kernel, or the hypervisor with a kernel per domain.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "workloads/hosts/guest_programs.h"
#include "workloads/kernel/network/ip.h"

namespace guest {

// See Host::metrics().
struct Metric {
  std::string name;
  std::int64_t value;
  std::string unit;
};

class Platform {
 public:
  virtual ~Platform() = default;
  virtual void power_on() = 0;
  virtual bool up() const = 0;
  // The first guest that cannot come up, as a SpecError; asked while booting.
  virtual void check_boot() const = 0;

  virtual IpAddress address_of(std::size_t guest) const = 0;
  virtual const GuestPrograms& programs(std::size_t guest) const = 0;
  virtual std::uint64_t core_bytes(std::size_t guest) const = 0;
  virtual void add_metrics(std::vector<Metric>& metrics) const = 0;
  virtual std::optional<std::string> audit() = 0;
};

// Addresses: guest i is 10.0.x.y with x.y = i + 1, client i 10.1.x.y.
constexpr IpAddress guest_address(std::size_t index) { return 0x0a000000 + static_cast<IpAddress>(index) + 1; }
constexpr IpAddress client_address(std::size_t index) { return 0x0a010000 + static_cast<IpAddress>(index) + 1; }
inline constexpr std::size_t kMostAddresses = 0xfffe;

}  // namespace guest

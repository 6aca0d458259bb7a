// Who has which address on the local network: what ARP would have found out, heard from frames or entered by hand.
#pragma once

#include <map>
#include <optional>

#include "workloads/kernel/network/ip.h"

namespace guest {

class Neighbours {
 public:
  void learn(IpAddress address, MacAddress mac) { known_[address] = mac; }
  std::optional<MacAddress> find(IpAddress address) const {
    const auto place = known_.find(address);
    return place == known_.end() ? std::nullopt : std::optional{place->second};
  }

 private:
  std::map<IpAddress, MacAddress> known_;
};

}  // namespace guest

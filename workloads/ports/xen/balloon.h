// The balloon of a domain: pages that its kernel has taken from itself and given back to the hypervisor. The kernel
// still numbers them, but there is no memory behind them. (The balloon driver of the first ports of Linux.)
#pragma once

#include <vector>

#include "workloads/ports/kernel_memory.h"
#include "workloads/ports/port.h"

namespace guest {

class XenPort;

class XenBalloon final : public Balloon {
 public:
  explicit XenBalloon(XenPort& port) : port_{port} {}

  model::Task<u32> give_back(u32 pages) override;
  model::Task<u32> take(u32 pages) override;
  u32 pages() const override { return static_cast<u32>(held_.size()); }
  const std::vector<GuestFrame>& held() const { return held_; }

 private:
  model::Task<u32> give_batch(u32 pages);
  model::Task<u32> take_batch(u32 pages);

  XenPort& port_;
  std::vector<GuestFrame> held_;
};

}  // namespace guest

// Routes the interrupt lines of devices to CPUs, with level semantics: a line that is asserted, unmasked and routed is
// pending at its CPU, and becomes pending again at the end of an interrupt that did not quiet the device.
//
// Lines below hw::kFirstDeviceLine (timer, IPI) belong to the CPUs themselves and never come here.
#pragma once

#include <array>
#include <cstdint>
#include <functional>

#include "hardware/machine.h"

namespace model {

class InterruptRouter final : public hw::InterruptController {
 public:
  static constexpr hv::u32 kLines = 64;  // device lines are kFirstDeviceLine .. kLines - 1

  // `signal` is told when a line becomes pending at a CPU (true) or stops being so (false).
  using Signal = std::function<void(hv::CpuId cpu, hv::u32 line, bool pending)>;
  explicit InterruptRouter(Signal signal) : signal_{std::move(signal)} {}

  // For the operating software. Lines start masked and routed to CPU 0.
  void route(hv::u32 line, hv::CpuId cpu) override;
  void mask(hv::u32 line) override;
  void unmask(hv::u32 line) override;

  // For devices.
  void assert_line(hv::u32 line);
  void deassert_line(hv::u32 line);
  bool asserted(hv::u32 line) const { return state(line).asserted; }

  // For the CPU, when the handler of a device line has returned: signals again if the device still asserts it.
  void end_of_interrupt(hv::u32 line);

 private:
  struct Line {
    hv::CpuId cpu = 0;
    bool masked = true;
    bool asserted = false;
    bool pending() const { return asserted && !masked; }
  };
  Line& state(hv::u32 line) { return lines_[line - hw::kFirstDeviceLine]; }
  const Line& state(hv::u32 line) const { return lines_[line - hw::kFirstDeviceLine]; }

  Signal signal_;
  std::array<Line, kLines - hw::kFirstDeviceLine> lines_{};
};

}  // namespace model

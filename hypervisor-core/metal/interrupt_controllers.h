// The PC's two 8259 interrupt controllers: device line kFirstDeviceLine + n is their input n.
#pragma once

#include "hardware/machine.h"
#include "metal/layout.h"

namespace metal {

class InterruptControllers final : public hw::InterruptController {
 public:
  void start();  // everything masked

  void route(u32, CpuId) override {}  // there is one CPU
  void mask(u32 line) override;
  void unmask(u32 line) override;

  // Of an interrupt that was taken. Inputs 7 and 15 come without one being there: then it is none.
  bool really(u32 input);
  void end_of_interrupt(u32 input);

 private:
  void write_masks();
  u32 masks_ = 0xffff;
};

}  // namespace metal

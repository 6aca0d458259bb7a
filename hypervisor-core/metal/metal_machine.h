// A PC as the core sees it at boot: one CPU, memory, interrupt controllers, console, and what devices it has.
#pragma once

#include "hardware/machine.h"
#include "metal/ata_disk.h"
#include "metal/interrupt_controllers.h"
#include "metal/metal_cpu.h"
#include "metal/metal_memory.h"
#include "metal/ne2000.h"
#include "metal/serial_console.h"

namespace metal {

class MetalMachine final : public hw::Machine {
 public:
  explicit MetalMachine(u32 frames) : memory_{frames}, cpu_{memory_, tables_, apic_} {}

  // Takes the machine over from the firmware and looks for devices where PCs have them. `stack_top`: where every
  // entry's frame ends.
  void start(u32 stack_top);

  u32 cpu_count() const override { return 1; }
  hw::Cpu& cpu(CpuId) override { return cpu_; }
  u64 cycles_per_second() const override { return apic_.cycles_per_second(); }
  hw::Memory& memory() override { return memory_; }
  hw::InterruptController& interrupts() override { return controllers_; }
  hw::Console& console() override { return console_; }
  hw::NetworkDevice* network() override { return has_card_ ? &card_ : nullptr; }
  hw::BlockDevice* block() override { return has_disk_ ? &disk_ : nullptr; }
  u64 wall_clock_seconds() override;
  [[noreturn]] void stop(const char* reason) override;

  DescriptorTables& tables() { return tables_; }
  LocalApic& apic() { return apic_; }
  InterruptControllers& controllers() { return controllers_; }

 private:
  MetalMemory memory_;
  DescriptorTables tables_;
  LocalApic apic_;
  MetalCpu cpu_;
  InterruptControllers controllers_;
  SerialConsole console_;
  Ne2000 card_{memory_};
  AtaDisk disk_{memory_};
  bool has_card_ = false, has_disk_ = false;
};

// Ends the run, under an emulator that can be told to.
[[noreturn]] void power_off();

}  // namespace metal

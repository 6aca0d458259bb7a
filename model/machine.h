// The modelled machine: CPUs, memory, interrupt routing, network card, and the code that runs on it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "hardware/machine.h"
#include "model/code_map.h"
#include "model/cpu.h"
#include "model/interrupts.h"
#include "model/machine_file.h"
#include "model/memory.h"
#include "model/nic.h"
#include "sim/event_queue.h"
#include "sim/fingerprint.h"
#include "sim/time.h"

namespace model {

class Machine final : public hw::Machine {
 public:
  // `cpus` at most the file's; the queue outlives the machine.
  Machine(const MachineFile& file, std::uint32_t cpus, sim::EventQueue& queue, sim::Fingerprint& fingerprint);

  void set_supervisor(Supervisor& supervisor) { supervisor_ = &supervisor; }
  Supervisor& supervisor() { return *supervisor_; }

  const MachineFile& file() const { return file_; }
  const sim::Clock& clock() const { return clock_; }
  sim::EventQueue& queue() { return queue_; }
  sim::Fingerprint& fingerprint() { return fingerprint_; }
  CodeMap& code() { return code_; }
  Cpu& physical_cpu(hv::CpuId id) { return *cpus_[id]; }
  Nic& nic() { return *nic_; }
  PhysicalMemory& physical_memory() { return memory_; }
  InterruptRouter& router() { return router_; }

  // The CPU whose code is on the host's stack at this moment. Guest software asks again after every co_await.
  Cpu& running() { return *running_; }
  void set_running(Cpu* cpu) { running_ = cpu; }

  // hw::Machine
  hv::u32 cpu_count() const override { return static_cast<hv::u32>(cpus_.size()); }
  hw::Cpu& cpu(hv::CpuId id) override { return *cpus_[id]; }
  hv::u64 cycles_per_second() const override;
  hw::Memory& memory() override { return memory_; }
  hw::InterruptController& interrupts() override { return router_; }
  hw::Console& console() override;
  hw::NetworkDevice* network() override { return nic_.get(); }
  hv::u64 wall_clock_seconds() override;
  [[noreturn]] void stop(const char* reason) override;  // throws BrokenInvariant

 private:
  const MachineFile& file_;
  sim::Clock clock_;
  sim::EventQueue& queue_;
  sim::Fingerprint& fingerprint_;
  CodeMap code_;
  PhysicalMemory memory_;
  InterruptRouter router_;
  std::vector<std::unique_ptr<Cpu>> cpus_;
  std::unique_ptr<Nic> nic_;
  Supervisor* supervisor_ = nullptr;
  Cpu* running_ = nullptr;
};

}  // namespace model

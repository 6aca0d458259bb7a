// The modelled machine: CPUs, memory, interrupt routing, network card, disk, and the code that runs on it.
#pragma once

#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "hardware/machine.h"
#include "model/code_map.h"
#include "model/cpu.h"
#include "model/disk/host_adapter.h"
#include "model/interrupts.h"
#include "model/machine_file.h"
#include "model/memory.h"
#include "model/nic.h"
#include "sim/event_queue.h"
#include "sim/fingerprint.h"
#include "sim/time.h"

namespace model {

// An invariant that does not hold: a bug of ours, never of a guest. The message says what, when and after which events.
class BrokenInvariant : public std::logic_error {
 public:
  using std::logic_error::logic_error;
};

class Machine final : public hw::Machine, public DriverCpu, public hw::Console {
 public:
  // `cpus` at most the file's; the queue outlives the machine.
  // `driver` says how the operating software sets up the card's interrupt coalescing.
  Machine(const MachineFile& file, std::uint32_t cpus, CoalescingProfile driver, sim::EventQueue& queue,
          sim::Fingerprint& fingerprint);
  ~Machine();

  // Before anything runs; without it the machine has no disk. Reads of the bad sectors fail.
  void install_drive(const DriveFile& drive, std::vector<std::uint64_t> bad_sectors = {});

  void set_supervisor(Supervisor& supervisor) {
    supervisor_ = &supervisor;
    supervisor_account_ = supervisor.account();
  }
  Supervisor& supervisor() { return *supervisor_; }
  Account supervisor_account() const { return supervisor_account_; }  // asked for at every charge
  // Shows what the CPUs do in ring 0; null: to nobody. The observer outlives the machine.
  void observe(CpuObserver* observer) { observer_ = observer; }
  CpuObserver* observer() { return observer_; }

  const MachineFile& file() const { return file_; }
  const sim::Clock& clock() const { return clock_; }
  sim::EventQueue& queue() { return queue_; }
  sim::Fingerprint& fingerprint() { return fingerprint_; }
  CodeMap& code() { return code_; }
  Cpu& physical_cpu(hv::CpuId id) { return *cpus_[id]; }
  const Cpu& physical_cpu(hv::CpuId id) const { return *cpus_[id]; }
  Nic& nic() { return *nic_; }
  const Nic& nic() const { return *nic_; }
  HostAdapter* disk() { return disk_.get(); }  // null without a drive
  const HostAdapter* disk() const { return disk_.get(); }
  PhysicalMemory& physical_memory() { return memory_; }
  InterruptRouter& router() { return router_; }

  // The CPU whose code is on the host's stack at this moment. Guest software asks again after every co_await.
  Cpu& running() { return *running_; }
  Cpu* running_or_none() { return running_; }  // null between events
  void set_running(Cpu* cpu) { running_ = cpu; }

  // hw::Machine
  hv::u32 cpu_count() const override { return static_cast<hv::u32>(cpus_.size()); }
  hw::Cpu& cpu(hv::CpuId id) override { return *cpus_[id]; }
  hv::u64 cycles_per_second() const override;
  hw::Memory& memory() override { return memory_; }
  hw::InterruptController& interrupts() override { return router_; }
  hw::Console& console() override { return *this; }
  hw::NetworkDevice* network() override { return nic_.get(); }
  hw::BlockDevice* block() override { return disk_.get(); }
  hv::u64 wall_clock_seconds() override;
  [[noreturn]] void stop(const char* reason) override;  // throws BrokenInvariant

  // What was written to the console: whole lines with their time.
  const std::vector<std::string>& console_lines() const { return console_lines_; }

  // DriverCpu: the CPU whose code is running; between events the queue's time, and nobody pays.
  sim::Time local_time() const override;
  void charge(sim::Cycles cycles) override;
  void write(const char* text, hv::u32 bytes) override;  // hw::Console

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
  std::unique_ptr<HostAdapter> disk_;
  Supervisor* supervisor_ = nullptr;
  Account supervisor_account_ = Account::hypervisor;
  CpuObserver* observer_ = nullptr;
  Cpu* running_ = nullptr;
  std::string console_line_;
  std::vector<std::string> console_lines_;
};

}  // namespace model

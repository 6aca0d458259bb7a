// Sequences over the timed model: the machine without devices, the core on it, and two domains whose kernels are C++.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "hypervisor.h"
#include "metal/hosted/memory_disk.h"
#include "metal/sequence/sequence.h"
#include "metal/sequence/state_digest.h"
#include "model/machine.h"

namespace hosted {

using namespace hv;  // NOLINT

// The model's machine as the core sees it, with a disk that has contents, and without a card, for the PC has none here
// either.
class BareMachine final : public hw::Machine {
 public:
  explicit BareMachine(model::Machine& machine) : machine_{machine}, disk_{machine.memory()} {}
  u32 cpu_count() const override { return 1; }
  hw::Cpu& cpu(CpuId id) override { return machine_.cpu(id); }
  u64 cycles_per_second() const override { return machine_.cycles_per_second(); }
  hw::Memory& memory() override { return machine_.memory(); }
  hw::InterruptController& interrupts() override { return machine_.interrupts(); }
  hw::Console& console() override { return machine_.console(); }
  hw::NetworkDevice* network() override { return nullptr; }
  MemoryDisk* block() override { return &disk_; }
  u64 wall_clock_seconds() override { return machine_.wall_clock_seconds(); }
  [[noreturn]] void stop(const char* reason) override { machine_.stop(reason); }

 private:
  model::Machine& machine_;
  MemoryDisk disk_;
};

// One domain's kernel: what tests/metal/guest does on a PC, done to the model's CPU.
class ModelPort final : public sequence::Port {
 public:
  // `eager_accessed`: a directory entry is marked accessed also by an access that faults after it, as QEMU does and
  // hardware may.
  ModelPort(model::Cpu& cpu, Hypervisor& core, MemoryDisk& disk, bool eager_accessed)
      : cpu_{cpu}, core_{core}, disk_{disk}, eager_accessed_{eager_accessed} {}

  // When the domain runs for the first time: handlers and stacks. Its start info's address.
  u32 start();
  void resume();  // it runs again: events are taken first

  s32 hypercall(u32 number, const u32 (&arguments)[5]) override;
  bool load(sequence::Mode mode, u32 address, u32& value, sequence::Fault& fault) override;
  bool store(sequence::Mode mode, u32 address, u32 value, sequence::Fault& fault) override;
  void interrupt(sequence::Mode mode, u32 vector, sequence::Fault& fault) override;
  void wait_for(u32 address, u32 value) override;
  u32 get(u32 address) override;
  void put(u32 address, u32 value) override;
  void put_image(u32, u32) override {}
  u32 entry() const override;
  u32 frame_table_digest() override { return sequence::frame_table_digest(core_); }
  u32 contents_digest(u32 frame) override { return sequence::contents_digest(core_, frame); }
  u32 word(u32 frame, u32 index) override { return core_.memory().memory().window(MachineFrame{frame}).load(index); }

 private:
  void go_to(sequence::Mode mode);
  void back_from_fault(const hw::Registers& before, sequence::Fault& fault);
  void take_events();

  model::Cpu& cpu_;
  Hypervisor& core_;
  MemoryDisk& disk_;
  u32 shared_ = 0;
  bool eager_accessed_;
};

class ModelHost final : private model::Supervisor {
 public:
  explicit ModelHost(const model::MachineFile& file);
  // The whole sequence; what it printed, line by line: "DOM0: ...".
  std::vector<std::string> run(const sequence::Options& options, bool eager_accessed);

 private:
  void hypercall(model::Cpu& cpu, hw::Registers& registers) override { core_->hypercall(cpu, registers); }
  void exception(model::Cpu& cpu, hw::Registers& registers, std::uint32_t fault_address) override {
    core_->exception(cpu, registers, fault_address);
  }
  void interrupt(model::Cpu& cpu, hw::Registers& registers, std::uint32_t line) override {
    core_->interrupt(cpu, registers, line);
  }
  model::Account account() const override { return model::Account::hypervisor; }

  sim::EventQueue queue_;
  sim::Fingerprint fingerprint_;
  model::Machine machine_;
  BareMachine bare_{machine_};
  std::vector<u8> room_;
  std::unique_ptr<Hypervisor> core_;
};

}  // namespace hosted

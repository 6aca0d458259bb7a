// A small machine in host memory for tests of the core: real page-table walks, recorded calls, a clock moved by hand.
//
// Nothing costs time unless `cycles_per_work` says so, no interrupt fires by itself: the test looks at what was armed
// or sent and enters the core as the hardware would.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "hardware/machine.h"
#include "interface/layout.h"
#include "support/fake_disk.h"

namespace test {

using namespace hv;  // NOLINT

// Thrown by Machine::stop: the core found one of its invariants broken.
struct MachineStopped : std::runtime_error {
  using std::runtime_error::runtime_error;
};

class FakeMemory final : public hw::Memory {
 public:
  explicit FakeMemory(u32 frames) : words_(std::size_t{frames} * kEntriesPerTable) {}
  u32 frame_count() const override { return static_cast<u32>(words_.size() / kEntriesPerTable); }
  hw::Words frame(MachineFrame frame) override;
  hw::Words window(MachineFrame wanted) override { return frame(wanted); }
  void zero(MachineFrame frame) override;
  u32* words_of(MachineFrame frame) { return &words_.at(std::size_t{frame.number()} * kEntriesPerTable); }
  u32 word(u32 machine_address) { return words_.at(machine_address / 4); }
  void set_word(u32 machine_address, u32 value) { words_.at(machine_address / 4) = value; }
  std::uint64_t digest(MachineFrame frame) const;  // of its contents

 private:
  std::vector<u32> words_;
};

class FakeCpu final : public hw::Cpu {
 public:
  FakeCpu(FakeMemory& memory, CpuId id) : memory_{memory}, id_{id} {}

  CpuId id() const override { return id_; }
  u64 cycle_counter() override { return cycles; }
  void load_page_table_base(MachineFrame directory) override;
  void invalidate_page(u32 virtual_address) override { invalidated.push_back(virtual_address); }
  void flush_global() override { ++global_flushes; }
  bool copy_from_guest(void* destination, u32 source, u32 bytes) override;
  bool copy_to_guest(u32 destination, const void* source, u32 bytes) override;
  void clear(MachineFrame frame, u32 offset, u32 bytes) override;
  void set_ring1_stack(u32 ss, u32 esp) override;
  void set_direct_gate(const hw::DirectGate& gate) override { direct_gate = gate; }
  void load_gdt(const MachineFrame* frames, u32 entries) override;
  void load_ldt(u32 base, u32 entries) override;
  void set_task_switched(bool raised) override { task_switched = raised; }
  void save_fpu(hw::FpuImage& image) override;
  void restore_fpu(const hw::FpuImage& image) override;
  void set_debug_register(u32 number, u32 value) override { debug_registers.at(number) = value; }
  void arm_timer(u64 deadline) override;
  void send_ipi(CpuId target) override { ipis.push_back(target); }
  void work(hw::Step step, u32 times) override;
  using hw::Cpu::work;

  // Where `virtual_address` is in machine memory by the present tables, without looking at rights; 0: not mapped.
  u32 translate(u32 virtual_address) const { return walk(virtual_address, false); }
  u64 times(hw::Step step) const { return work_done[static_cast<std::size_t>(step)]; }

  // The hardware's state and what was asked of it.
  u64 cycles = 0;
  u32 cycles_per_work = 0;
  MachineFrame directory;
  u32 base_loads = 0, global_flushes = 0;
  u64 bytes_cleared = 0;
  std::vector<u32> invalidated;
  u32 ring1_ss = 0, ring1_esp = 0;
  hw::DirectGate direct_gate;
  std::vector<MachineFrame> gdt_frames;
  u32 gdt_entries = 0, ldt_base = 0, ldt_entries = 0;
  bool task_switched = false;
  hw::FpuImage fpu;
  u32 fpu_saves = 0, fpu_restores = 0;
  std::array<u32, 8> debug_registers{};
  u64 timer = hw::kTimerOff;
  u32 timer_arms = 0;
  std::vector<CpuId> ipis;
  std::array<u64, static_cast<std::size_t>(hw::Step::count)> work_done{};
  std::vector<std::string> log;  // order of the calls that a context switch makes

 private:
  u32 walk(u32 virtual_address, bool write) const;
  template <class Move>
  bool by_pages(u32 address, u32 bytes, bool write, Move move);

  FakeMemory& memory_;
  CpuId id_;
};

// A card whose wire is the test: what the core sent is in `sent`, receive() hands a packet in.
class FakeNic final : public hw::NetworkDevice {
 public:
  u32 interrupt_line() const override { return hw::kFirstDeviceLine; }
  u64 mac_address() const override { return 0x000476e11223; }
  bool transmit(const hw::TransmitDescriptor& descriptor) override;
  bool next_transmitted(u32& id) override;
  bool post_receive(MachineFrame frame) override;
  bool next_received(hw::ReceiveCompletion& completion) override;
  void interrupt_done() override { ++interrupts_done; }

  // Puts a packet into the next posted frame; false: none posted.
  bool receive(FakeMemory& memory, const void* packet, u32 bytes);
  void complete_transmits();  // everything in `sent` that was not yet completed

  std::size_t transmit_ring = 256, receive_ring = 256;
  std::vector<hw::TransmitDescriptor> sent;
  std::vector<MachineFrame> posted;  // oldest first
  u32 interrupts_done = 0;

 private:
  std::size_t completed_ = 0, collected_ = 0;  // of `sent`
  std::vector<hw::ReceiveCompletion> received_;
};

class FakeMachine final : public hw::Machine, private hw::InterruptController, private hw::Console {
 public:
  explicit FakeMachine(u32 frames = 1024, u32 cpus = 1, u64 cycles_per_second = 1'000'000'000);

  u32 cpu_count() const override { return static_cast<u32>(cpus.size()); }
  FakeCpu& cpu(CpuId id) override { return *cpus.at(id); }
  u64 cycles_per_second() const override { return frequency; }
  FakeMemory& memory() override { return ram; }
  hw::InterruptController& interrupts() override { return *this; }
  hw::Console& console() override { return *this; }
  hw::NetworkDevice* network() override { return has_nic ? &nic : nullptr; }
  hw::BlockDevice* block() override { return block_device; }
  u64 wall_clock_seconds() override { return 1'066'000'000; }
  [[noreturn]] void stop(const char* reason) override { throw MachineStopped(reason); }

  void advance(u64 more_cycles);  // on every CPU

  FakeMemory ram;
  std::vector<std::unique_ptr<FakeCpu>> cpus;
  FakeNic nic;
  bool has_nic = true;
  FakeDisk disk{ram};
  hw::BlockDevice* block_device = nullptr;  // `disk`, or one of the test's own
  u64 frequency;
  std::string console_text;
  std::vector<bool> masked;  // by line
  std::vector<CpuId> routes;

 private:
  void route(u32 line, CpuId cpu) override { routes.at(line) = cpu; }
  void mask(u32 line) override { masked.at(line) = true; }
  void unmask(u32 line) override { masked.at(line) = false; }
  void write(const char* text, u32 bytes) override { console_text.append(text, bytes); }
};

}  // namespace test

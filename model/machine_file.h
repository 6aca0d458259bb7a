// A machine as data: every size and cost of the modelled hardware, from model/machines/*.json, and the path lengths of
// the hypervisor core on it, from model/core_paths.json, which hypervisor-core/counting writes.
//
// The structure is what the model reads; the entries are what `explain` and the sensitivity analysis read. One table in
// machine_file.cpp ties a key to its unit and its field.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "hardware/work.h"
#include "model/parameter_file.h"
#include "model/tlb.h"
#include "sim/time.h"

namespace model {

// Length of a code path; MachineFile::cycles() says how long the core takes for it.
struct Instructions {
  std::uint32_t count = 0;
};

// When the network card publishes completions: `frames` have gathered, or the oldest has waited for `delay`. Zero
// switches either off.
struct CoalescingLimits {
  sim::Duration delay;
  std::uint32_t frames = 0;
};
struct Coalescing {
  CoalescingLimits receive, transmit;
};
struct CoalescingSettings {
  Coalescing normal;
  Coalescing in_handler;  // from an interrupt until the driver is done with it
  std::uint32_t interrupt_register_reads = 0, interrupt_register_writes = 0;  // of the driver, per interrupt handled
};

// Whose driver set the card up.
enum class CoalescingProfile : std::uint8_t { xen, linux24_napi, count };

struct MachineFile : ParameterTable {
  // Throw ParameterError. The core's path lengths are those of core_paths.json in the folder above the machine's.
  static MachineFile load(const std::string& path);
  static MachineFile parse(const ParameterText& hardware, const ParameterText& core_paths);

  void set(std::string_view key, double value);  // overrides one value, in the unit of its entry

  // Time of a code path on this core with warm caches, and of `times` times the same.
  sim::Cycles cycles(Instructions path, std::uint64_t times = 1) const {
    const std::uint64_t millicycles = path.count * times * cpu.instruction_millicycles;
    return sim::Cycles{static_cast<std::int64_t>((millicycles + 999) / 1000)};
  }
  sim::Cycles cycles(hw::Step step, std::uint64_t times = 1) const { return cycles(step_path(step), times); }
  Instructions step_path(hw::Step step) const { return steps[static_cast<std::size_t>(step)]; }
  // Time to move or sum `bytes` at a rate given in cycles per KiB, rounded up.
  static sim::Cycles cycles_for(sim::Cycles per_kib, std::uint64_t bytes);
  const CoalescingSettings& coalescing_of(CoalescingProfile profile) const {
    return nic.coalescing[static_cast<std::size_t>(profile)];
  }

  struct {
    std::int64_t clock = 0;  // Hz
    std::uint32_t count = 0;
    std::uint32_t instruction_millicycles = 0;  // per instruction of kernel code, in thousandths of a cycle

    // Changes of privilege.
    sim::Cycles system_call_entry;  // INT from ring 3, to ring 0 or through a direct gate to ring 1
    sim::Cycles hypercall_entry;    // INT 0x82 from ring 1 to ring 0
    sim::Cycles exception_entry;    // to ring 0, with CR2 and error code
    sim::Cycles interrupt_entry;    // to ring 0, with the acknowledgement at the local APIC
    sim::Cycles interrupt_return;   // IRET to any ring

    // Single operations.
    sim::Cycles load_cr3, invalidate_page, load_descriptor_table, load_segment;
    sim::Cycles read_cycle_counter, locked_operation, disable_interrupts, enable_interrupts;
    sim::Cycles save_fpu, restore_fpu, write_debug_register, set_task_switched;
    sim::Cycles apic_write;
    sim::Duration ipi_latency;  // from the write at the sender to the interrupt at the target, entry not included
  } cpu;

  struct {
    std::uint64_t size = 0;                  // bytes of RAM
    sim::Cycles latency;                     // of one load that misses the cache
    sim::Cycles map_frame;                   // mapping another frame in the hypervisor's window, and its first access
    sim::Duration line_refill;               // per cache line when misses overlap
    sim::Cycles line_transfer;               // of a line that another CPU has written, from its cache
    sim::Duration line_stream;               // per cache line of memory that is read in order, prefetched
    sim::Cycles copy_cached, copy_uncached;  // per KiB
    sim::Cycles checksum_cached;             // per KiB
    sim::Cycles checksum_in_copy;            // per KiB: what summing adds to a copy that sums on its way
    sim::Duration zero_page_cached, zero_page_uncached;
    sim::Duration copy_page_cached, copy_page_uncached;
  } memory;

  struct {
    std::uint32_t size = 0;        // bytes of L2
    std::uint32_t line_bytes = 0;  // a power of two, as are the other two
    std::uint32_t ways = 0;
    std::uint32_t lines() const { return size / line_bytes; }
  } cache;

  struct {
    std::uint32_t data_entries = 0, instruction_entries = 0;
    TranslationCost cost;
  } tlb;

  struct {
    sim::Duration read, write;  // uncached access to a register of a PCI card; writes are posted
  } pci;

  struct {
    std::uint32_t transmit_ring = 0;  // descriptors that can be in use
    std::uint32_t receive_ring = 0;
    std::int64_t line_rate = 0;                    // b/s, each way
    std::uint32_t descriptor_register_writes = 0;  // per transmit descriptor, which lies in the card's memory
    std::uint32_t completion_bytes = 0;            // of a receive completion, which lies in the host's
    // Code of the driver per packet where the hypervisor has it. A native kernel's driver is among that kernel's paths.
    Instructions hypervisor_transmit, hypervisor_receive;
    std::array<CoalescingSettings, static_cast<std::size_t>(CoalescingProfile::count)> coalescing{};
  } nic;

  // The host adapter of the disk.
  struct {
    std::uint32_t queue_depth = 0;             // commands that its driver gives it at most
    std::uint32_t submit_register_writes = 0;  // per command
    std::uint32_t interrupt_register_reads = 0, interrupt_register_writes = 0;  // per interrupt handled
    sim::Duration command;  // from the register write until the drive has the command
  } scsi;

  struct {
    sim::Duration cable_latency;       // one way, from card to switch
    sim::Duration forwarding_latency;  // of the switch, from last bit in to first bit out
    std::uint32_t output_fifo = 0;     // bytes per port of the switch
  } network;

  // Path lengths of the hypervisor core between two hardware calls.
  std::array<Instructions, static_cast<std::size_t>(hw::Step::count)> steps{};
};

}  // namespace model

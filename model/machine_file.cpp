#include "model/machine_file.h"

#include <fmt/format.h>

#include <bit>
#include <filesystem>

namespace model {

namespace {

constexpr std::array<const char*, static_cast<std::size_t>(CoalescingProfile::count)> kProfileNames = {"xen",
                                                                                                       "linux24_napi"};

void add_coalescing(ParameterFields& fields, const std::string& prefix, Coalescing& coalescing) {
  fields.push_back({prefix + ".receive_delay", "us", &coalescing.receive.delay});
  fields.push_back({prefix + ".receive_frames", "frames", &coalescing.receive.frames});
  fields.push_back({prefix + ".transmit_delay", "us", &coalescing.transmit.delay});
  fields.push_back({prefix + ".transmit_frames", "frames", &coalescing.transmit.frames});
}

// The table: every key, its unit and its field.
ParameterFields hardware_fields(MachineFile& file) {
  ParameterFields fields;
  const auto add = [&](std::string key, const char* unit, auto& field) {
    fields.push_back({std::move(key), unit, &field});
  };
  auto& cpu = file.cpu;
  add("cpu.clock", "Hz", cpu.clock);
  add("cpu.count", "CPUs", cpu.count);
  add("cpu.instruction", "millicycles", cpu.instruction_millicycles);
  add("cpu.system_call_entry", "cycles", cpu.system_call_entry);
  add("cpu.hypercall_entry", "cycles", cpu.hypercall_entry);
  add("cpu.exception_entry", "cycles", cpu.exception_entry);
  add("cpu.interrupt_entry", "cycles", cpu.interrupt_entry);
  add("cpu.interrupt_return", "cycles", cpu.interrupt_return);
  add("cpu.load_cr3", "cycles", cpu.load_cr3);
  add("cpu.invalidate_page", "cycles", cpu.invalidate_page);
  add("cpu.load_descriptor_table", "cycles", cpu.load_descriptor_table);
  add("cpu.load_segment", "cycles", cpu.load_segment);
  add("cpu.read_cycle_counter", "cycles", cpu.read_cycle_counter);
  add("cpu.locked_operation", "cycles", cpu.locked_operation);
  add("cpu.disable_interrupts", "cycles", cpu.disable_interrupts);
  add("cpu.enable_interrupts", "cycles", cpu.enable_interrupts);
  add("cpu.save_fpu", "cycles", cpu.save_fpu);
  add("cpu.restore_fpu", "cycles", cpu.restore_fpu);
  add("cpu.write_debug_register", "cycles", cpu.write_debug_register);
  add("cpu.set_task_switched", "cycles", cpu.set_task_switched);
  add("cpu.apic_write", "cycles", cpu.apic_write);
  add("cpu.ipi_latency", "ns", cpu.ipi_latency);

  auto& memory = file.memory;
  add("memory.size", "B", memory.size);
  add("memory.latency", "cycles", memory.latency);
  add("memory.map_frame", "cycles", memory.map_frame);
  add("memory.line_refill", "ns", memory.line_refill);
  add("memory.line_transfer", "cycles", memory.line_transfer);
  add("memory.line_stream", "ns", memory.line_stream);
  add("memory.copy_cached", "cycles/KiB", memory.copy_cached);
  add("memory.copy_uncached", "cycles/KiB", memory.copy_uncached);
  add("memory.checksum_cached", "cycles/KiB", memory.checksum_cached);
  add("memory.checksum_in_copy", "cycles/KiB", memory.checksum_in_copy);
  add("memory.zero_page_cached", "ns", memory.zero_page_cached);
  add("memory.zero_page_uncached", "ns", memory.zero_page_uncached);
  add("memory.copy_page_cached", "ns", memory.copy_page_cached);
  add("memory.copy_page_uncached", "ns", memory.copy_page_uncached);

  add("cache.size", "B", file.cache.size);
  add("cache.line", "B", file.cache.line_bytes);
  add("cache.ways", "ways", file.cache.ways);
  add("tlb.data_entries", "entries", file.tlb.data_entries);
  add("tlb.instruction_entries", "entries", file.tlb.instruction_entries);
  add("tlb.walk", "cycles", file.tlb.cost.walk);
  add("tlb.level", "cycles", file.tlb.cost.level);
  add("tlb.bit_update", "cycles", file.tlb.cost.bit_update);

  add("pci.read", "ns", file.pci.read);
  add("pci.write", "ns", file.pci.write);
  add("nic.transmit_ring", "descriptors", file.nic.transmit_ring);
  add("nic.receive_ring", "descriptors", file.nic.receive_ring);
  add("nic.line_rate", "b/s", file.nic.line_rate);
  add("nic.descriptor_register_writes", "accesses", file.nic.descriptor_register_writes);
  add("nic.completion_bytes", "B", file.nic.completion_bytes);
  add("nic.hypervisor_transmit", "instructions", file.nic.hypervisor_transmit.count);
  add("nic.hypervisor_receive", "instructions", file.nic.hypervisor_receive.count);
  for (std::size_t profile = 0; profile < kProfileNames.size(); ++profile) {
    const std::string prefix = fmt::format("nic.coalescing.{}", kProfileNames[profile]);
    CoalescingSettings& settings = file.nic.coalescing[profile];
    add_coalescing(fields, prefix + ".normal", settings.normal);
    add_coalescing(fields, prefix + ".in_handler", settings.in_handler);
    add(prefix + ".interrupt_register_reads", "accesses", settings.interrupt_register_reads);
    add(prefix + ".interrupt_register_writes", "accesses", settings.interrupt_register_writes);
  }
  add("scsi.queue_depth", "commands", file.scsi.queue_depth);
  add("scsi.submit_register_writes", "accesses", file.scsi.submit_register_writes);
  add("scsi.interrupt_register_reads", "accesses", file.scsi.interrupt_register_reads);
  add("scsi.interrupt_register_writes", "accesses", file.scsi.interrupt_register_writes);
  add("scsi.command", "us", file.scsi.command);
  add("network.cable_latency", "ns", file.network.cable_latency);
  add("network.forwarding_latency", "ns", file.network.forwarding_latency);
  add("network.output_fifo", "B", file.network.output_fifo);
  return fields;
}

ParameterFields core_fields(MachineFile& file) {
  ParameterFields fields;
  for (std::size_t step = 0; step < file.steps.size(); ++step) {
    fields.push_back({fmt::format("core.{}", hw::kStepNames[step]), "instructions", &file.steps[step].count});
  }
  return fields;
}

// What the model takes for granted of a file whose entries are all well formed.
void check(const MachineFile& file, const std::string& name) {
  const auto require = [&](bool holds, const char* key, const char* message) {
    if (!holds) throw ParameterError(name, key, message);
  };
  require(file.cpu.clock > 0, "cpu.clock", "expected more than 0");
  require(file.cpu.count >= 1 && file.cpu.count <= hv::kMaxCpus, "cpu.count", "expected 1 to 16");
  require(file.memory.size % hv::kPageSize == 0, "memory.size", "expected a multiple of 4096");
  require(file.memory.size > 0 && file.memory.size <= 0xfc000000, "memory.size", "expected at most 4032 MiB");
  require(file.cache.line_bytes > 0 && file.cache.lines() >= 1 && file.cache.lines() <= 65'535, "cache.size",
          "expected 1 to 65535 lines");
  require(std::has_single_bit(file.cache.size) && std::has_single_bit(file.cache.line_bytes) &&
              std::has_single_bit(file.cache.ways) && file.cache.ways <= file.cache.lines(),
          "cache.ways", "expected powers of two for size, line and ways, and at least one set");
  require(file.tlb.data_entries >= 1 && file.tlb.data_entries <= Tlb::kMaxEntries, "tlb.data_entries",
          "expected 1 to 128");
  require(file.tlb.instruction_entries >= 1 && file.tlb.instruction_entries <= Tlb::kMaxEntries,
          "tlb.instruction_entries", "expected 1 to 128");
  require(file.nic.transmit_ring >= 1, "nic.transmit_ring", "expected at least 1");
  require(file.nic.receive_ring >= 1, "nic.receive_ring", "expected at least 1");
  require(file.nic.line_rate > 0, "nic.line_rate", "expected more than 0");
  for (std::size_t profile = 0; profile < kProfileNames.size(); ++profile) {
    const CoalescingSettings& settings = file.nic.coalescing[profile];
    for (const Coalescing* coalescing : {&settings.normal, &settings.in_handler}) {
      for (const CoalescingLimits* limits : {&coalescing->receive, &coalescing->transmit}) {
        if (limits->frames > 0 || limits->delay > sim::Duration{}) continue;
        throw ParameterError(name, fmt::format("nic.coalescing.{}", kProfileNames[profile]),
                             "a delay and its frames are both 0: nothing would ever be published");
      }
    }
  }
}

}  // namespace

MachineFile MachineFile::load(const std::string& path) {
  const std::filesystem::path folder = std::filesystem::path{path}.parent_path();
  return parse(read_parameter_text(path), read_parameter_text((folder / "../core_paths.json").string()));
}

MachineFile MachineFile::parse(const ParameterText& hardware, const ParameterText& core_paths) {
  MachineFile file;
  file.read(hardware, hardware_fields(file));
  file.read(core_paths, core_fields(file));
  check(file, hardware.name);
  return file;
}

void MachineFile::set(std::string_view key, double value) {
  MachineFile changed = *this;
  changed.assign(key, value, key.starts_with("core.") ? core_fields(changed) : hardware_fields(changed));
  check(changed, name);
  *this = std::move(changed);
}

sim::Cycles MachineFile::cycles_for(sim::Cycles per_kib, std::uint64_t bytes) {
  return sim::Cycles{static_cast<std::int64_t>((static_cast<std::uint64_t>(per_kib.count()) * bytes + 1023) / 1024)};
}

}  // namespace model

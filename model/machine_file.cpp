#include "model/machine_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>
#include <type_traits>

namespace model {

namespace {

using Json = nlohmann::json;

constexpr std::array<const char*, static_cast<std::size_t>(hw::Step::count)> kStepNames = {
    "hypercall_dispatch", "multicall_entry",     "exception_bounce", "upcall",     "interrupt_dispatch",
    "page_table_update",  "page_table_validate", "mmu_extended",     "schedule",   "schedule_scan",
    "context_switch",     "event_send",          "event_channel_op", "timer_run",  "time_update",
    "vif_transmit",       "vif_receive",         "vif_post_buffer",  "rule_match", "control_op",
    "copy_word"};
static_assert(kStepNames.back() != nullptr, "every step has a name");

constexpr std::array<const char*, static_cast<std::size_t>(CoalescingProfile::count)> kProfileNames = {"xen",
                                                                                                       "linux24_napi"};

template <class Visit>
void visit_coalescing(const std::string& prefix, Coalescing& coalescing, Visit&& visit) {
  visit(prefix + ".receive_delay", "us", coalescing.receive.delay);
  visit(prefix + ".receive_frames", "frames", coalescing.receive.frames);
  visit(prefix + ".transmit_delay", "us", coalescing.transmit.delay);
  visit(prefix + ".transmit_frames", "frames", coalescing.transmit.frames);
}

// The table: every key, its unit and its field.
template <class Visit>
void visit_fields(MachineFile& file, Visit&& visit) {
  auto& cpu = file.cpu;
  visit("cpu.clock", "Hz", cpu.clock);
  visit("cpu.count", "CPUs", cpu.count);
  visit("cpu.instruction", "millicycles", cpu.instruction_millicycles);
  visit("cpu.system_call_entry", "cycles", cpu.system_call_entry);
  visit("cpu.hypercall_entry", "cycles", cpu.hypercall_entry);
  visit("cpu.exception_entry", "cycles", cpu.exception_entry);
  visit("cpu.interrupt_entry", "cycles", cpu.interrupt_entry);
  visit("cpu.interrupt_return", "cycles", cpu.interrupt_return);
  visit("cpu.load_cr3", "cycles", cpu.load_cr3);
  visit("cpu.invalidate_page", "cycles", cpu.invalidate_page);
  visit("cpu.load_descriptor_table", "cycles", cpu.load_descriptor_table);
  visit("cpu.load_segment", "cycles", cpu.load_segment);
  visit("cpu.read_cycle_counter", "cycles", cpu.read_cycle_counter);
  visit("cpu.locked_operation", "cycles", cpu.locked_operation);
  visit("cpu.disable_interrupts", "cycles", cpu.disable_interrupts);
  visit("cpu.enable_interrupts", "cycles", cpu.enable_interrupts);
  visit("cpu.save_fpu", "cycles", cpu.save_fpu);
  visit("cpu.restore_fpu", "cycles", cpu.restore_fpu);
  visit("cpu.write_debug_register", "cycles", cpu.write_debug_register);
  visit("cpu.set_task_switched", "cycles", cpu.set_task_switched);
  visit("cpu.apic_write", "cycles", cpu.apic_write);
  visit("cpu.ipi_latency", "ns", cpu.ipi_latency);

  auto& memory = file.memory;
  visit("memory.size", "B", memory.size);
  visit("memory.latency", "cycles", memory.latency);
  visit("memory.line_refill", "ns", memory.line_refill);
  visit("memory.line_stream", "ns", memory.line_stream);
  visit("memory.copy_cached", "cycles/KiB", memory.copy_cached);
  visit("memory.copy_uncached", "cycles/KiB", memory.copy_uncached);
  visit("memory.checksum_cached", "cycles/KiB", memory.checksum_cached);
  visit("memory.zero_page_cached", "ns", memory.zero_page_cached);
  visit("memory.zero_page_uncached", "ns", memory.zero_page_uncached);
  visit("memory.copy_page_cached", "ns", memory.copy_page_cached);
  visit("memory.copy_page_uncached", "ns", memory.copy_page_uncached);

  visit("cache.size", "B", file.cache.size);
  visit("cache.line", "B", file.cache.line_bytes);
  visit("cache.ways", "ways", file.cache.ways);
  visit("tlb.data_entries", "entries", file.tlb.data_entries);
  visit("tlb.instruction_entries", "entries", file.tlb.instruction_entries);
  visit("tlb.walk", "cycles", file.tlb.cost.walk);
  visit("tlb.level", "cycles", file.tlb.cost.level);
  visit("tlb.bit_update", "cycles", file.tlb.cost.bit_update);

  visit("pci.read", "ns", file.pci.read);
  visit("pci.write", "ns", file.pci.write);
  visit("nic.transmit_ring", "descriptors", file.nic.transmit_ring);
  visit("nic.receive_ring", "descriptors", file.nic.receive_ring);
  visit("nic.line_rate", "b/s", file.nic.line_rate);
  visit("nic.interrupt_register_reads", "accesses", file.nic.interrupt_register_reads);
  visit("nic.interrupt_register_writes", "accesses", file.nic.interrupt_register_writes);
  for (std::size_t profile = 0; profile < kProfileNames.size(); ++profile) {
    const std::string prefix = fmt::format("nic.coalescing.{}", kProfileNames[profile]);
    visit_coalescing(prefix + ".normal", file.nic.coalescing[profile].normal, visit);
    visit_coalescing(prefix + ".in_handler", file.nic.coalescing[profile].in_handler, visit);
  }
  visit("network.cable_latency", "ns", file.network.cable_latency);
  visit("network.forwarding_latency", "ns", file.network.forwarding_latency);
  visit("network.output_fifo", "B", file.network.output_fifo);

  for (std::size_t step = 0; step < kStepNames.size(); ++step) {
    visit(fmt::format("core.{}", kStepNames[step]), "instructions", file.steps[step]);
  }
  auto& guest = file.guest;
  visit("guest.system_call", "instructions", guest.system_call);
  visit("guest.event_dispatch", "instructions", guest.event_dispatch);
  visit("guest.interrupt_dispatch", "instructions", guest.interrupt_dispatch);
  visit("guest.timer_tick", "instructions", guest.timer_tick);
  visit("guest.schedule", "instructions", guest.schedule);
  visit("guest.schedule_task", "instructions", guest.schedule_task);
  visit("guest.switch_task", "instructions", guest.switch_task);
  visit("guest.wake_task", "instructions", guest.wake_task);
  visit("guest.page_fault", "instructions", guest.page_fault);
  visit("guest.page_allocate", "instructions", guest.page_allocate);
  visit("guest.update_queue", "instructions", guest.update_queue);
  visit("guest.socket_receive", "instructions", guest.socket_receive);
  visit("guest.socket_send", "instructions", guest.socket_send);
  visit("guest.udp_receive", "instructions", guest.udp_receive);
  visit("guest.udp_send", "instructions", guest.udp_send);
  visit("guest.driver_receive", "instructions", guest.driver_receive);
  visit("guest.driver_transmit", "instructions", guest.driver_transmit);
  visit("guest.driver_refill", "instructions", guest.driver_refill);
  visit("guest.driver_interrupt", "instructions", guest.driver_interrupt);
  visit("guest.soft_interrupt", "instructions", guest.soft_interrupt);
}

std::int64_t picoseconds_per(std::string_view unit) { return unit == "ns" ? 1'000 : 1'000'000; }

// Puts `value`, given in `unit`, into a field of any of the types above. False: it does not fit.
template <class Field>
bool assign(Field& field, double value, std::string_view unit) {
  if constexpr (std::is_same_v<Field, sim::Duration>) {
    const double ps = value * static_cast<double>(picoseconds_per(unit));
    if (!(ps >= 0 && ps < 9e18)) return false;
    field = sim::Duration::picoseconds(std::llround(ps));
    return true;
  } else {
    if (!(value >= 0 && value < 9e15) || value != std::floor(value)) return false;
    if constexpr (std::is_same_v<Field, sim::Cycles>) {
      field = sim::Cycles{static_cast<std::int64_t>(value)};
    } else if constexpr (std::is_same_v<Field, Instructions>) {
      return assign(field.count, value, unit);
    } else {
      if (value > static_cast<double>(std::numeric_limits<Field>::max())) return false;
      field = static_cast<Field>(value);
    }
    return true;
  }
}

template <class Field>
constexpr const char* kExpectedNumber =
    std::is_same_v<Field, sim::Duration> ? "a number that is not negative" : "a whole number that is not negative";

// One file while it is read.
class Reader {
 public:
  Reader(const Json& document, const std::string& name) : document_{document}, name_{name} {}

  // The entry at a dotted key; throws if it is missing.
  const Json& at(const std::string& key) const {
    const Json* node = &document_;
    std::istringstream parts{key};
    for (std::string part; std::getline(parts, part, '.');) {
      const auto found = node->is_object() ? node->find(part) : node->end();
      if (found == node->end()) fail(key, "missing");
      node = &*found;
    }
    if (!node->is_object()) fail(key, "expected an object with value, unit, origin, source, certainty");
    return *node;
  }

  // `key` is empty for the document itself.
  std::string text(const Json& entry, const std::string& key, const std::string& attribute) const {
    const std::string path = key.empty() ? attribute : key + "." + attribute;
    const auto found = entry.find(attribute);
    if (found == entry.end()) fail(path, "missing");
    if (!found->is_string() || found->get_ref<const std::string&>().empty()) fail(path, "expected a text");
    return found->get<std::string>();
  }

  MachineFile::Entry entry(const std::string& key, const char* unit) const {
    const Json& node = at(key);
    for (const auto& [attribute, unused] : node.items()) {
      static const std::set<std::string> kKnown = {"value", "unit", "origin", "source", "certainty", "range", "note"};
      if (!kKnown.contains(attribute)) fail(key + "." + attribute, "unknown attribute");
    }
    MachineFile::Entry result;
    result.key = key;
    if (!node.contains("value") || !node["value"].is_number()) fail(key + ".value", "expected a number");
    result.value = node["value"].get<double>();
    result.unit = text(node, key, "unit");
    if (result.unit != unit) fail(key + ".unit", fmt::format("expected \"{}\", found \"{}\"", unit, result.unit));
    result.origin = one_of(node, key, "origin", {"measured", "counted", "fitted", "assumed"});
    result.source = text(node, key, "source");
    result.certainty = one_of(node, key, "certainty", {"high", "medium", "low"});
    if (node.contains("range")) result.range = range(node["range"], key, result.value);
    if (result.origin == "assumed" && !result.range) fail(key + ".range", "missing: what is assumed has a range");
    if (node.contains("note")) result.note = text(node, key, "note");
    return result;
  }

  // Throws on anything that is neither a known key nor on the way to one.
  void reject_unknown(const std::set<std::string>& known) const { reject_unknown(document_, "", known); }

  [[noreturn]] void fail(const std::string& path, const std::string& message) const {
    throw MachineFileError(name_, path, message);
  }

 private:
  std::string one_of(const Json& entry, const std::string& key, const char* attribute,
                     std::initializer_list<const char*> allowed) const {
    const std::string found = text(entry, key, attribute);
    if (std::find(allowed.begin(), allowed.end(), found) == allowed.end()) {
      fail(key + "." + attribute, fmt::format("expected one of {}, found \"{}\"", fmt::join(allowed, ", "), found));
    }
    return found;
  }

  std::pair<double, double> range(const Json& node, const std::string& key, double value) const {
    if (!node.is_array() || node.size() != 2 || !node[0].is_number() || !node[1].is_number()) {
      fail(key + ".range", "expected [low, high]");
    }
    const std::pair<double, double> result{node[0].get<double>(), node[1].get<double>()};
    if (!(result.first <= value && value <= result.second)) fail(key + ".range", "does not hold the value");
    return result;
  }

  void reject_unknown(const Json& node, const std::string& path, const std::set<std::string>& known) const {
    for (const auto& [part, child] : node.items()) {
      const std::string key = path.empty() ? part : path + "." + part;
      if (known.contains(key)) continue;
      const auto longer = known.lower_bound(key + ".");
      const bool leads_on = longer != known.end() && longer->compare(0, key.size() + 1, key + ".") == 0;
      if (!leads_on || !child.is_object()) fail(key, "unknown key");
      reject_unknown(child, key, known);
    }
  }

  const Json& document_;
  const std::string& name_;
};

std::uint64_t fnv1a(std::string_view text) {
  std::uint64_t hash = 0xcbf29ce484222325;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return hash;
}

// What the model takes for granted of a file whose entries are all well formed.
void check(const MachineFile& file, const std::string& name) {
  const auto require = [&](bool holds, const char* key, const char* message) {
    if (!holds) throw MachineFileError(name, key, message);
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
        throw MachineFileError(name, fmt::format("nic.coalescing.{}", kProfileNames[profile]),
                               "a delay and its frames are both 0: nothing would ever be published");
      }
    }
  }
}

}  // namespace

MachineFile MachineFile::load(const std::string& path) {
  std::ifstream stream{path, std::ios::binary};
  if (!stream) throw MachineFileError(path, "", "cannot be read");
  std::ostringstream text;
  text << stream.rdbuf();
  return parse(text.str(), path);
}

MachineFile MachineFile::parse(std::string_view text, const std::string& name) {
  Json document;
  try {
    document = Json::parse(text);
  } catch (const Json::parse_error& error) {
    throw MachineFileError(name, "", error.what());
  }
  const Reader reader{document, name};
  if (!document.is_object()) reader.fail("", "expected an object");

  MachineFile file;
  file.hash_ = fnv1a(text);
  file.name = reader.text(document, "", "name");
  file.description = reader.text(document, "", "description");
  std::set<std::string> known = {"name", "description"};
  visit_fields(file, [&](const std::string& key, const char*, auto&) { known.insert(key); });
  reader.reject_unknown(known);
  visit_fields(file, [&](const std::string& key, const char* unit, auto& field) {
    Entry entry = reader.entry(key, unit);
    using Field = std::remove_reference_t<decltype(field)>;
    if (!assign(field, entry.value, unit)) {
      reader.fail(key + ".value", fmt::format("expected {}, found {}", kExpectedNumber<Field>, entry.value));
    }
    file.entries_.push_back(std::move(entry));
  });
  check(file, name);
  return file;
}

void MachineFile::set(std::string_view key, double value) {
  bool found = false;
  MachineFile changed = *this;
  visit_fields(changed, [&](const std::string& candidate, const char* unit, auto& field) {
    if (candidate != key) return;
    found = true;
    using Field = std::remove_reference_t<decltype(field)>;
    if (!assign(field, value, unit)) {
      throw MachineFileError(name, candidate, fmt::format("expected {}, found {}", kExpectedNumber<Field>, value));
    }
  });
  if (!found) throw MachineFileError(name, std::string{key}, "unknown key");
  check(changed, name);
  for (Entry& entry : changed.entries_) {
    if (entry.key == key) entry.value = value;
  }
  *this = std::move(changed);
}

const MachineFile::Entry* MachineFile::find(std::string_view key) const {
  const auto found =
      std::find_if(entries_.begin(), entries_.end(), [&](const Entry& entry) { return entry.key == key; });
  return found == entries_.end() ? nullptr : &*found;
}

sim::Cycles MachineFile::cycles(Instructions path, std::uint64_t times) const {
  const std::uint64_t millicycles = path.count * times * cpu.instruction_millicycles;
  return sim::Cycles{static_cast<std::int64_t>((millicycles + 999) / 1000)};
}

sim::Cycles MachineFile::cycles_for(sim::Cycles per_kib, std::uint64_t bytes) {
  return sim::Cycles{static_cast<std::int64_t>((static_cast<std::uint64_t>(per_kib.count()) * bytes + 1023) / 1024)};
}

}  // namespace model

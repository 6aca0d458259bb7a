#include "model/machine_file.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <set>

using model::MachineFile, model::ParameterError;
using sim::Cycles, sim::Duration;

namespace {

const std::string kDell = RINGZERO_SOURCE_DIR "/model/machines/dell2650.json";
const std::string kCorePaths = RINGZERO_SOURCE_DIR "/model/core_paths.json";

std::string text_of(const std::string& path) { return model::read_parameter_text(path).text; }

// The path that the loader complains about after `change` was made to the Dell's file; "" if it does not.
template <class Change>
std::string complaint(Change change) {
  nlohmann::json document = nlohmann::json::parse(text_of(kDell));
  change(document);
  try {
    MachineFile::parse({"test.json", document.dump()}, {"core.json", text_of(kCorePaths)});
  } catch (const ParameterError& error) {
    CHECK(std::string{error.what()}.find("test.json: " + error.path()) == 0);
    return error.path();
  }
  return "";
}

}  // namespace

TEST_CASE("the Dell 2650 is what the paper says it is") {
  const MachineFile dell = MachineFile::load(kDell);
  CHECK(dell.name == "dell2650");
  CHECK(dell.cpu.clock == 2'400'000'000);
  CHECK(dell.cpu.count == 2);
  CHECK(dell.memory.size == std::uint64_t{2} << 30);
  CHECK(dell.cache.lines() == 8192);
  CHECK(dell.tlb.data_entries == 64);
  CHECK(dell.memory.line_refill == Duration::picoseconds(44'500));
  const model::CoalescingSettings& xen = dell.coalescing_of(model::CoalescingProfile::xen);
  CHECK(xen.normal.receive.delay == Duration::microseconds(72));
  CHECK(xen.normal.receive.frames == 8);
  CHECK(xen.normal.transmit.delay == Duration::microseconds(300));
  CHECK(xen.normal.transmit.frames == 75);
  CHECK(xen.in_handler.receive.delay == Duration::microseconds(25));
  const model::CoalescingSettings& linux24 = dell.coalescing_of(model::CoalescingProfile::linux24_napi);
  CHECK(linux24.normal.receive.frames == 1);
  CHECK(linux24.normal.transmit.delay == Duration::microseconds(150));
}

TEST_CASE("every entry of every machine has unit, source, origin and certainty, and a range if it is assumed") {
  const MachineFile dell = MachineFile::load(kDell);
  CHECK(dell.entries().size() > 70);
  std::set<std::string> keys;
  for (const MachineFile::Entry& entry : dell.entries()) {
    CAPTURE(entry.key);
    CHECK(keys.insert(entry.key).second);
    CHECK_FALSE(entry.unit.empty());
    CHECK_FALSE(entry.source.empty());
    CHECK((entry.origin == "measured" || entry.origin == "counted" || entry.origin == "fitted" ||
           entry.origin == "assumed"));
    CHECK((entry.certainty == "high" || entry.certainty == "medium" || entry.certainty == "low"));
    if (entry.origin == "assumed") CHECK(entry.range.has_value());
    if (entry.range) CHECK((entry.range->first <= entry.value && entry.value <= entry.range->second));
    CHECK(entry.source.find(".X") == std::string::npos);  // the paper's Xen values are predictions, never a source
  }
  for (std::size_t step = 0; step < static_cast<std::size_t>(hw::Step::count); ++step) {
    CHECK(dell.steps[step].count > 0);
  }
}

TEST_CASE("errors name the file and the path of what is wrong") {
  using Json = nlohmann::json;
  CHECK(complaint([](Json&) {}) == "");
  CHECK(complaint([](Json& j) { j["cpu"]["clok"] = j["cpu"]["clock"]; }) == "cpu.clok");
  CHECK(complaint([](Json& j) { j["gpu"] = 1; }) == "gpu");
  CHECK(complaint([](Json& j) { j["nic"]["coalescing"]["linux26"] = Json::object(); }) == "nic.coalescing.linux26");
  CHECK(complaint([](Json& j) { j["memory"].erase("line_refill"); }) == "memory.line_refill");
  CHECK(complaint([](Json& j) { j["core"] = 5; }) == "core");
  CHECK(complaint([](Json& j) { j.erase("name"); }) == "name");
  CHECK(complaint([](Json& j) { j["cpu"] = 5; }) == "cpu");
  CHECK(complaint([](Json& j) { j["cpu"]["clock"] = 5; }) == "cpu.clock");
  CHECK(complaint([](Json& j) { j["cpu"]["clock"]["unit"] = "MHz"; }) == "cpu.clock.unit");
  CHECK(complaint([](Json& j) { j["cpu"]["clock"].erase("unit"); }) == "cpu.clock.unit");
  CHECK(complaint([](Json& j) { j["cpu"]["clock"]["value"] = "fast"; }) == "cpu.clock.value");
  CHECK(complaint([](Json& j) { j["cpu"]["clock"].erase("value"); }) == "cpu.clock.value");
  CHECK(complaint([](Json& j) { j["cpu"]["apic_write"]["value"] = 150.5; }) == "cpu.apic_write.value");
  CHECK(complaint([](Json& j) { j["cpu"]["clock"]["value"] = -1; }) == "cpu.clock.value");
  CHECK(complaint([](Json& j) { j["cpu"]["clock"]["origin"] = "guessed"; }) == "cpu.clock.origin");
  CHECK(complaint([](Json& j) { j["cpu"]["clock"]["source"] = ""; }) == "cpu.clock.source");
  CHECK(complaint([](Json& j) { j["cpu"]["clock"].erase("certainty"); }) == "cpu.clock.certainty");
  CHECK(complaint([](Json& j) { j["cpu"]["clock"]["comment"] = "x"; }) == "cpu.clock.comment");
  CHECK(complaint([](Json& j) { j["memory"]["latency"].erase("range"); }) == "memory.latency.range");
  CHECK(complaint([](Json& j) { j["memory"]["latency"]["range"] = {400, 500}; }) == "memory.latency.range");
  CHECK(complaint([](Json& j) { j["cpu"]["count"]["value"] = 0; }) == "cpu.count");
  CHECK(complaint([](Json& j) { j["memory"]["size"]["value"] = 1000; }) == "memory.size");
  CHECK(complaint([](Json& j) { j["tlb"]["data_entries"]["value"] = 200; }) == "tlb.data_entries");
  CHECK(complaint([](Json& j) {
          j["nic"]["coalescing"]["xen"]["normal"]["receive_delay"]["value"] = 0;
          j["nic"]["coalescing"]["xen"]["normal"]["receive_frames"]["value"] = 0;
        }) == "nic.coalescing.xen");
}

TEST_CASE("a file that is not there or not JSON is an error without a path") {
  CHECK_THROWS_AS(MachineFile::load("/nowhere/at/all.json"), ParameterError);
  CHECK_THROWS_AS(MachineFile::parse({"broken.json", "{"}, {"core.json", ""}), ParameterError);
  CHECK_THROWS_AS(MachineFile::parse({"broken.json", "[]"}, {"core.json", ""}), ParameterError);
}

TEST_CASE("an override changes the field and the entry, in the entry's unit, and nothing else") {
  MachineFile dell = MachineFile::load(kDell);
  dell.set("memory.line_refill", 130);
  CHECK(dell.memory.line_refill == Duration::nanoseconds(130));
  CHECK(dell.find("memory.line_refill")->value == 130);
  dell.set("core.schedule", 1000);
  CHECK(dell.cycles(hw::Step::schedule) == Cycles{1600});
  dell.set("nic.coalescing.xen.normal.receive_delay", 0.5);
  CHECK(dell.coalescing_of(model::CoalescingProfile::xen).normal.receive.delay == Duration::nanoseconds(500));

  const auto path_of = [&](const char* key, double value) -> std::string {
    try {
      dell.set(key, value);
    } catch (const ParameterError& error) {
      return error.path();
    }
    return "";
  };
  CHECK(path_of("memory.line_refil", 1) == "memory.line_refil");
  CHECK(path_of("cpu.count", 1.5) == "cpu.count");
  CHECK(path_of("cpu.count", 0) == "cpu.count");
  CHECK(path_of("cpu.count", 5e9) == "cpu.count");
  CHECK(dell.cpu.count == 2);  // a refused override leaves the file as it was
  CHECK(dell.find("no.such.key") == nullptr);
}

TEST_CASE("path lengths become cycles as a whole, rounded up once") {
  const MachineFile dell = MachineFile::load(kDell);  // 1.6 cycles an instruction
  CHECK(dell.cycles(model::Instructions{1}) == Cycles{2});
  CHECK(dell.cycles(model::Instructions{2}, 1000) == Cycles{3200});
  CHECK(dell.cycles(model::Instructions{10}) == Cycles{16});
  CHECK(MachineFile::cycles_for(Cycles{819}, 1024) == Cycles{819});
  CHECK(MachineFile::cycles_for(Cycles{819}, 1) == Cycles{1});
  CHECK(MachineFile::cycles_for(Cycles{819}, 0) == Cycles{0});
}

TEST_CASE("the core's path lengths have a file of their own, and errors in it name that file") {
  nlohmann::json core = nlohmann::json::parse(text_of(kCorePaths));
  core["core"].erase("schedule");
  CHECK_THROWS_WITH_AS(MachineFile::parse({"test.json", text_of(kDell)}, {"core.json", core.dump()}),
                       "core.json: core.schedule: missing", ParameterError);
}

TEST_CASE("the hash is that of both files' texts") {
  const auto hash = [](const std::string& hardware, const std::string& core) {
    return MachineFile::parse({"hardware", hardware}, {"core", core}).hash();
  };
  const std::string dell = text_of(kDell), core = text_of(kCorePaths);
  CHECK(MachineFile::load(kDell).hash() == hash(dell, core));
  CHECK(hash(dell, core) != hash(dell + " ", core));
  CHECK(hash(dell, core) != hash(dell, core + " "));
}

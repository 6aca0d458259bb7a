// Parameter files as the guest kernel's paths use them: keys that may be missing, fits, overrides.
#include "model/parameter_file.h"

#include <doctest/doctest.h>

#include <cstdlib>

#include <nlohmann/json.hpp>

#include "model/machine_file.h"
#include "workloads/kernel/path.h"

using guest::KernelFile;
using Json = nlohmann::json;

namespace {

const std::string kLinux24 = RINGZERO_SOURCE_DIR "/workloads/kernel/linux24.json";

template <class Change>
KernelFile changed(Change change) {
  Json document = Json::parse(model::read_parameter_text(kLinux24).text);
  change(document["kernel"]);
  return KernelFile::parse({"test.json", document.dump()});
}

template <class Change>
std::string complaint(Change change) {
  try {
    changed(change);
  } catch (const model::ParameterError& error) {
    return error.path();
  }
  return "";
}

}  // namespace

TEST_CASE("a null system call of the native kernel takes 0.45 us of entry, exit and handler") {
  const model::MachineFile dell = model::MachineFile::load(RINGZERO_SOURCE_DIR "/model/machines/dell2650.json");
  const KernelFile::Paths& paths = KernelFile::linux24().paths;
  const sim::Cycles handler =
      dell.cycles(model::Instructions{paths.system_call.instructions + paths.identity.instructions});
  const sim::Cycles all = dell.cpu.system_call_entry + dell.cpu.interrupt_return + handler;
  CHECK(std::abs(all.count() - 1080) <= 12);  // 0.45 us, to half a printed digit
}

TEST_CASE("locks and interrupt pairs that the file leaves out are none, and cannot be set") {
  KernelFile file = KernelFile::linux24();
  CHECK(file.paths.wake_task.interrupt_pairs == 2);
  CHECK(file.paths.system_call.locks == 0);
  CHECK(file.find("kernel.system_call.locks") == nullptr);
  CHECK_THROWS_AS(file.set("kernel.system_call.locks", 1), model::ParameterError);
  CHECK(complaint([](Json& j) { j["fork"].erase("locks"); }) == "");
  CHECK(complaint([](Json& j) { j["fork"].erase("instructions"); }) == "kernel.fork.instructions");
  CHECK(complaint([](Json& j) { j.erase("fork"); }) == "kernel.fork.instructions");
  CHECK(complaint([](Json& j) { j["spoon"] = Json::object(); }) == "kernel.spoon");
  CHECK(complaint([](Json& j) { j["instructions_per_text_page"]["value"] = 100.5; }) ==
        "kernel.instructions_per_text_page.value");
}

TEST_CASE("an override changes one path and where the paths after it are") {
  KernelFile file = KernelFile::linux24();
  const guest::u32 before = file.paths.exec.home;
  file.set("kernel.wake_task.instructions", 1000 + file.paths.wake_task.instructions);
  CHECK(file.find("kernel.wake_task.instructions")->value == file.paths.wake_task.instructions);
  CHECK(file.paths.exec.home == before + 1000);
  CHECK(file.paths.wake_task.home == KernelFile::linux24().paths.wake_task.home);
  const guest::u32 after_long = file.paths.exec.home;
  file.set("kernel.fork.instructions", 100'000);  // goes over the same code again
  CHECK(file.paths.exec.home == after_long);
  CHECK_THROWS_AS(file.set("kernel.instructions_per_data_page", 0), model::ParameterError);
  CHECK_THROWS_AS(file.set("kernel.fork.instructions", 0.5), model::ParameterError);
}

TEST_CASE("a path uses lines in as many pages of the image as its length says; a longer one the same and more") {
  KernelFile file = KernelFile::linux24();
  file.set("kernel.instructions_per_text_page", 150);
  file.set("kernel.lines_per_page", 8);
  file.set("kernel.wake_task.instructions", 400);
  const guest::Path& path = file.paths.wake_task;
  const std::vector<guest::ImageLines> shorter = path.text;
  CHECK(shorter.size() == (path.home + 399) / 150 - path.home / 150 + 1);
  for (const guest::ImageLines& lines : shorter) {
    CHECK(lines.count >= 1);
    CHECK(lines.count <= 8);
    CHECK(lines.offset % 64 == 0);
    CHECK(lines.offset % 4096 + lines.count * 64 <= 4096);
    CHECK(lines.offset < guest::kKernelTextPages * 4096);
  }
  file.set("kernel.wake_task.instructions", 700);
  CHECK(path.text.size() == shorter.size() + 2);
  for (std::size_t i = 0; i + 1 < shorter.size(); ++i) {
    CHECK(path.text[i].offset == shorter[i].offset);
    CHECK(path.text[i].count == shorter[i].count);
  }
  CHECK_THROWS_AS(file.set("kernel.lines_per_page", 65), model::ParameterError);
}

TEST_CASE("what is fitted says on which published values and how well") {
  const auto fit = [](Json entry) {
    return [entry](Json& j) {
      j["fork"]["instructions"].update(entry);
      j["fork"]["instructions"]["range"] = {1000, 100'000};
    };
  };
  const Json good = {
      {"value", 3000}, {"origin", "fitted"}, {"fitted_on", {"tab3.fork_proc.L-UP"}}, {"confidence", {2800, 3200}}};
  const KernelFile file = changed(fit(good));
  const model::ParameterEntry& entry = *file.find("kernel.fork.instructions");
  CHECK(entry.fitted_on == std::vector<std::string>{"tab3.fork_proc.L-UP"});
  CHECK(entry.confidence == model::ParameterEntry::Interval{2800, 3200});
  const auto with = [&](const char* key, const Json& value) {
    Json entry_with = good;
    entry_with[key] = value;
    return complaint(fit(entry_with));
  };
  CHECK(with("origin", "assumed") == "kernel.fork.instructions.origin");
  CHECK(with("fitted_on", Json::array()) == "kernel.fork.instructions.fitted_on");
  CHECK(with("fitted_on", Json{5}) == "kernel.fork.instructions.fitted_on");
  CHECK(with("confidence", Json{1, 2}) == "kernel.fork.instructions.confidence");
}

// The hosted side of the comparison: a sequence over the model, on standard output.
//
//   hosted_sequence MACHINE.json [seed=N] [operations=N] [detail_from=N] [detail_to=N] [gaps=qemu]
//   hosted_sequence_faults MACHINE.json ... fault=NAME     with one planted in the core or the model; fault=? lists
//   them
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "metal/hosted/model_guest.h"
#include "metal/hosted/planted_faults.h"
#include "metal/parameters.h"

namespace {

bool number(const char* argument, const char* name, hv::u32& value) {
  const std::size_t length = std::strlen(name);
  if (std::strncmp(argument, name, length) != 0 || argument[length] != '=') return false;
  value = static_cast<hv::u32>(std::strtoul(argument + length + 1, nullptr, 10));
  return true;
}

}  // namespace

int main(int count, char** arguments) {
  if (count < 2) {
    std::fprintf(stderr, "hosted_sequence: the machine file is missing\n");
    return 2;
  }
  sequence::Options options;
  bool eager_accessed = false;
  for (int i = 2; i < count; ++i) {
    const char* argument = arguments[i];
    if (std::strcmp(argument, "fault=?") == 0) {
      for (const std::string& name : hosted::fault_names()) std::puts(name.c_str());
      return 0;
    }
    if (std::strncmp(argument, "fault=", 6) == 0 && hosted::plant(argument + 6)) continue;
    if (std::strcmp(argument, "gaps=qemu") == 0) {
      options.segment_limits = false;
      eager_accessed = true;
    } else if (!number(argument, "seed", options.seed) && !number(argument, "operations", options.operations) &&
               !number(argument, "detail_from", options.detail_from) &&
               !number(argument, "detail_to", options.detail_to) && !number(argument, "words_of", options.words_of)) {
      std::fprintf(stderr, "hosted_sequence: what is \"%s\"?\n", argument);
      return 2;
    }
  }
  model::MachineFile file = model::MachineFile::load(arguments[1]);
  file.memory.size = std::uint64_t{metal::kMemoryMegabytes} << 20;
  hosted::ModelHost host{file};
  for (const std::string& line : host.run(options, eager_accessed)) std::puts(line.c_str());
  return 0;
}

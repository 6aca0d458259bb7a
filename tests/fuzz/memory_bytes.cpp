// The attack on the memory interface with libFuzzer choosing the commands: 7 bytes each, checked after every one.
// Built by the preset `fuzz` (cmake/fuzz.cmake); seeds are in corpus/.
#include <cstdlib>
#include <iostream>

#include "support/random_commands.h"

namespace {

constexpr std::size_t kMostCommands = 400;

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace test;
  const std::span bytes{data, size};
  std::vector<Command> commands;
  for (std::size_t at = 0; at + kCommandBytes <= size && commands.size() < kMostCommands; at += kCommandBytes)
    commands.push_back(command_of(bytes.subspan(at).first<kCommandBytes>()));
  const Outcome outcome = perform_all(commands);
  if (outcome.failure.empty()) return 0;
  const std::span performed{commands.data(), outcome.performed};
  std::cerr << outcome.failure << "\nreplay file " << write_replay("fuzzer", outcome.failure, performed) << '\n';
  std::abort();
}

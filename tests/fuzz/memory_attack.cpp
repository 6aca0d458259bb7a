// Random sequences of commands against the memory and descriptor interface, every one checked
// (support/memory_attack.h).
//
//   fuzz_memory_attack                  what the normal test run does: a fixed number of sequences
//   fuzz_memory_attack SECONDS [SEED [EVERY]]   as long as asked; recounts after every EVERY-th change, which is
//                                       faster, and what a domain may reach and asked for after each one as always
//   fuzz_memory_attack FILE             performs a replay file; so does RINGZERO_REPLAY=FILE
//
// A failure is shortened by leaving out commands and written as a replay file.
#include <chrono>
#include <cstdlib>
#include <iostream>

#include "support/memory_attack.h"
#include "support/random_commands.h"

namespace {

using namespace test;

constexpr std::uint64_t kSequences = 60;  // of the normal run

int replay(const char* path) {
  const std::vector<Command> commands = read_commands(path);
  const Outcome outcome = perform_all(commands);
  std::cout << (outcome.failure.empty() ? "in order after " : outcome.failure + "\nafter ") << outcome.performed
            << " commands\n";
  return outcome.failure.empty() ? 0 : 1;
}

int attack(double seconds, std::uint64_t first_seed, std::uint32_t check_every) {
  using Clock = std::chrono::steady_clock;
  const auto begin = Clock::now();
  const auto passed = [&] { return std::chrono::duration<double>(Clock::now() - begin).count(); };
  AttackCounts counts;
  std::uint64_t sequences = 0;
  for (; seconds > 0 ? passed() < seconds : sequences < kSequences; ++sequences) {
    const std::vector<Command> commands = random_commands(first_seed + sequences);
    const Outcome outcome = perform_all(commands, check_every);
    counts.add(outcome.counts);
    if (outcome.failure.empty()) continue;
    const std::vector<Command> shorter = shortened({commands.data(), outcome.performed});
    const std::string name = std::to_string(first_seed + sequences);
    std::cout << "seed " << name << ", command " << outcome.performed << ": " << outcome.failure << "\nreplay with "
              << shorter.size() << " commands: " << write_replay(name, outcome.failure, shorter) << '\n';
    return 1;
  }
  std::cout << sequences << " sequences from seed " << first_seed << ": " << counts.commands << " commands, "
            << counts.hypercalls << " hypercalls (" << counts.accepted << " accepted, " << counts.refused
            << " refused), " << counts.requests << " page-table requests in batches, " << counts.faults
            << " exceptions, " << counts.flushes << " flushes, " << counts.domains_built << " domains built, "
            << counts.checks << " recounts\n";
  std::cerr << passed() << " s\n";
  // Both kinds must be there, or the run says nothing.
  return counts.accepted > counts.hypercalls / 5 && counts.refused > counts.hypercalls / 5 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (const char* path = std::getenv("RINGZERO_REPLAY")) return replay(path);
  if (argc < 2) return attack(0, 1, 1);
  char* end = nullptr;
  const double seconds = std::strtod(argv[1], &end);
  if (*end != 0) return replay(argv[1]);
  return attack(seconds, argc < 3 ? 1 : std::strtoull(argv[2], nullptr, 10),
                argc < 4 ? 1 : static_cast<std::uint32_t>(std::strtoul(argv[3], nullptr, 10)));
}

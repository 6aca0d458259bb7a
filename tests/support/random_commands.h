// Sequences of commands for the attack on the memory interface: made at random, performed, and made shorter.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "support/memory_attack.h"

namespace test {

struct Outcome {
  std::string failure;        // empty: everything stayed in order
  std::size_t performed = 0;  // commands, the failing one included
  AttackCounts counts;
};

// On a fresh machine; checked as a whole after every `check_every`th change and at the end.
Outcome perform_all(std::span<const Command> commands, std::uint32_t check_every = 1);
// The same sequence for the same seed, on every machine and library.
std::vector<Command> random_commands(std::uint64_t seed);
// Leaves out what is not needed to fail: halves, quarters ... single commands, until nothing more can go.
std::vector<Command> shortened(std::span<const Command> failing);

}  // namespace test

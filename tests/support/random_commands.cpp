#include "support/random_commands.h"

#include <algorithm>

namespace test {
namespace {

constexpr std::size_t kCommands = 2000;  // in a random sequence

class SplitMix {
 public:
  explicit SplitMix(std::uint64_t seed) : state_{seed} {}
  std::uint64_t next() {
    std::uint64_t z = state_ += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
  }

 private:
  std::uint64_t state_;
};

}  // namespace

Outcome perform_all(std::span<const Command> commands, std::uint32_t check_every) {
  MemoryAttack attack{check_every};
  Outcome outcome;
  for (const Command& command : commands) {
    if (attack.over()) break;
    ++outcome.performed;
    outcome.failure = attack.perform(command);
    if (!outcome.failure.empty()) break;
  }
  if (outcome.failure.empty()) outcome.failure = attack.check();
  outcome.counts = attack.counts();
  return outcome;
}

std::vector<Command> random_commands(std::uint64_t seed) {
  SplitMix random{seed};
  std::vector<Command> commands(kCommands);
  for (Command& command : commands) {
    std::array<std::uint8_t, kCommandBytes> bytes;
    const std::uint64_t bits = random.next();
    for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::uint8_t>(bits >> (8 * i));
    command = command_of(bytes);
  }
  return commands;
}

std::vector<Command> shortened(std::span<const Command> failing) {
  std::vector<Command> best(failing.begin(), failing.end());
  for (std::size_t piece = std::max<std::size_t>(best.size() / 2, 1);;) {
    bool shorter = false;
    for (std::size_t begin = 0; begin < best.size();) {
      std::vector<Command> tried = best;
      const auto first = tried.begin() + static_cast<std::ptrdiff_t>(begin);
      tried.erase(first, first + static_cast<std::ptrdiff_t>(std::min(piece, tried.size() - begin)));
      if (const Outcome outcome = perform_all(tried); !outcome.failure.empty()) {
        tried.resize(outcome.performed);
        best = std::move(tried);
        shorter = true;
      } else {
        begin += piece;
      }
    }
    if (piece > 1) {
      piece /= 2;
    } else if (!shorter) {
      return best;
    }
  }
}

}  // namespace test

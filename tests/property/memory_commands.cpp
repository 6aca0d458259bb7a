// The whole memory and descriptor interface under sequences of commands that RapidCheck makes and, when one fails,
// shortens. What a command is and what is checked after it: support/memory_attack.h.
//
// RC_PARAMS="seed=... max_success=..." asks for other sequences; a failure names the replay file of the shortest one.
#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <cstdlib>
#include <ostream>

#include "support/random_commands.h"

namespace test {

void showValue(const Command& command, std::ostream& out) { out << to_text(command); }

}  // namespace test

using namespace test;

namespace {

constexpr int kLongest = 600;  // commands

rc::Gen<Command> any_command() {
  const auto byte = [] { return rc::gen::inRange(0, 256); };
  return rc::gen::map(
      rc::gen::tuple(byte(), rc::gen::inRange(0, 65536), rc::gen::inRange(0, 65536), rc::gen::inRange(0, 65536)),
      [](const std::tuple<int, int, int, int>& numbers) {
        const auto [act, a, b, c] = numbers;
        return Command{act_of(static_cast<std::uint8_t>(act)), static_cast<std::uint16_t>(a),
                       static_cast<std::uint16_t>(b), static_cast<std::uint16_t>(c)};
      });
}

}  // namespace

TEST_CASE("no sequence of commands breaks a count, lets a guest write a table, or reaches what is not its own") {
  setenv("RC_PARAMS", "seed=1 max_success=150", 0);
  AttackCounts counts;
  const bool holds = rc::check("the machine is in order after every command", [&] {
    const auto commands = *rc::gen::resize(kLongest, rc::gen::container<std::vector<Command>>(any_command()));
    const Outcome outcome = perform_all(commands);
    counts.add(outcome.counts);
    if (outcome.failure.empty()) return;
    const std::span performed{commands.data(), outcome.performed};
    RC_FAIL(outcome.failure + "; replay file " + write_replay("property", outcome.failure, performed));
  });
  CHECK(holds);
  MESSAGE(counts.hypercalls, " hypercalls, ", counts.accepted, " accepted, ", counts.requests, " requests in batches");
  // Both kinds must be there, or the run says nothing.
  CHECK(counts.accepted > counts.hypercalls / 5);
  CHECK(counts.refused > counts.hypercalls / 5);
}

TEST_CASE("a replay file reads back as the commands that were written") {
  const std::vector<Command> commands = random_commands(7);
  const std::string path = write_replay("round-trip", "nothing", commands);
  const std::vector<Command> read = read_commands(path);
  std::remove(path.c_str());
  REQUIRE(read.size() == commands.size());
  for (std::size_t i = 0; i < read.size(); ++i) REQUIRE(to_text(read[i]) == to_text(commands[i]));
}

// Commands of the attack as bytes and as text.
#include <fstream>
#include <sstream>
#include <stdexcept>

#include "support/memory_attack.h"

namespace test {
namespace {

struct Kind {
  const char* name;
  u32 weight;  // of 256, how many bytes mean this
};
constexpr Kind kKinds[] = {
    {"entry", 26},         {"direct", 18},
    {"slot", 10},          {"m2p", 2},
    {"pin", 10},           {"unpin", 8},
    {"new_base", 4},       {"flush", 2},
    {"invalidate", 2},     {"set_ldt", 4},
    {"foreign", 6},        {"unforeign", 1},
    {"reassign", 3},       {"raw", 1},
    {"submit", 58},        {"multicall", 4},
    {"map_address", 8},    {"map_foreign", 4},
    {"balloon_up", 6},     {"balloon_down", 6},
    {"set_gdt", 4},        {"update_descriptor", 5},
    {"stack_switch", 2},   {"fpu", 1},
    {"debug_register", 2}, {"fast_trap", 1},
    {"fault", 8},          {"store", 14},
    {"load", 6},           {"build_table", 10},
    {"descriptors", 7},    {"lend", 4},
    {"deliver", 3},        {"hold", 1},
    {"release", 1},        {"run", 3},
    {"destroy", 1},
};
static_assert(std::size(kKinds) == static_cast<std::size_t>(Act::count));
constexpr u32 kTotalWeight = [] {
  u32 total = 0;
  for (const Kind& kind : kKinds) total += kind.weight;
  return total;
}();
static_assert(kTotalWeight == 256);

constexpr auto kActOfByte = [] {
  std::array<Act, 256> acts{};
  std::size_t byte = 0;
  for (std::size_t kind = 0; kind < std::size(kKinds); ++kind)
    for (u32 i = 0; i < kKinds[kind].weight; ++i) acts[byte++] = static_cast<Act>(kind);
  return acts;
}();

}  // namespace

Act act_of(std::uint8_t byte) { return kActOfByte[byte]; }

Command command_of(std::span<const std::uint8_t, kCommandBytes> bytes) {
  const auto word = [&](std::size_t at) { return static_cast<std::uint16_t>(bytes[at] | bytes[at + 1] << 8); };
  return {act_of(bytes[0]), word(1), word(3), word(5)};
}

std::string to_text(const Command& command) {
  return fmt::format("{} {} {} {}", kKinds[static_cast<std::size_t>(command.act)].name, command.a, command.b,
                     command.c);
}

std::vector<Command> read_commands(const std::string& path) {
  std::ifstream in{path};
  if (!in) throw std::runtime_error("cannot read " + path);
  std::vector<Command> commands;
  for (std::string line; std::getline(in, line);) {
    if (line.empty() || line[0] == '#') continue;
    std::istringstream fields{line};
    std::string name;
    Command command;
    fields >> name >> command.a >> command.b >> command.c;
    std::size_t kind = 0;
    while (kind < std::size(kKinds) && name != kKinds[kind].name) ++kind;
    if (!fields || kind == std::size(kKinds)) throw std::runtime_error("not a command: " + line);
    command.act = static_cast<Act>(kind);
    commands.push_back(command);
  }
  return commands;
}

std::string write_replay(const std::string& name, const std::string& failure, std::span<const Command> commands) {
  const std::string path = "memory-replay-" + name + ".txt";
  std::ofstream out{path};
  out << "# " << failure << '\n';
  for (const Command& command : commands) out << to_text(command) << '\n';
  return path;
}

}  // namespace test

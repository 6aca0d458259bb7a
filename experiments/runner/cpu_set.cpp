#include "experiments/runner/cpu_set.h"

#include <fmt/format.h>

#include <regex>

#include "experiments/runner/input_error.h"
#include "experiments/runner/names.h"

namespace runner {

namespace {

constexpr unsigned long kHighestCpu = 31;

}  // namespace

guest::CpuSet parse_cpu_set(const std::string& text) {
  const Mismatch wrong{R"(CPUs from 0 to 31 such as "0", "0-1" or "0,2")", in_quotes(text), ""};
  if (text.size() > 100 || !std::regex_match(text, std::regex{kCpuSetPattern})) throw wrong;
  static const std::regex range{"([0-9]+) *(- *([0-9]+))?"};
  guest::CpuSet cpus;
  for (std::sregex_iterator found{text.begin(), text.end(), range}; found != std::sregex_iterator{}; ++found) {
    if ((*found)[1].length() > 2 || (*found)[3].length() > 2) throw wrong;
    const unsigned long first = std::stoul((*found)[1]);
    const unsigned long last = (*found)[3].matched ? std::stoul((*found)[3]) : first;
    if (first > last || last > kHighestCpu) throw wrong;
    for (unsigned long cpu = first; cpu <= last; ++cpu) cpus.mask |= 1u << cpu;
  }
  return cpus;
}

std::string format_cpu_set(guest::CpuSet cpus) {
  std::string text;
  for (unsigned long first = 0; first <= kHighestCpu; ++first) {
    if ((cpus.mask >> first & 1) == 0) continue;
    unsigned long last = first;
    while (last < kHighestCpu && (cpus.mask >> (last + 1) & 1) != 0) ++last;
    text += fmt::format("{}{}", text.empty() ? "" : ",", first);
    if (last != first) text += fmt::format("-{}", last);
    first = last;
  }
  return text;
}

}  // namespace runner

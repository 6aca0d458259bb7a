#include "experiments/runner/script.h"

#include <fmt/format.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <deque>
#include <optional>
#include <set>
#include <stdexcept>
#include <utility>

#include "experiments/runner/known_names.h"
#include "experiments/runner/processes.h"

namespace runner {

bool run_script(const std::filesystem::path& script, const std::vector<std::string>& arguments) {
  std::vector<std::string> words{kPython, script.string()};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<char*> pointers;
  for (std::string& word : words) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  pid_t process = 0;
  if (posix_spawn(&process, pointers[0], nullptr, nullptr, pointers.data(), environ) != 0) return false;
  int status = 0;
  while (waitpid(process, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

Failed run_scripts(const Scripts& scripts, unsigned jobs, std::function<Scripts()> meanwhile,
                   std::function<Scripts(const Failed&)> afterwards) {
  std::deque<std::string> waiting;  // requests
  std::set<std::string> under_way;
  Failed failed;
  const auto add = [&](const Scripts& more) {
    for (const Script& script : more) {
      std::string& request = waiting.emplace_back(script.file.string());
      for (const std::string& argument : script.arguments) request += '\n' + argument;
    }
  };
  add(scripts);
  const auto fail = [&](const std::string& request) {
    failed.emplace_back(request.substr(0, request.find('\n')));
    fmt::print(stderr, "script failed: {}\n", std::filesystem::relative(failed.back(), root()).string());
  };
  Work work;
  work.next = [&]() -> std::optional<std::string> {
    if (waiting.empty() && meanwhile) add(std::exchange(meanwhile, nullptr)());
    if (waiting.empty() && under_way.empty() && afterwards) add(std::exchange(afterwards, nullptr)(failed));
    if (waiting.empty()) return std::nullopt;
    const std::string request = waiting.front();
    waiting.pop_front();
    under_way.insert(request);
    return request;
  };
  work.finished = [&](const std::string& request, const JobResult& result) {
    under_way.erase(request);
    const std::size_t line = result.output.find('\n');
    if (line == std::string::npos || result.output.substr(0, line) != "done") fail(request);
    if (line != std::string::npos) fmt::print("{}", result.output.substr(line + 1));
  };
  constexpr std::sig_atomic_t kNoStop = 0;
  constexpr unsigned kAll = 1000;
  const std::string server = (root() / "results/_scripts.py").string();
  try {
    run_pool({.ahead = kAll, .program = {kPython, server, std::to_string(jobs)}}, work, kNoStop);
  } catch (const std::runtime_error& error) {
    fmt::print(stderr, "{}: {}\n", server, error.what());
    for (const std::string& request : std::exchange(under_way, {})) fail(request);
    while (const auto request = work.next()) fail(*request);
  }
  return failed;
}

}  // namespace runner

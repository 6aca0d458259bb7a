// Work shared out to processes: for speed, and because a simulation may crash, and SimGrid has one engine per process.
//
// Workers are forked once and fed over pipes. A worker gets a few requests ahead of what it answers, so that it never
// waits for us; one that dies takes only the request that it was at with it.
#pragma once

#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace runner {

struct JobResult {
  enum class State { not_run, done, crashed };
  State state = State::not_run;
  std::string output;  // done: what the job returned; crashed: how it ended
};

struct PoolOptions {
  unsigned parallel = 1;
  unsigned ahead = 1;  // requests that a worker has at one time, if they turn out to be short
  bool renew = false;  // a worker serves one request, and another process the next
  std::optional<std::chrono::milliseconds> time_limit = {};  // of a request; a worker that exceeds it is ended
  // Instead of forks of this process: a program that takes requests and gives answers in any order as messages on stdin
  // and stdout. If it ends before it has answered, run_pool() throws std::runtime_error.
  std::vector<std::string> program = {};
};

struct Work {
  std::function<std::optional<std::string>()> next;  // a request; nothing: none as long as nothing more is finished
  std::function<std::string(const std::string& request)> serve;  // in the worker; must not let an exception out
  std::function<void(const std::string& request, const JobResult& result)> finished;
  std::function<void()> idle = {};  // called between requests, at least every 200 ms
};

// Returns when `next` has nothing and nothing is under way, or when `stop` becomes non-zero: then what has not finished
// is ended, and `finished` is not called for it.
void run_pool(const PoolOptions& options, const Work& work, const volatile std::sig_atomic_t& stop);

// Calls job(0) to job(count - 1), each in a process of its own, at most `parallel` at once, and finished(n) whenever n
// of them are. The results are in the order of the jobs, whatever order they ended in. When `stop` becomes non-zero,
// running jobs are ended and what has not finished stays not_run. A job must not let an exception out.
std::vector<JobResult> run_in_processes(std::size_t count, unsigned parallel,
                                        const std::function<std::string(std::size_t)>& job,
                                        const std::function<void(std::size_t)>& finished,
                                        const volatile std::sig_atomic_t& stop);

// The other side of a pool's pipes. A message is its id, its length (4 bytes each, as the machine has them) and so many
// bytes; an answer has the id of its request.
struct Message {
  std::uint32_t id = 0;
  std::string text;
};
std::optional<Message> read_message(int file);  // nothing at the end
bool write_message(int file, const Message& message);

}  // namespace runner

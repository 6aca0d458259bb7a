// Jobs in processes of their own: several at once, none able to take another down, and each with its own SimGrid engine
// (there can be only one per process).
#pragma once

#include <csignal>
#include <cstddef>
#include <functional>
#include <string>
#include <vector>

namespace runner {

struct JobResult {
  enum class State { not_run, done, crashed };
  State state = State::not_run;
  std::string output;  // done: what the job returned; crashed: how it ended
};

// Calls job(0) to job(count - 1), at most `parallel` at once, and finished(n) whenever n of them are. The results are
// in the order of the jobs, whatever order they ended in. When `stop` becomes non-zero, running jobs are ended and what
// has not finished stays not_run. A job must not let an exception out.
std::vector<JobResult> run_in_processes(std::size_t count, unsigned parallel,
                                        const std::function<std::string(std::size_t)>& job,
                                        const std::function<void(std::size_t)>& finished,
                                        const volatile std::sig_atomic_t& stop);

}  // namespace runner

#include "experiments/runner/processes.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <system_error>

namespace runner {

namespace {

struct Worker {
  std::size_t job;
  pid_t process;
  int pipe;
  std::string output;
};

void write_all(int file, const std::string& text) {
  for (std::size_t at = 0; at < text.size();) {
    const ssize_t n = write(file, text.data() + at, text.size() - at);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) _exit(1);
    at += static_cast<std::size_t>(n);
  }
}

Worker start(std::size_t job, const std::function<std::string(std::size_t)>& run) {
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) throw std::system_error{errno, std::generic_category(), "pipe"};
  std::fflush(nullptr);  // what is buffered would come out twice
  const pid_t process = fork();
  if (process < 0) throw std::system_error{errno, std::generic_category(), "fork"};
  if (process == 0) {
    close(ends[0]);
    std::signal(SIGINT, SIG_DFL);
    write_all(ends[1], run(job));
    _exit(0);  // no destructors or atexit: they are the parent's
  }
  close(ends[1]);
  return {job, process, ends[0], {}};
}

// Takes what the worker has written; false at its end.
bool read_some(Worker& worker) {
  std::array<char, 65536> buffer;
  const ssize_t n = read(worker.pipe, buffer.data(), buffer.size());
  if (n < 0) return errno == EINTR;
  worker.output.append(buffer.data(), static_cast<std::size_t>(n));
  return n > 0;
}

int wait_for(pid_t process) {
  int status = 0;
  while (waitpid(process, &status, 0) < 0 && errno == EINTR) {
  }
  return status;
}

JobResult collect(Worker& worker) {
  close(worker.pipe);
  const int status = wait_for(worker.process);
  if (WIFSIGNALED(status)) {
    return {JobResult::State::crashed, "its process was ended by signal " + std::to_string(WTERMSIG(status))};
  }
  if (WEXITSTATUS(status) != 0) {
    return {JobResult::State::crashed, "its process ended with status " + std::to_string(WEXITSTATUS(status))};
  }
  return {JobResult::State::done, std::move(worker.output)};
}

}  // namespace

std::vector<JobResult> run_in_processes(std::size_t count, unsigned parallel,
                                        const std::function<std::string(std::size_t)>& job,
                                        const std::function<void(std::size_t)>& finished,
                                        const volatile std::sig_atomic_t& stop) {
  std::vector<JobResult> results(count);
  std::vector<Worker> workers;
  std::size_t next = 0, ended = 0;
  while (stop == 0 && (next < count || !workers.empty())) {
    while (next < count && workers.size() < std::max(parallel, 1u)) workers.push_back(start(next++, job));
    std::vector<pollfd> waits;
    for (const Worker& worker : workers) waits.push_back({worker.pipe, POLLIN, 0});
    constexpr int kLookAtStopEvery = 200;  // ms: a signal may come just before poll()
    if (poll(waits.data(), waits.size(), kLookAtStopEvery) <= 0) continue;
    for (std::size_t i = workers.size(); i-- > 0;) {
      if (waits[i].revents == 0 || read_some(workers[i])) continue;
      results[workers[i].job] = collect(workers[i]);
      workers.erase(workers.begin() + static_cast<std::ptrdiff_t>(i));
      finished(++ended);
    }
  }
  for (Worker& worker : workers) {
    kill(worker.process, SIGKILL);
    close(worker.pipe);
    wait_for(worker.process);
  }
  return results;
}

}  // namespace runner

#include "experiments/runner/processes.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <deque>
#include <stdexcept>
#include <system_error>

namespace runner {

namespace {

using Clock = std::chrono::steady_clock;
constexpr std::size_t kHead = 2 * sizeof(std::uint32_t);

[[noreturn]] void fail(const char* what) { throw std::system_error{errno, std::generic_category(), what}; }

bool write_all(int file, const std::string& text) {
  for (std::size_t at = 0; at < text.size();) {
    const ssize_t n = write(file, text.data() + at, text.size() - at);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    at += static_cast<std::size_t>(n);
  }
  return true;
}

bool read_all(int file, char* into, std::size_t size) {
  for (std::size_t at = 0; at < size;) {
    const ssize_t n = read(file, into + at, size - at);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    at += static_cast<std::size_t>(n);
  }
  return true;
}

std::string framed(const Message& message) {
  const std::array<std::uint32_t, 2> head{message.id, static_cast<std::uint32_t>(message.text.size())};
  std::string bytes(kHead, '\0');
  std::memcpy(bytes.data(), head.data(), kHead);
  return bytes + message.text;
}

// Takes a whole message off the front of what was read, if there is one.
std::optional<Message> take_message(std::string& bytes, std::size_t& from) {
  if (bytes.size() - from < kHead) return std::nullopt;
  std::array<std::uint32_t, 2> head{};
  std::memcpy(head.data(), bytes.data() + from, kHead);
  if (bytes.size() - from - kHead < head[1]) return std::nullopt;
  Message message{head[0], bytes.substr(from + kHead, head[1])};
  from += kHead + head[1];
  return message;
}

struct Worker {
  pid_t process = 0;
  int requests = -1, answers = -1;  // our ends of its pipes
  std::deque<Message> outstanding;  // in the order in which they were given
  std::uint32_t given = 0;
  std::string unread;
  Clock::time_point since;  // when it began the first outstanding one
};

std::string how_it_ended(int status) {
  if (WIFSIGNALED(status)) return "its process was ended by signal " + std::to_string(WTERMSIG(status));
  return "its process ended with status " + std::to_string(WEXITSTATUS(status));
}

int wait_for(pid_t process) {
  int status = 0;
  while (waitpid(process, &status, 0) < 0 && errno == EINTR) {
  }
  return status;
}

class Pool {
 public:
  Pool(const PoolOptions& options, const Work& work) : options_{options}, work_{work} {}
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;
  ~Pool() {
    for (Worker& worker : workers_) {
      kill(worker.process, SIGKILL);
      close_pipes(worker);
      wait_for(worker.process);
    }
    std::signal(SIGPIPE, old_pipe_handler_);
  }

  void run(const volatile std::sig_atomic_t& stop) {
    while (stop == 0) {
      hand_out();
      if (work_.idle) work_.idle();
      if (std::ranges::none_of(workers_, [](const Worker& worker) { return !worker.outstanding.empty(); })) break;
      std::vector<pollfd> waits;
      for (const Worker& worker : workers_) waits.push_back({worker.answers, POLLIN, 0});
      constexpr int kLookAtStopEvery = 200;  // ms: a signal may come just before poll()
      const int ready = poll(waits.data(), waits.size(), kLookAtStopEvery);
      if (ready > 0) {
        for (std::size_t i = workers_.size(); i-- > 0;) {
          if (waits[i].revents != 0 && !take_answers(workers_[i])) bury(i);
        }
      }
      if (options_.time_limit) end_what_takes_too_long();
    }
    finish_quietly(stop);
  }

 private:
  std::optional<std::string> next() {
    if (again_.empty()) return work_.next();
    std::string request = std::move(again_.front());
    again_.pop_front();
    return request;
  }

  // Whoever has least gets the next request.
  void hand_out() {
    const std::size_t ahead = options_.renew || !requests_are_short() ? 1 : std::max(options_.ahead, 1u);
    while (true) {
      Worker* idlest = nullptr;
      for (Worker& worker : workers_) {
        if (worker.outstanding.size() >= ahead) continue;
        if (idlest == nullptr || worker.outstanding.size() < idlest->outstanding.size()) idlest = &worker;
      }
      const bool may_start = workers_.size() < std::max(options_.parallel, 1u);
      if (idlest == nullptr && !may_start) return;
      std::optional<std::string> request = next();
      if (!request) return;
      if (may_start && (idlest == nullptr || !idlest->outstanding.empty())) idlest = &start();
      Worker& worker = *idlest;
      if (worker.outstanding.empty()) worker.since = Clock::now();
      worker.outstanding.push_back({worker.given++, std::move(*request)});
      write_message(worker.requests, worker.outstanding.back());  // if it is dead, its other pipe tells
    }
  }

  Worker& start() {
    std::array<int, 2> requests{}, answers{};
    if (pipe2(requests.data(), O_CLOEXEC) != 0 || pipe2(answers.data(), O_CLOEXEC) != 0) fail("pipe");
    std::fflush(nullptr);  // what is buffered would come out twice
    const pid_t parent = getpid(), process = fork();
    if (process < 0) fail("fork");
    if (process == 0) {
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      if (getppid() != parent) _exit(1);  // it died before that
      std::signal(SIGINT, SIG_IGN);       // a terminal interrupts all of us; it is the parent's to end this
      std::signal(SIGTERM, SIG_DFL);
      for (const Worker& other : workers_) {
        close(other.requests);
        close(other.answers);
      }
      close(requests[1]);
      close(answers[0]);
      if (!options_.program.empty()) become_program(requests[0], answers[1]);
      serve(requests[0], answers[1]);
    }
    close(requests[0]);
    close(answers[1]);
    Worker& worker = workers_.emplace_back();
    worker.process = process;
    worker.requests = requests[1];
    worker.answers = answers[0];
    return worker;
  }

  [[noreturn]] void serve(int requests, int answers) const {
    while (const auto request = read_message(requests)) {
      if (!write_message(answers, {request->id, work_.serve(request->text)})) _exit(1);
    }
    _exit(0);  // no destructors or atexit: they are the parent's
  }

  [[noreturn]] void become_program(int requests, int answers) const {
    dup2(requests, STDIN_FILENO);
    dup2(answers, STDOUT_FILENO);
    std::vector<char*> words;
    for (const std::string& word : options_.program) words.push_back(const_cast<char*>(word.c_str()));
    words.push_back(nullptr);
    execvp(words[0], words.data());
    _exit(127);
  }

  // False at the end of what the worker has to say.
  bool take_answers(Worker& worker) {
    std::array<char, 65536> buffer;
    const ssize_t n = read(worker.answers, buffer.data(), buffer.size());
    if (n < 0) return errno == EINTR;
    if (n == 0) return false;
    worker.unread.append(buffer.data(), static_cast<std::size_t>(n));
    std::size_t from = 0;
    while (auto answer = take_message(worker.unread, from)) {
      const auto request = std::ranges::find(worker.outstanding, answer->id, &Message::id);
      if (request == worker.outstanding.end()) continue;
      const std::string text = std::move(request->text);
      worker.outstanding.erase(request);
      const Clock::time_point now = Clock::now();
      mean_seconds_ += (std::chrono::duration<double>(now - worker.since).count() - mean_seconds_) / 8;
      worker.since = now;
      work_.finished(text, {JobResult::State::done, std::move(answer->text)});
    }
    worker.unread.erase(0, from);
    return !options_.renew || !worker.outstanding.empty();
  }

  // The worker is at its end: what it was at has crashed, the rest is for another one.
  void bury(std::size_t index, const std::string& reason = "") {
    Worker worker = std::move(workers_[index]);
    workers_.erase(workers_.begin() + static_cast<std::ptrdiff_t>(index));
    close_pipes(worker);
    const int status = wait_for(worker.process);
    if (worker.outstanding.empty()) return;
    if (!options_.program.empty()) {
      throw std::runtime_error{options_.program.back() + ": " + how_it_ended(status)};
    }
    for (std::size_t i = worker.outstanding.size(); i-- > 1;) {
      again_.push_front(std::move(worker.outstanding[i].text));
    }
    work_.finished(worker.outstanding[0].text,
                   {JobResult::State::crashed, reason.empty() ? how_it_ended(status) : reason});
  }

  void end_what_takes_too_long() {
    const Clock::time_point now = Clock::now();
    for (std::size_t i = workers_.size(); i-- > 0;) {
      if (workers_[i].outstanding.empty() || now - workers_[i].since < *options_.time_limit) continue;
      kill(workers_[i].process, SIGKILL);
      bury(i, "it took longer than " + std::to_string(options_.time_limit->count()) + " ms");
    }
  }

  // Workers end when their requests do. A program may have something to tidy up, so it gets a while for it.
  void finish_quietly(const volatile std::sig_atomic_t& stop) {
    if (stop != 0 && options_.program.empty()) return;  // the destructor ends them
    for (Worker& worker : workers_) close_pipes(worker);
    for (int tenths = 0; !workers_.empty() && tenths < 50; ++tenths) {
      std::erase_if(workers_, [](const Worker& worker) { return waitpid(worker.process, nullptr, WNOHANG) != 0; });
      if (!workers_.empty()) usleep(tenths < 10 ? 1000 : 100'000);
    }
  }

  // Who waits 50 ms for an answer does not mind waiting for the pipes; and who is given much of it ahead may be the
  // last to be ready.
  bool requests_are_short() const { return !options_.program.empty() || mean_seconds_ < 0.05; }

  static void close_pipes(Worker& worker) {
    for (int* pipe : {&worker.requests, &worker.answers}) {
      if (*pipe >= 0) close(*pipe);
      *pipe = -1;
    }
  }

  const PoolOptions& options_;
  const Work& work_;
  std::deque<Worker> workers_;
  double mean_seconds_ = 1;        // of a request, the last ones counting most
  std::deque<std::string> again_;  // requests that another worker died before it came to them
  decltype(std::signal(0, nullptr)) old_pipe_handler_ = std::signal(SIGPIPE, SIG_IGN);
};

}  // namespace

std::optional<Message> read_message(int file) {
  std::array<std::uint32_t, 2> head{};
  if (!read_all(file, reinterpret_cast<char*>(head.data()), kHead)) return std::nullopt;
  Message message{head[0], std::string(head[1], '\0')};
  if (!read_all(file, message.text.data(), message.text.size())) return std::nullopt;
  return message;
}

bool write_message(int file, const Message& message) { return write_all(file, framed(message)); }

void run_pool(const PoolOptions& options, const Work& work, const volatile std::sig_atomic_t& stop) {
  Pool{options, work}.run(stop);
}

std::vector<JobResult> run_in_processes(std::size_t count, unsigned parallel,
                                        const std::function<std::string(std::size_t)>& job,
                                        const std::function<void(std::size_t)>& finished,
                                        const volatile std::sig_atomic_t& stop) {
  std::vector<JobResult> results(count);
  std::size_t next = 0, ended = 0;
  Work work;
  work.next = [&]() -> std::optional<std::string> {
    return next < count ? std::optional{std::to_string(next++)} : std::nullopt;
  };
  work.serve = [&](const std::string& request) { return job(std::stoul(request)); };
  work.finished = [&](const std::string& request, const JobResult& result) {
    results[std::stoul(request)] = result;
    finished(++ended);
  };
  run_pool({.parallel = parallel, .renew = true}, work, stop);
  return results;
}

}  // namespace runner

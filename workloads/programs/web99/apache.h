// Apache 1.3.27 as SPEC WEB99 uses it: a server that forks its processes before they are needed, one for every
// connection, each of which waits in accept, answers what comes on its connection, and waits again.
//
// The calls are those that the program made when it was traced, in its order (workloads/profiles/web99.json has the
// counts); what it does between them is one number per request. Static files are mapped and written from the mapping;
// dynamic requests are answered by a module in the process, which reads the file; a few fork a CGI program.
#pragma once

#include <array>
#include <map>
#include <string>

#include "workloads/kernel/system_calls.h"
#include "workloads/programs/program.h"
#include "workloads/programs/web99/profile.h"
#include "workloads/programs/web99/requests.h"
#include "workloads/spec.h"

namespace guest {

class Apache final : public Program {
 public:
  // `name`: its directory in the file system, one for each server of a kernel.
  Apache(const Web99Settings& settings, const std::string& name);
  model::Task<> run(SystemCalls& calls) override;

  std::uint64_t answered() const { return answered_; }
  u32 processes() const { return settings_.connections + profile_.spare_processes; }
  u32 resident_pages() const;  // generously, without the files

  // What it was asked for, by kind.
  const std::array<std::uint64_t, WebRequest::kKinds>& by_kind() const { return by_kind_; }

 private:
  // A process of the server: what it has for the requests that it answers.
  struct Worker;
  struct CgiJob {  // what the environment tells a CGI program
    std::string path;
    u32 skip = 0;
    Descriptor output = -1;
    std::array<Descriptor, 3> not_its_own{};  // ends of pipes
  };

  void install_files(Kernel& kernel);
  model::Task<> httpd(SystemCalls& calls);  // the program, from its start on
  model::Task<> serve_connections(SystemCalls& calls);
  model::Task<> serve(Worker& worker, Descriptor connection, SocketAddress user);
  model::Task<bool> answer(Worker& worker, Descriptor connection, SocketAddress user);  // false: no more will come
  model::Task<> send_mapped(Worker& worker, Descriptor connection, Descriptor file, const WebRequest& request);
  model::Task<> send_read(Worker& worker, Descriptor connection, Descriptor file, const WebRequest& request);
  model::Task<> post(Worker& worker);
  model::Task<> run_cgi(Worker& worker, Descriptor connection, const WebRequest& request);
  model::Task<> become_cgi(SystemCalls& calls, CgiJob job);
  model::Task<> cgi(SystemCalls& calls);  // the program
  model::Task<> log(Worker& worker);
  model::Task<> close(Worker& worker, Descriptor connection);
  model::Task<> work(Worker& worker);  // a quarter of a request's work in user mode
  model::Task<> alarms(SystemCalls& calls, u32 count);
  model::Task<> actions(SystemCalls& calls, u32 count);

  Web99Settings settings_;
  const Web99Profile& profile_;
  std::string root_;
  Descriptor socket_ = -1, log_file_ = -1;  // the same number in all its processes
  u32 libc_ = 0, heap_ = 0;                 // where they are, in all its processes
  std::map<ProcessId, CgiJob> cgi_jobs_;
  std::uint64_t answered_ = 0;
  std::array<std::uint64_t, WebRequest::kKinds> by_kind_{};
};

}  // namespace guest

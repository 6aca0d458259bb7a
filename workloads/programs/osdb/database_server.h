// A database server like PostgreSQL 7.1: a postmaster that forks a process for each connection; blocks of 8 KiB read
// from the page cache into few shared buffers, by lseek and read; a log that is synced at each commit, unless a commit
// of somebody else has just done it.
#pragma once

#include <string>

#include "model/code_map.h"
#include "sim/random.h"
#include "workloads/programs/osdb/osdb_profile.h"
#include "workloads/programs/osdb/server_locks.h"

namespace guest {

class DatabaseServer {
 public:
  DatabaseServer(const OsdbProfile& profile, OsdbSettings::Query query, std::string top, sim::RandomStream random);

  // Its files, in memory: somebody has used them for a while.
  void install_files(Kernel& kernel);
  std::string socket_path() const { return top_ + "/.s.PGSQL.5432"; }
  // In the process of the postmaster, which serves for ever what connects to `listener`.
  model::Task<> run(SystemCalls& calls, Descriptor listener);

  static constexpr u32 kBlock = 8192;
  u64 resident_pages() const;
  u64 sleeps() const { return buffers_.sleeps() + log_lock_.sleeps(); }  // in back-off
  u64 commits() const { return commits_; }
  u64 log_writes() const { return log_writes_; }

 private:
  void install_changes(FileSystem& files);
  // A process of the server while it serves one connection.
  struct Backend {
    Descriptor connection = -1;
    u32 buffer = 0;
    u64 tuples = 0;
    u32 semaphore = 0;
    Descriptor heap = -1, index = -1, log = -1;
  };
  model::Task<> postmaster_memory(SystemCalls& calls);
  model::Task<> serve(SystemCalls& calls, Descriptor listener, Descriptor connection);
  model::Task<> begin(SystemCalls& calls, Backend& backend);
  model::Task<> answer(SystemCalls& calls, Backend& backend, u32 trip);
  model::Task<> use_files(SystemCalls& calls, Backend& backend);
  model::Task<> use_block(SystemCalls& calls, Backend& backend, bool write, bool seek);
  model::Task<> commit(SystemCalls& calls, Backend& backend);
  u32 times(u32 per_1000, u64 tuple) const;
  sim::Cycles work_of_server() const;

  const OsdbProfile& profile_;
  const QueryProfile& query_;
  std::string top_;
  sim::RandomStream random_;
  model::Footprint footprint_;
  SpinLock buffers_, log_lock_;
  TableLock extension_;               // of whoever adds to the table
  u64 log_end_ = 0, log_synced_ = 0;  // in commits
  u64 commits_ = 0, log_writes_ = 0;
};

}  // namespace guest

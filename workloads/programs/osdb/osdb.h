// OSDB: so many users, each a client that asks the database server for one tuple after the other over a Unix-domain
// socket. The score is tuples per second.
#pragma once

#include <span>

#include "workloads/programs/activity.h"
#include "workloads/programs/osdb/database_server.h"
#include "workloads/programs/program.h"

namespace guest {

std::span<const ResultInfo> osdb_results();

class Osdb final : public Program {
 public:
  // `name` names its files and its random numbers.
  Osdb(const OsdbSettings& settings, const std::string& name, sim::Random random);
  model::Task<> run(SystemCalls& calls) override;
  bool finished() const override { return finished_; }
  std::vector<ProgramResult> results() const override;
  u64 resident_pages() const { return server_.resident_pages() + u64{users_} * 32; }

 private:
  model::Task<> user(SystemCalls& calls);
  model::Task<> round_trip(SystemCalls& calls, Descriptor connection, u32 buffer);

  OsdbSettings settings_;
  const OsdbProfile& profile_;
  const QueryProfile& query_;
  u32 users_;
  DatabaseServer server_;
  model::Footprint footprint_;
  u64 tuples_ = 0;                            // since the start
  double rate_ = 0, sleeps_ = 0, syncs_ = 0;  // per second; per tuple
  ActivityPerUnit activity_;
  bool measured_ = false, stopped_ = false, finished_ = false;
};

}  // namespace guest

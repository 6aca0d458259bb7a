// Where the runs of sweeps are kept: a SQLite database that one process writes, and that any number may read.
//
// Runs go by their key (identity.h), so that the same run is there once, whichever sweep asked for it first. Keys are
// in no order: an index of them in the file would be written all over again with every transaction, and the more the
// larger it is. So the file has none, the one writer knows all keys, and adding a run only appends. What a sweep
// consists of is a list of (number of the point, replication) with the run of each. The database is in WAL mode and
// written in transactions of up to a second: a process that is killed loses what was not committed, and nothing of what
// was.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "experiments/runner/sweep/record.h"
#include "experiments/runner/sweep/sqlite.h"

namespace runner {

// A run as a member of a sweep: number of the point and replication in one word that sorts like them.
struct Member {
  std::uint64_t point;
  std::uint32_t replication;
  auto operator<=>(const Member&) const = default;
};

class Store {
 public:
  // Opens the store for writing, and makes it if it is not there. Throws InputError when another process writes it or
  // when it is of another kind.
  explicit Store(const std::filesystem::path& file);
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;
  ~Store();  // commits

  // From now on the sweep that is written and read: what another version of it, or of the model, has listed under that
  // name is not its own any more; its runs stay.
  void begin_sweep(const std::string& name, const std::string& document);
  // The same if that very sweep is there; else false, and nothing is changed.
  bool find_sweep(const std::string& name, const std::string& document);

  // The members that the sweep has, in order; without failed runs if those are to be tried again, which are dropped.
  std::vector<Member> members(bool drop_failed);
  bool has(const RunKey& key) const;  // a run that is done
  bool has_runs() const { return !runs_.empty(); }

  // Adds the run, if it is not there, and makes it a member. The record of a run that is `known` needs its key only.
  void add(const Member& member, const RunRecord& record);
  void commit();
  void commit_if_due();  // when the last one is a second ago

  // Calls visit for each member with its record, ordered by point and replication.
  void for_each(const std::function<void(const Member&, const RunRecord&)>& visit) const;
  std::vector<RunRecord> runs_of(std::uint64_t point) const;  // by replication
  // CPU seconds of the runs that the sweep has, and how many these are; of all runs if it has none.
  std::pair<double, std::int64_t> cost() const;

  // Takes over runs and members of another store. Returns what could not be joined, as texts: sweeps that have the name
  // of one here, but are of another model or file; of those the runs are taken over, but no members.
  std::vector<std::string> merge(const std::filesystem::path& other);

 private:
  void open_transaction();
  void load_runs();
  struct Found {
    std::int64_t id = 0;  // 0: no sweep of that name
    bool same = false;
  };
  Found find(const std::string& name, const std::string& document) const;

  struct Run {
    std::int64_t id;
    bool failed;
  };
  struct KeyHash {
    std::size_t operator()(const RunKey& key) const;
  };

  int lock_;
  Database database_;
  std::unordered_map<RunKey, Run, KeyHash> runs_;  // all
  std::int64_t sweep_ = 0;
  Statement add_run_, replace_run_, add_point_, add_member_;
  bool in_transaction_ = false;
  std::chrono::steady_clock::time_point began_;
};

// Everything in a store that does not depend on when and where it was made, as text in a fixed order: the members of
// each sweep, and the runs by their keys. Equal sweeps give equal texts, however often they were interrupted.
void dump_store(const std::filesystem::path& file, const std::function<void(const std::string&)>& line);

}  // namespace runner

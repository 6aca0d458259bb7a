#include "experiments/runner/sweep/store.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <cstring>

#include "experiments/runner/input_error.h"
#include "experiments/runner/sweep/identity.h"
#include "experiments/runner/version.h"

namespace runner {

namespace {

constexpr const char* kFormat = "ringzero sweep 1";

// Rows are appended: what adding a run costs does not grow with the store. CPU seconds, times and versions are for
// people; results do not depend on them, and the dump leaves them out.
constexpr const char* kSchema = R"(
CREATE TABLE IF NOT EXISTS format (name TEXT);
CREATE TABLE IF NOT EXISTS runs (
  id INTEGER PRIMARY KEY, key BLOB NOT NULL, seed INTEGER, state INTEGER, failure INTEGER, reason TEXT,
  fingerprint INTEGER, events INTEGER, seconds REAL, measurements TEXT, latencies BLOB);
DROP INDEX IF EXISTS runs_by_key;
CREATE TABLE IF NOT EXISTS sweeps (
  id INTEGER PRIMARY KEY, name TEXT UNIQUE, document TEXT, model BLOB, version TEXT, revision TEXT, dirty INTEGER);
CREATE TABLE IF NOT EXISTS points (
  sweep INTEGER, number INTEGER, name TEXT, given TEXT, PRIMARY KEY (sweep, number)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS members (
  sweep INTEGER, number INTEGER, replication INTEGER, run INTEGER,
  PRIMARY KEY (sweep, number, replication)) WITHOUT ROWID;
)";

constexpr const char* kRecord =
    "members.number, members.replication, runs.state, runs.key, points.name, points.given, runs.seed, runs.failure, "
    "runs.reason, runs.fingerprint, runs.events, runs.seconds, runs.measurements, runs.latencies FROM members JOIN "
    "runs ON runs.id = members.run JOIN points ON points.sweep = members.sweep AND points.number = members.number ";

constexpr const char* kAddRun =
    "INSERT INTO runs (state, failure, reason, fingerprint, events, seconds, measurements, latencies, key, seed) "
    "VALUES (?,?,?,?,?,?,?,?,?,?)";
// One that failed before, as it took too long perhaps, makes way.
constexpr const char* kReplaceRun =
    "UPDATE runs SET state = ?, failure = ?, reason = ?, fingerprint = ?, events = ?, seconds = ?, measurements = ?, "
    "latencies = ? WHERE id = ?";

std::string_view view(const RunKey& key) { return {reinterpret_cast<const char*>(key.data()), key.size()}; }

RunKey key_of(const std::string& bytes) {
  RunKey key{};
  std::copy_n(bytes.begin(), std::min(bytes.size(), key.size()), key.begin());
  return key;
}

RunRecord record_of(const Statement& row) {
  RunRecord r;
  r.state = static_cast<RunRecord::State>(row.integer(2));
  r.key = key_of(row.text(3));
  r.point = row.text(4);
  r.values = row.text(5);
  r.seed = static_cast<std::uint64_t>(row.integer(6));
  r.failure = static_cast<Failure::Kind>(row.integer(7));
  r.reason = row.text(8);
  r.fingerprint = static_cast<std::uint64_t>(row.integer(9));
  r.events = static_cast<std::uint64_t>(row.integer(10));
  r.seconds = row.real(11);
  r.measurements = row.text(12);
  r.latencies = row.text(13);
  return r;
}

// One writer. The lock is the process's: it goes with it, however that ends, and workers must not keep it.
int locked(const std::filesystem::path& file) {
  const Place place{file.string(), ""};
  if (file.has_parent_path()) std::filesystem::create_directories(file.parent_path());
  const int lock = open((file.string() + ".lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (lock < 0) throw InputError{place, Mismatch{"a file that can be written", "none", ""}};
  struct flock whole {};
  whole.l_type = F_WRLCK;
  if (fcntl(lock, F_SETLK, &whole) == 0) return lock;
  const bool found = fcntl(lock, F_GETLK, &whole) == 0 && whole.l_type != F_UNLCK;
  close(lock);
  throw InputError{place,
                   Mismatch{"a store that nobody writes",
                            found ? fmt::format("one that process {} writes", whole.l_pid) : "a locked one", ""}};
}

Database opened(const std::filesystem::path& file) {
  try {
    Database database{file, Database::Mode::write};
    database.run(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA cache_size = -65536; PRAGMA foreign_keys = "
        "OFF;");
    database.run(kSchema);
    Statement format = database.prepare("SELECT name FROM format");
    if (!format.step()) {
      database.run(fmt::format("INSERT INTO format VALUES ('{}')", kFormat));
    } else if (format.text(0) != kFormat) {
      throw std::runtime_error{"it has the format \"" + format.text(0) + '"'};
    }
    return database;
  } catch (const std::runtime_error& error) {
    throw InputError{{file.string(), ""}, Mismatch{"a store of sweeps", error.what(), ""}};
  }
}

}  // namespace

Store::Store(const std::filesystem::path& file)
    : lock_{locked(file)},
      database_{opened(file)},
      add_run_{database_.prepare(kAddRun)},
      replace_run_{database_.prepare(kReplaceRun)},
      add_point_{database_.prepare("INSERT OR IGNORE INTO points VALUES (?,?,?,?)")},
      add_member_{database_.prepare("INSERT OR REPLACE INTO members VALUES (?,?,?,?)")} {
  load_runs();
}

Store::~Store() {
  try {
    commit();
  } catch (const std::exception& error) {
    fmt::print(stderr, "{}\n", error.what());
  }
  close(lock_);
}

// They are digests: any part of them is as good as a hash.
std::size_t Store::KeyHash::operator()(const RunKey& key) const {
  std::size_t hash = 0;
  std::memcpy(&hash, key.data(), sizeof hash);
  return hash;
}

void Store::load_runs() {
  runs_.clear();
  Statement rows = database_.prepare("SELECT id, key, state FROM runs");
  while (rows.step()) {
    const bool failed = static_cast<RunRecord::State>(rows.integer(2)) == RunRecord::State::failed;
    runs_.emplace(key_of(rows.text(1)), Run{rows.integer(0), failed});
  }
}

bool Store::has(const RunKey& key) const {
  const auto found = runs_.find(key);
  return found != runs_.end() && !found->second.failed;
}

void Store::open_transaction() {
  if (in_transaction_) return;
  database_.run("BEGIN");
  in_transaction_ = true;
  began_ = std::chrono::steady_clock::now();
}

void Store::commit() {
  if (!in_transaction_) return;
  database_.run("COMMIT");
  in_transaction_ = false;
}

void Store::commit_if_due() {
  if (in_transaction_ && std::chrono::steady_clock::now() - began_ > std::chrono::seconds(1)) commit();
}

Store::Found Store::find(const std::string& name, const std::string& document) const {
  Statement row = database_.prepare("SELECT id, document, model FROM sweeps WHERE name = ?");
  if (!row.bind(1, name).step()) return {};
  return {row.integer(0), row.text(1) == document && row.text(2) == view(model_key())};
}

bool Store::find_sweep(const std::string& name, const std::string& document) {
  const Found found = find(name, document);
  if (found.same) sweep_ = found.id;
  return found.same;
}

void Store::begin_sweep(const std::string& name, const std::string& document) {
  const Found found = find(name, document);
  sweep_ = found.id;
  if (found.same) return;
  open_transaction();
  for (const char* table : {"members WHERE sweep", "points WHERE sweep", "sweeps WHERE id"}) {
    database_.run(fmt::format("DELETE FROM {} = {}", table, found.id));
  }
  Statement add =
      database_.prepare("INSERT INTO sweeps (name, document, model, version, revision, dirty) VALUES (?,?,?,?,?,?)");
  add.bind(1, name).bind(2, document).bind_blob(3, view(model_key())).bind(4, kVersion).bind(5, kRevision);
  add.bind(6, std::int64_t{kDirty}).run();
  sweep_ = database_.last_row();
  commit();
}

std::vector<Member> Store::members(bool drop_failed) {
  if (drop_failed) {
    open_transaction();
    const std::string failed =
        fmt::format("run IN (SELECT id FROM runs WHERE state = {})", static_cast<int>(RunRecord::State::failed));
    database_.run(
        fmt::format("CREATE TEMP TABLE dropped AS SELECT run FROM members WHERE sweep = {} AND {};"
                    "DELETE FROM members WHERE run IN (SELECT run FROM dropped);"
                    "DELETE FROM runs WHERE id IN (SELECT run FROM dropped); DROP TABLE dropped;",
                    sweep_, failed));
    commit();
    load_runs();
  }
  std::vector<Member> members;
  Statement rows =
      database_.prepare("SELECT number, replication FROM members WHERE sweep = ? ORDER BY number, replication");
  rows.bind(1, sweep_);
  while (rows.step()) {
    members.push_back({static_cast<std::uint64_t>(rows.integer(0)), static_cast<std::uint32_t>(rows.integer(1))});
  }
  return members;
}

void Store::add(const Member& member, const RunRecord& record) {
  open_transaction();
  auto run = runs_.find(record.key);
  if (record.state == RunRecord::State::known) {
    if (run == runs_.end()) throw std::runtime_error{"the store lost run " + hex(record.key)};
  } else if (run == runs_.end() || run->second.failed) {
    Statement& put = run == runs_.end() ? add_run_ : replace_run_;
    put.bind(1, static_cast<std::int64_t>(record.state)).bind(2, static_cast<std::int64_t>(record.failure));
    put.bind(3, record.reason).bind(4, static_cast<std::int64_t>(record.fingerprint));
    put.bind(5, static_cast<std::int64_t>(record.events)).bind(6, record.seconds).bind(7, record.measurements);
    put.bind_blob(8, record.latencies);
    if (run == runs_.end()) {
      put.bind_blob(9, view(record.key)).bind(10, static_cast<std::int64_t>(record.seed)).run();
      run = runs_.emplace(record.key, Run{database_.last_row(), false}).first;
    } else {
      put.bind(9, run->second.id).run();
    }
    run->second.failed = record.state == RunRecord::State::failed;
  }
  const auto point = static_cast<std::int64_t>(member.point);
  add_point_.bind(1, sweep_).bind(2, point).bind(3, record.point).bind(4, record.values).run();
  add_member_.bind(1, sweep_).bind(2, point).bind(3, std::int64_t{member.replication}).bind(4, run->second.id).run();
}

void Store::for_each(const std::function<void(const Member&, const RunRecord&)>& visit) const {
  Statement rows = database_.prepare(
      fmt::format("SELECT {}WHERE members.sweep = ? ORDER BY members.number, members.replication", kRecord));
  rows.bind(1, sweep_);
  while (rows.step()) {
    visit({static_cast<std::uint64_t>(rows.integer(0)), static_cast<std::uint32_t>(rows.integer(1))}, record_of(rows));
  }
}

std::vector<RunRecord> Store::runs_of(std::uint64_t point) const {
  Statement rows = database_.prepare(
      fmt::format("SELECT {}WHERE members.sweep = ? AND members.number = ? ORDER BY members.replication", kRecord));
  rows.bind(1, sweep_).bind(2, static_cast<std::int64_t>(point));
  std::vector<RunRecord> records;
  while (rows.step()) records.push_back(record_of(rows));
  return records;
}

std::pair<double, std::int64_t> Store::cost() const {
  for (const std::string& runs :
       {fmt::format("runs JOIN members ON members.run = runs.id WHERE members.sweep = {}", sweep_),
        std::string{"runs"}}) {
    Statement row = database_.prepare("SELECT total(seconds), count(*) FROM " + runs);
    if (row.step() && row.integer(1) > 0) return {row.real(0), row.integer(1)};
  }
  return {0, 0};
}

std::vector<std::string> Store::merge(const std::filesystem::path& other) {
  const Place place{other.string(), ""};
  if (!std::filesystem::exists(other)) throw InputError{place, Mismatch{"a store of sweeps", "no such file", ""}};
  commit();
  Statement attach = database_.prepare("ATTACH ? AS other");
  attach.bind(1, other.string()).run();
  std::vector<std::string> not_joined;
  try {
    {
      Statement rows = database_.prepare(
          "SELECT s.name, s.model = o.model, s.revision, o.revision FROM sweeps s JOIN other.sweeps o ON s.name = "
          "o.name WHERE s.document != o.document OR s.model != o.model ORDER BY s.name");
      while (rows.step()) {
        const std::string difference =
            rows.integer(1) != 0 ? "another version of its file"
                                 : fmt::format("another model: revision {}, here it is {}", rows.text(3), rows.text(2));
        not_joined.push_back(fmt::format("sweep \"{}\" is of {}", rows.text(0), difference));
      }
    }
    database_.run(R"(BEGIN;
      CREATE UNIQUE INDEX runs_by_key ON runs (key);
      INSERT OR IGNORE INTO runs (key, seed, state, failure, reason, fingerprint, events, seconds, measurements,
        latencies) SELECT key, seed, state, failure, reason, fingerprint, events, seconds, measurements, latencies
        FROM other.runs ORDER BY id;
      INSERT OR IGNORE INTO sweeps (name, document, model, version, revision, dirty)
        SELECT name, document, model, version, revision, dirty FROM other.sweeps ORDER BY id;
      CREATE TEMP TABLE same AS SELECT s.id AS here, o.id AS there FROM sweeps s JOIN other.sweeps o
        ON s.name = o.name AND s.document = o.document AND s.model = o.model;
      INSERT OR IGNORE INTO points SELECT same.here, number, name, given FROM other.points p JOIN same
        ON p.sweep = same.there;
      INSERT OR IGNORE INTO members SELECT same.here, m.number, m.replication, r.id FROM other.members m
        JOIN same ON m.sweep = same.there JOIN other.runs o ON o.id = m.run JOIN runs r ON r.key = o.key;
      DROP TABLE same;
      DROP INDEX runs_by_key;
      COMMIT; DETACH other;)");
  } catch (const std::runtime_error& error) {
    throw InputError{place, Mismatch{"a store of sweeps", error.what(), ""}};
  }
  load_runs();
  return not_joined;
}

void dump_store(const std::filesystem::path& file, const std::function<void(const std::string&)>& line) {
  const Place place{file.string(), ""};
  if (!std::filesystem::exists(file)) throw InputError{place, Mismatch{"a store of sweeps", "no such file", ""}};
  const Database database{file, Database::Mode::read};
  Statement members = database.prepare(
      "SELECT sweeps.name, points.number, replication, points.name, given, hex(key) FROM members JOIN runs ON runs.id "
      "= "
      "run JOIN sweeps ON sweeps.id = members.sweep JOIN points ON points.sweep = members.sweep AND points.number = "
      "members.number ORDER BY 1, 2, 3");
  while (members.step()) {
    line(fmt::format("{}\t{}\t{}\t{}\t{}\t{}", members.text(0), members.integer(1), members.integer(2), members.text(3),
                     members.text(4), members.text(5)));
  }
  Statement runs = database.prepare(
      "SELECT hex(key), seed, state, failure, reason, fingerprint, events, measurements, hex(latencies) FROM runs "
      "ORDER BY key");
  while (runs.step()) {
    line(fmt::format("{}\t{}\t{}\t{}\t{}\t{:016x}\t{}\t{}\t{}", runs.text(0), runs.integer(1), runs.integer(2),
                     runs.integer(3), runs.text(4), static_cast<std::uint64_t>(runs.integer(5)), runs.integer(6),
                     runs.text(7), runs.text(8)));
  }
}

}  // namespace runner

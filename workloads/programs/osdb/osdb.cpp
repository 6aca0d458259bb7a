#include "workloads/programs/osdb/osdb.h"

#include <array>
#include <vector>

#include "workloads/kernel/system_calls.h"

namespace guest {

namespace {

constexpr std::array kResults{ResultInfo{"rate", "tuples/s"}, ResultInfo{"back_offs", "1"}, ResultInfo{"syncs", "1"}};

u64 ticks_of(sim::Duration duration) {
  return static_cast<u64>(duration / sim::Duration::nanoseconds(kTickNanoseconds));
}

}  // namespace

std::span<const ResultInfo> osdb_results() { return kResults; }

Osdb::Osdb(const OsdbSettings& settings, const std::string& name, sim::Random random)
    : settings_{settings},
      profile_{settings.profile ? *settings.profile : OsdbProfile::standard()},
      query_{profile_.query(settings.query)},
      users_{settings.users.value_or(profile_.users)},
      server_{profile_, settings.query, "/" + name, random.stream(name)} {}

// It measures, and when it has, the users leave, so that a run ends with a host at rest.
model::Task<> Osdb::run(SystemCalls& calls) {
  server_.install_files(calls.kernel());
  const Descriptor listener = co_await calls.local_listen(server_.socket_path());
  co_await calls.fork([this, listener](SystemCalls& in) { return server_.run(in, listener); });
  co_await calls.close(listener);
  std::vector<ProcessId> users;
  for (u32 i = 0; i < users_; ++i) {
    const ProcessId id = co_await calls.fork([this](SystemCalls& in) { return user(in); });
    users.push_back(id);
  }
  started();
  co_await calls.sleep(ticks_of(settings_.warmup));
  const auto now = [&calls] { return calls.machine().running().now(); };
  const sim::Time begin = now();
  const u64 tuples = tuples_, sleeps = server_.sleeps(), log_writes = server_.log_writes();
  activity_.begin(calls.kernel());
  co_await calls.sleep(ticks_of(settings_.duration));
  const auto done = static_cast<double>(tuples_ - tuples);
  rate_ = done / (now() - begin).to_seconds();
  measured_ = true;
  if (done > 0) {
    activity_.end(calls.kernel(), done);
    sleeps_ = static_cast<double>(server_.sleeps() - sleeps) / done;
    syncs_ = static_cast<double>(server_.log_writes() - log_writes) / done;
  }
  // Domains with little weight began later and are still measured: the others are to be there until then.
  co_await calls.sleep(2 * kTicksPerSecond);
  stopped_ = done > 0;
  if (stopped_) {
    for (const ProcessId id : users) co_await calls.wait(id);
    co_await calls.sleep(kTicksPerSecond);  // and the server's processes, too
  }
  finished_ = true;
  while (true) co_await calls.pause();
}

model::Task<> Osdb::round_trip(SystemCalls& calls, Descriptor connection, u32 buffer) {
  co_await calls.write(connection, buffer, query_.request_bytes / query_.round_trips);
  const std::array sockets{connection};
  co_await calls.select(sockets, false, std::nullopt);
  co_await calls.read(connection, buffer, hv::kPageSize);
}

model::Task<> Osdb::user(SystemCalls& calls) {
  const u32 buffer =
      co_await calls.map({.bytes = 4 * hv::kPageSize, .protection = {.read = true, .write = true, .execute = false}});
  model::Footprint footprint;
  footprint.first_page = buffer;
  footprint.pages = footprint.writable_pages = 4;
  footprint.cache_lines = profile_.client_cache_lines;
  const sim::Cycles work{query_.work.count() * profile_.client_share / 1000 / query_.round_trips};
  const bool stays = query_.fresh_pages == 0;
  Descriptor connection = -1;
  while (!stopped_) {
    if (connection < 0) {
      connection = co_await calls.local_connect(server_.socket_path());
      if (connection < 0) calls.kernel().panic("no server listens at " + server_.socket_path());
      co_await round_trip(calls, connection, buffer);
    }
    for (u32 trip = 0; trip < query_.round_trips; ++trip) {
      co_await calls.compute(work, &footprint);
      co_await round_trip(calls, connection, buffer);
    }
    ++tuples_;
    count_work(query_.work.count());
    if (!stays) {
      co_await calls.close(connection);
      connection = -1;
    }
  }
}

std::vector<ProgramResult> Osdb::results() const {
  if (!measured_) return {};
  const std::array values{rate_, sleeps_, syncs_};
  std::vector<ProgramResult> results = results_of(kResults, values);
  for (const ProgramResult& each : activity_.results()) results.push_back(each);
  return results;
}

}  // namespace guest

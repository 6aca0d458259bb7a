#include <fmt/format.h>

#include "experiments/runner/measure.h"
#include "experiments/runner/parameters.h"
#include "experiments/runner/runner.h"
#include "experiments/runner/settings.h"
#include "model/machine.h"
#include "workloads/host.h"

namespace runner {

std::string broken_invariant_message(const std::string& law, std::uint64_t seed,
                                     const std::vector<sim::Fingerprint::Event>& last_events) {
  std::string message = fmt::format("{} (seed {})\n  last events, the newest last:", law, seed);
  for (const sim::Fingerprint::Event& event : last_events) {
    message +=
        fmt::format("\n  {} ps, component {}, event {:#x}", event.time.picoseconds(), event.component, event.word);
  }
  return message;
}

std::string start_of(const Setup& setup, std::uint64_t seed) {
  const Setup plain;
  Setup start = setup;
  start.warmup = plain.warmup;
  start.duration = plain.duration;
  start.until = plain.until;
  start.steady = plain.steady;
  for (guest::ClientSpec& client : start.host.clients) client.change_to({});
  return fmt::format("{} {}", seed, write_settings(start).dump());
}

struct StartedRun::Parts {
  Parts(const Setup& setup, std::uint64_t seed, const RunOptions& given) : options{given}, files{setup} {
    spec = host_spec(setup, files, seed);
    spec.activity_traces = options.activity_traces;
    traces.emplace(options.traces, spec);
  }

  // Does it, and says what happened last if that breaks an invariant. What is no run leaves no trace.
  template <class Do>
  auto attempt(Do what) {
    try {
      return what();
    } catch (const model::BrokenInvariant& error) {
      if (!host) throw;
      throw model::BrokenInvariant{broken_invariant_message(error.what(), spec.seed, host->recent_events())};
    } catch (const guest::SpecError&) {
      traces->discard();
      throw;
    } catch (const InputError&) {
      traces->discard();
      throw;
    }
  }

  RunOptions options;
  ModelFiles files;
  guest::HostSpec spec;
  std::optional<Traces> traces;
  std::optional<guest::Host> host;
};

StartedRun::StartedRun(const Setup& setup, std::uint64_t seed, const RunOptions& options)
    : parts_{std::make_unique<Parts>(setup, seed, options)} {
  parts_->attempt([&] {
    parts_->host.emplace(parts_->spec);
    parts_->host->boot();
  });
}

StartedRun::~StartedRun() = default;

Replication StartedRun::finish(const Setup& setup) {
  guest::HostSpec& spec = parts_->spec;
  for (std::size_t i = 0; i < spec.clients.size(); ++i) {
    spec.clients[i].change_to(setup.host.clients[i]);
    parts_->host->change_client(i, spec.clients[i]);
  }
  return parts_->attempt([&] {
    Replication replication = measure(*parts_->host, spec, setup, parts_->options);
    parts_->traces->finish();
    return replication;
  });
}

Replication run_once(const Setup& setup, std::uint64_t seed, const RunOptions& options) {
  return StartedRun{setup, seed, options}.finish(setup);
}

}  // namespace runner

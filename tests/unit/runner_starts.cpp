// Runs that start alike: one boots their host, and each goes on from there as if it had been alone.
#include <doctest/doctest.h>

#include "experiments/runner/runner.h"
#include "support/experiment_file.h"

using namespace runner;
using test::plan_of;

namespace {

Json pinged(const char* world) {
  return Json::parse(R"({
    "experiment": "pinged", "title": "t", "question": "q", "machine": "dell2650", "cpus": 1, "system": "xen",
    "domains": [
      {"name": "compute", "memory": "14 MiB", "programs": [{"compute": {}}]},
      {"name": "pinged", "memory": "14 MiB", "vif": true, "programs": [{"udp_echo": {}}]}
    ],
    "clients": [{"target": "pinged", "distribution": "exponential"}],
    "warmup": "10 ms", "duration": "60 ms", "replications": 2,
    "vary": {"clients.0.interval": ["2 ms", "5 ms", "9 ms"], "clients.0.payload": [64, 900]}
  })")
      .patch(Json{{{"op", "add"}, {"path", "/world"}, {"value", world}}});
}

}  // namespace

TEST_CASE("twelve runs from two starts measure what each of them measures alone, event for event") {
  for (const char* world : {"fifo", "simgrid"}) {
    CAPTURE(world);
    const Plan plan = plan_of(pinged(world));
    const ExperimentResult together = std::move(run_plans({plan}, {.jobs = 2}).front());
    REQUIRE(together.points.size() == 6);
    for (std::size_t i = 0; i < together.points.size(); ++i) {
      CAPTURE(plan.points[i].name);
      Plan alone_plan = plan;
      alone_plan.points = {plan.points[i]};
      alone_plan.experiment.replications = 1;
      const ExperimentResult alone = std::move(run_plans({alone_plan}, {.jobs = 1}).front());
      REQUIRE(together.points[i].finished);
      REQUIRE(together.points[i].replications.size() == 2);
      const Replication &first = together.points[i].replications.front(), &same = alone.points[0].replications.front();
      CHECK(first.fingerprint == same.fingerprint);
      CHECK(first.events == same.events);
      CHECK(first.latencies_ns == same.latencies_ns);
      CHECK(first.latencies_ns.size() > 4);
      REQUIRE(first.measurements.size() == same.measurements.size());
      for (std::size_t m = 0; m < same.measurements.size(); ++m) {
        CHECK(first.measurements[m].metric == same.measurements[m].metric);
        CHECK(first.measurements[m].value == same.measurements[m].value);
      }
      CHECK(together.points[i].replications[1].fingerprint != first.fingerprint);
    }
    CHECK(together.points[0].replications[0].fingerprint != together.points[1].replications[0].fingerprint);
  }
}

TEST_CASE("a start is the same whatever is measured and however often is pinged, and another with anything else") {
  const Setup setup = plan_of(pinged("fifo")).points[0].setup;
  const std::string start = start_of(setup, 1);
  CHECK(start_of(setup, 2) != start);
  const auto changed = [&](auto change) {
    Setup other = setup;
    change(other);
    return start_of(other, 1) != start;
  };
  CHECK_FALSE(changed([](Setup& s) { s.warmup = sim::Duration::seconds(2); }));
  CHECK_FALSE(changed([](Setup& s) { s.duration = sim::Duration::seconds(2); }));
  CHECK_FALSE(changed([](Setup& s) { s.until = Until::finished; }));
  CHECK_FALSE(changed([](Setup& s) { s.host.clients[0].interval.mean = sim::Duration::milliseconds(7); }));
  CHECK_FALSE(changed([](Setup& s) { s.host.clients[0].timeout = sim::Duration::milliseconds(7); }));
  CHECK(changed([](Setup& s) { s.host.clients[0].start = sim::Duration::milliseconds(7); }));
  CHECK(changed([](Setup& s) { s.host.clients.push_back(s.host.clients[0]); }));
  CHECK(changed([](Setup& s) { s.domains[0].weight += 1; }));
  CHECK(changed([](Setup& s) { s.parameters.push_back({"memory.line_refill", 50}); }));
}

#include "experiments/runner/cli.h"

#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <exception>
#include <thread>

#include "experiments/runner/input_error.h"
#include "experiments/runner/names.h"
#include "experiments/runner/quantity.h"
#include "experiments/runner/verbs.h"
#include "model/machine.h"

namespace runner {

namespace {

// What the options fill in; one verb is run with it.
struct Arguments {
  RunArguments run;
  CalibrateArguments calibrate;
  DiskReplayArguments disk_replay;
  std::string check_every;
  std::vector<std::string> traces;
  std::string key;
  std::string scenario;
  std::vector<std::string> ids;
};

void add_choices(CLI::App& verb, Arguments& arguments) {
  verb.add_option("FILE", arguments.run.files, "experiment files")->required();
  verb.add_option("--set", arguments.run.choices.set, "key=value: overrides a setting; may be repeated")
      ->type_name("KEY=VALUE")
      ->allow_extra_args(false);
  verb.add_option("--seed", arguments.run.choices.seed, "seed of the first replication");
  verb.add_option("--replications", arguments.run.choices.replications, "runs per point")
      ->check(CLI::Range(1u, 10000u));
}

void add_run_options(CLI::App& verb, Arguments& arguments) {
  verb.add_option("-j,--jobs", arguments.run.options.jobs, "processes that run at once")->check(CLI::Range(1u, 1024u));
  verb.add_option("--check-every", arguments.check_every, "audit the host every so often of simulated time")
      ->type_name("TIME");
  verb.add_flag("--progress", arguments.run.options.progress, "show progress even if stderr is no terminal");
}

RunArguments run_arguments(const Arguments& arguments) {
  RunArguments run = arguments.run;
  run.options.traces = parse_traces(arguments.traces);
  if (arguments.check_every.empty()) return run;
  try {
    const std::int64_t every = parse_quantity(arguments.check_every, Dimension::time, "s");
    if (every == 0) throw Mismatch{"a time greater than 0", in_quotes(arguments.check_every), ""};
    run.options.check_every = sim::Duration::picoseconds(every);
  } catch (const Mismatch& mismatch) {
    throw InputError{{"--check-every", ""}, mismatch};
  }
  return run;
}

void expect_known_verb(const CLI::App& app, int argc, const char* const* argv) {
  if (argc < 2 || argv[1][0] == '-') return;
  std::vector<std::string> verbs;
  for (const CLI::App* verb : app.get_subcommands(nullptr)) verbs.push_back(verb->get_name());
  if (std::ranges::find(verbs, argv[1]) != verbs.end()) return;
  throw InputError{{"ringzero", ""},
                   Mismatch{"a verb: " + one_of(verbs), in_quotes(argv[1]), nearest_name(argv[1], verbs)}};
}

int dispatch(int argc, const char* const* argv) {
  CLI::App app{"Ringzero: a simulator of a virtualized x86 host of 2003", "ringzero"};
  app.require_subcommand(1);
  app.footer("./ringzero test runs the whole test suite.");
  Arguments arguments;
  arguments.run.options.jobs = std::max(1u, std::thread::hardware_concurrency());
  arguments.run.options.progress = isatty(STDERR_FILENO) != 0;
  int status = kDone;

  CLI::App& run = *app.add_subcommand("run", "run experiments");
  add_choices(run, arguments);
  add_run_options(run, arguments);
  run.add_flag("--json", arguments.run.json, "one JSON document on stdout instead of a table");
  run.add_option("--out", arguments.run.out, "write results.csv and result.json into this folder")->type_name("DIR");
  run.add_option("--trace", arguments.traces, "writes a trace of the run: " + trace_usage() + "; may be repeated")
      ->type_name("KIND=PATH")
      ->allow_extra_args(false);
  run.callback([&] { status = run_verb(run_arguments(arguments)); });

  CLI::App& validate = *app.add_subcommand("validate", "check experiment files without running them");
  add_choices(validate, arguments);
  validate.callback([&] { status = validate_verb(arguments.run.files, arguments.run.choices); });

  app.add_subcommand("schema", "the JSON Schema of experiment files")->callback([&] { status = schema_verb(); });
  app.add_subcommand("list", "experiments, machines, schedulers, programs' profiles, metrics")->callback([&] {
    status = list_verb();
  });

  CLI::App& explain = *app.add_subcommand("explain", "what a setting means, its unit, default and source");
  explain.add_option("KEY", arguments.key, "such as domains.memory or cpu_weight")->required();
  explain.callback([&] { status = explain_verb(arguments.key); });

  CLI::App& schedule = *app.add_subcommand("schedule", "one scheduler scenario; its decisions as CSV");
  schedule.add_option("SCENARIO", arguments.scenario, "scenario file")->required();
  schedule.callback([&] { status = schedule_verb(arguments.scenario); });

  CLI::App& paper = *app.add_subcommand("paper", "the experiments of the paper, then ledger and figures");
  paper.add_option("ID", arguments.ids, "only these experiments");
  add_run_options(paper, arguments);
  paper.callback([&] { status = paper_verb(arguments.ids, run_arguments(arguments).options); });

  CLI::App& calibrate =
      *app.add_subcommand("calibrate", "fit parameters to published values, and write them into their files");
  calibrate.add_option("FILE", arguments.calibrate.file, "calibration file; without it, that of lmbench");
  calibrate.add_option("--set", arguments.calibrate.set, "key=value: overrides a setting of its experiment")
      ->type_name("KEY=VALUE")
      ->allow_extra_args(false);
  calibrate.add_flag("--dry-run", arguments.calibrate.dry_run, "only show what would be written");
  add_run_options(calibrate, arguments);
  calibrate.callback([&] {
    arguments.calibrate.options = run_arguments(arguments).options;
    status = calibrate_verb(arguments.calibrate);
  });

  CLI::App& disk_replay =
      *app.add_subcommand("disk-replay", "recorded requests on a modelled disk drive; a CSV with their response times");
  disk_replay.add_option("--drive", arguments.disk_replay.drive, "a name of model/drives, or a drive's JSON file")
      ->required();
  disk_replay.add_option("TRACE", arguments.disk_replay.trace, "CSV file of requests")->required();
  disk_replay.add_option("--policy", arguments.disk_replay.policy, "of the drive's queue: fcfs, c-look, sstf or sptf");
  disk_replay.add_option("--queue", arguments.disk_replay.outstanding, "requests that are with the drive at one time")
      ->check(CLI::Range(1u, 256u));
  disk_replay.add_option("--out", arguments.disk_replay.out, "write the CSV into this file")->type_name("FILE");
  disk_replay.add_flag("--json", arguments.disk_replay.json, "the summary as one JSON document on stdout, no CSV");
  disk_replay.callback([&] { status = disk_replay_verb(arguments.disk_replay); });

  CLI::App& bench = *app.add_subcommand("bench", "the benchmarks, each beside its budget");
  bench.add_flag("--json", arguments.run.json, "as a JSON document");
  bench.callback([&] { status = bench_verb(arguments.run.json); });

  app.add_subcommand("version", "version and revision")->callback([&] { status = version_verb(); });

  expect_known_verb(app, argc, argv);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kDone : kBadInput;
  }
  return status;
}

}  // namespace

int command_line(int argc, const char* const* argv) {
  try {
    return dispatch(argc, argv);
  } catch (const InputError& error) {
    fmt::print(stderr, "{}\n", error.what());
    return kBadInput;
  } catch (const model::BrokenInvariant& error) {
    fmt::print(stderr, "broken invariant: {}\n", error.what());
    return kBrokenInvariant;
  } catch (const std::exception& error) {
    fmt::print(stderr, "{}\n", error.what());
    return kSomeFailed;
  }
}

}  // namespace runner

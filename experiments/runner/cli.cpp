#include "experiments/runner/cli.h"

#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <exception>
#include <thread>

#include "experiments/runner/csv.h"
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
  SweepArguments sweep;
  CompareArguments compare;
  TwoSides sides;
  std::string check_every, time_limit, shard, half_width;
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

void add_sweep_options(CLI::App& verb, Arguments& arguments) {
  SweepArguments& sweep = arguments.sweep;
  verb.add_option("FILE", sweep.file, "experiment file")->required();
  verb.add_option("--set", sweep.choices.set, "key=value: overrides a setting; may be repeated")
      ->type_name("KEY=VALUE")
      ->allow_extra_args(false);
  verb.add_option("--seed", sweep.choices.seed, "seed of the first replication");
  verb.add_option("--out", sweep.out, "folder for results and pictures; without it, results/out/sweeps/ID")
      ->type_name("DIR");
  verb.add_option("--store", sweep.store, "where finished runs are kept; without it, store.sqlite in that folder")
      ->type_name("FILE");
}

void add_sides(CLI::App& verb, TwoSides& sides) {
  verb.add_option("A", sides.a, "experiment file")->required();
  verb.add_option("B", sides.b, "experiment file; without it, A's");
  const auto add_set = [&verb](const char* option, std::vector<std::string>& set, const char* of) {
    verb.add_option(option, set, fmt::format("key=value: overrides a setting of {}; may be repeated", of))
        ->type_name("KEY=VALUE")
        ->allow_extra_args(false);
  };
  add_set("--set", sides.set, "both");
  add_set("--set-a", sides.set_a, "A");
  add_set("--set-b", sides.set_b, "B");
  verb.add_option("--point-a", sides.point_a, "name of A's point, if it has several");
  verb.add_option("--point-b", sides.point_b, "the same for B");
}

// A positive time of an option's text, in picoseconds; nothing when it was not given.
std::optional<std::int64_t> time_of(const std::string& option, const std::string& text) {
  if (text.empty()) return std::nullopt;
  try {
    const std::int64_t time = parse_quantity(text, Dimension::time, "s");
    if (time == 0) throw Mismatch{"a time greater than 0", in_quotes(text), ""};
    return time;
  } catch (const Mismatch& mismatch) {
    throw InputError{{option, ""}, mismatch};
  }
}

Shard shard_of(const std::string& text) {
  if (text.empty()) return {};
  const std::size_t slash = text.find('/');
  const auto index = csv_number<std::uint64_t>(text.substr(0, slash));
  const auto of = csv_number<std::uint64_t>(slash == std::string::npos ? "" : text.substr(slash + 1));
  if (!index || !of || *index == 0 || *index > *of) {
    throw InputError{{"--shard", ""}, Mismatch{"i/n, from 1/n to n/n", in_quotes(text), ""}};
  }
  return {*index - 1, *of};
}

SweepArguments sweep_arguments(const Arguments& arguments) {
  SweepArguments sweep = arguments.sweep;
  sweep.choices.replications = arguments.run.choices.replications;
  sweep.options.jobs = arguments.run.options.jobs;
  sweep.options.progress = arguments.run.options.progress;
  sweep.options.shard = shard_of(arguments.shard);
  if (const auto limit = time_of("--time-limit", arguments.time_limit)) {
    sweep.options.time_limit = std::chrono::milliseconds{std::max<std::int64_t>(1, *limit / 1'000'000'000)};
  }
  return sweep;
}

CompareArguments compare_arguments(const Arguments& arguments) {
  CompareArguments compare = arguments.compare;
  compare.sides = arguments.sides;
  compare.options = arguments.run.options;
  compare.seed = arguments.run.choices.seed;
  if (arguments.half_width.empty()) return compare;
  try {
    compare.half_width = parse_quantity(arguments.half_width, Dimension::share, "%");
    if (compare.half_width == 0) throw Mismatch{"a share greater than 0", in_quotes(arguments.half_width), ""};
  } catch (const Mismatch& mismatch) {
    throw InputError{{"--half-width", ""}, mismatch};
  }
  return compare;
}

RunArguments run_arguments(const Arguments& arguments) {
  RunArguments run = arguments.run;
  run.options.traces = parse_traces(arguments.traces);
  if (const auto every = time_of("--check-every", arguments.check_every)) {
    run.options.check_every = sim::Duration::picoseconds(*every);
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

  CLI::App& sweep = *app.add_subcommand("sweep", "the points of an experiment that its store lacks, then pictures");
  add_sweep_options(sweep, arguments);
  sweep.add_option("--replications", arguments.run.choices.replications, "runs per point, at least")
      ->check(CLI::Range(1u, 10000u));
  sweep.add_option("-j,--jobs", arguments.run.options.jobs, "processes that run at once")->check(CLI::Range(1u, 1024u));
  sweep.add_option("--shard", arguments.shard, "only the i-th of n parts of the points; `store merge` joins them")
      ->type_name("i/n");
  sweep.add_option("--cluster", arguments.sweep.cluster, "runs on the workers of this dask scheduler")
      ->type_name("ADDRESS");
  sweep.add_option("--remote-program", arguments.sweep.remote_program, "path of ringzero on the cluster's machines")
      ->type_name("PATH");
  sweep.add_option("--time-limit", arguments.time_limit, "a run that takes longer has failed")->type_name("TIME");
  sweep.add_flag("--retry-failed", arguments.sweep.options.retry_failed, "runs what failed before once more");
  sweep.add_flag("--dry-run", arguments.sweep.dry_run, "only list the points, and what they will take");
  sweep.add_flag("--pictures,!--no-pictures", arguments.sweep.pictures, "draw the pictures at the end");
  sweep.add_flag("--progress", arguments.run.options.progress, "show progress even if stderr is no terminal");
  sweep.callback([&] { status = sweep_verb(sweep_arguments(arguments)); });

  CLI::App& draw = *app.add_subcommand("draw", "results and pictures of a sweep, as far as it has come");
  add_sweep_options(draw, arguments);
  draw.callback([&] { status = draw_verb(sweep_arguments(arguments)); });

  CLI::App& store = *app.add_subcommand("store", "stores of sweeps");
  store.require_subcommand(1);
  CLI::App& dump = *store.add_subcommand("dump", "what is in it, in an order that depends on nothing else");
  dump.add_option("STORE", arguments.sweep.store, "the store's file")->required();
  dump.callback([&] { status = store_dump_verb(arguments.sweep.store); });
  CLI::App& merge = *store.add_subcommand("merge", "takes over what other stores have, such as those of shards");
  merge.add_option("STORE", arguments.sweep.store, "the store's file, which is made if it is not there")->required();
  merge.add_option("OTHER", arguments.ids, "the others' files")->required();
  merge.callback([&] { status = store_merge_verb(arguments.sweep.store, arguments.ids); });

  CLI::App& batch = *app.add_subcommand("batch", "makes the runs of a sweep that stdin asks for")->group("");
  batch.add_option("JOB", arguments.key, "what `sweep --cluster` wrote")->required();
  batch.callback([&] { status = batch_verb(arguments.key); });

  CLI::App& compare = *app.add_subcommand("compare", "two configurations with the same seeds: how they differ");
  add_sides(compare, arguments.sides);
  compare.add_option("--metric", arguments.compare.metrics, "what to compare; the first one decides when it is enough")
      ->type_name("NAME")
      ->allow_extra_args(false);
  compare.add_option("--seed", arguments.run.choices.seed, "seed of the first pair");
  compare
      .add_option("--half-width", arguments.half_width, "of the difference's interval, relative to A; 1 % by default")
      ->type_name("SHARE");
  compare.add_option("--least", arguments.compare.least, "pairs of runs")->check(CLI::Range(2u, 10000u));
  compare.add_option("--most", arguments.compare.most, "pairs of runs")->check(CLI::Range(2u, 10000u));
  compare.add_flag("--json", arguments.compare.json, "one JSON document on stdout");
  compare.add_option("-j,--jobs", arguments.run.options.jobs, "processes that run at once")
      ->check(CLI::Range(1u, 1024u));
  compare.add_flag("--progress", arguments.run.options.progress, "show progress even if stderr is no terminal");
  compare.callback([&] { status = compare_verb(compare_arguments(arguments)); });

  CLI::App& diff = *app.add_subcommand("diff", "the first scheduling decision where two runs part");
  add_sides(diff, arguments.sides);
  diff.add_option("--seed", arguments.run.choices.seed, "seed of both");
  diff.callback([&] { status = diff_verb({arguments.sides, arguments.run.choices.seed, arguments.run.options.jobs}); });

  CLI::App& calibrate =
      *app.add_subcommand("calibrate", "fit parameters to published values, and write them into their files");
  calibrate.add_option("FILE", arguments.calibrate.file, "calibration file; without it, that of lmbench");
  calibrate.add_option("--stage", arguments.calibrate.stage, "only this of its stages")->type_name("NAME");
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
  bench.add_option(
      "GROUP", arguments.ids,
      "only these: event-queue, page-tables, schedulers, disk, experiments, or sweeps, which takes minutes");
  bench.callback([&] { status = bench_verb(arguments.run.json, arguments.ids); });

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

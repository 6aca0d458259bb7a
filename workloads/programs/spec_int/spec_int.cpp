#include "workloads/programs/spec_int/spec_int.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "workloads/kernel/system_calls.h"

namespace guest {

namespace {

constexpr std::array kResults{ResultInfo{"score", "score"}, ResultInfo{"run_time", "s"}};
constexpr u32 kDataStart = 0x10000000;  // behind the program's text and the libraries' default places
constexpr sim::Cycles kPageWork{100};   // in user mode, at the first touch of a page
constexpr s64 kMillion = 1'000'000;

}  // namespace

std::span<const ResultInfo> spec_int_results() { return kResults; }

SpecInt::SpecInt(const SpecIntSettings& settings, const sim::Clock& clock)
    : profile_{settings.profile ? *settings.profile : SpecIntProfile::standard()}, clock_{clock} {}

std::uint64_t SpecInt::resident_pages() const {
  std::uint64_t most = 0;
  for (const SpecIntProfile::Benchmark& each : profile_.benchmarks) {
    most = std::max<std::uint64_t>(most, each.resident_pages / profile_.page_part + 1);
  }
  return most;
}

model::Task<> SpecInt::run(SystemCalls& calls) {
  started();
  for (const SpecIntProfile::Benchmark& benchmark : profile_.benchmarks) {
    Times times;
    const sim::Cycles begin = calls.machine().running().cycles();
    const ProcessId child =
        co_await calls.fork([this, &benchmark, &times](SystemCalls& in) { return run_one(in, benchmark, times); });
    co_await calls.wait(child);
    const auto whole = static_cast<double>((calls.machine().running().cycles() - begin).count());
    times.start = whole - times.pages - times.work;
    times_.push_back(times);
  }
  finished_ = true;
}

model::Task<> SpecInt::run_one(SystemCalls& calls, const SpecIntProfile::Benchmark& benchmark, Times& times) {
  const auto now = [&calls] { return static_cast<double>(calls.machine().running().cycles().count()); };
  const u32 bytes = benchmark.resident_pages / profile_.page_part * hv::kPageSize;
  co_await calls.map({.bytes = bytes, .protection = {.write = true}, .address = kDataStart});
  const double begin = now();
  for (u32 at = 0; at < bytes; at += hv::kPageSize) {
    co_await calls.access({.first = kDataStart + at, .bytes = hv::kPageSize, .use = model::Use::write}, kPageWork);
  }
  times.pages = now() - begin;
  footprint_ = {};
  footprint_.first_page = kDataStart;
  footprint_.pages = benchmark.hot_pages;
  footprint_.writable_pages = benchmark.hot_pages / 2;
  footprint_.cache_lines = benchmark.cache_lines;
  footprint_.insertions_per_mcycle =
      static_cast<u32>((benchmark.insertions * kMillion + clock_.hertz() / 2) / clock_.hertz());
  const double warm = now();
  co_await calls.compute(profile_.sample, &footprint_);
  times.work = now() - warm;
  count_work(profile_.sample.count());
}

double SpecInt::run_time(const SpecIntProfile::Benchmark& benchmark, const Times& times) const {
  const double work = static_cast<double>(profile_.work.count()) * benchmark.reference_time;
  const double steady = work * times.work / static_cast<double>(profile_.sample.count());
  const double starts = benchmark.runs * (times.start + times.pages * profile_.page_part);
  return (starts + steady) / static_cast<double>(clock_.hertz());
}

std::vector<ProgramResult> SpecInt::results() const {
  if (times_.size() < profile_.benchmarks.size()) return {};
  double logarithms = 0, seconds = 0;
  for (std::size_t i = 0; i < times_.size(); ++i) {
    const double time = run_time(profile_.benchmarks[i], times_[i]);
    seconds += time;
    logarithms += std::log(100 * profile_.benchmarks[i].reference_time / time);
  }
  const std::array values{std::exp(logarithms / static_cast<double>(times_.size())), seconds};
  std::vector<ProgramResult> results = results_of(kResults, values);
  for (std::size_t i = 0; i < times_.size(); ++i) {
    const SpecIntProfile::Benchmark& each = profile_.benchmarks[i];
    results.push_back(
        {"ratio." + std::string{each.name}, 100 * each.reference_time / run_time(each, times_[i]), "score"});
  }
  return results;
}

}  // namespace guest

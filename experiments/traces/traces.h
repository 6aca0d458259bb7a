// What a run writes besides its results: `--trace KIND=PATH`, in formats that others read. One row per kind, in
// traces.cpp; docs/traces.md says what is in them.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "experiments/traces/trace_file.h"

namespace runner {

struct TraceKind {
  std::string_view name;
  std::string_view path;  // what PATH is: FILE or PREFIX
  std::string_view text;
  std::unique_ptr<TraceFile> (*open)(const std::string& path);  // throws InputError
};

std::span<const TraceKind> trace_kinds();
std::string trace_usage();  // "pcap=FILE or ..."

struct TraceRequest {
  const TraceKind* kind;
  std::string path;  // "{run}" in it stands for the number of the run
};

// From "pcap=FILE" and the like. Throws InputError.
std::vector<TraceRequest> parse_traces(std::span<const std::string> texts);
// That so many runs can write them without one overwriting another. Throws InputError.
void check_traces(std::span<const TraceRequest> requests, std::size_t runs);
// Those of one run; the runs are counted from 0 in the order of the results.
std::vector<TraceRequest> traces_of_run(std::span<const TraceRequest> requests, std::size_t run);

// The traces of one run. What was not finished or discarded is finished as far as it goes: how a run that failed came
// to that is what a trace is good for.
class Traces {
 public:
  Traces(std::span<const TraceRequest> requests, guest::HostSpec& spec);  // throws InputError
  Traces(const Traces&) = delete;
  Traces& operator=(const Traces&) = delete;
  ~Traces();

  void finish();   // throws std::runtime_error
  void discard();  // leaves no files

 private:
  std::vector<std::unique_ptr<TraceFile>> open_;
};

}  // namespace runner

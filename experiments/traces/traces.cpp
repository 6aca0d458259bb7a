#include "experiments/traces/traces.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>

#include "experiments/runner/input_error.h"
#include "experiments/runner/names.h"
#include "experiments/traces/blktrace_writer.h"
#include "experiments/traces/pcap_writer.h"
#include "experiments/traces/timeline_writer.h"
#include "experiments/traces/xentrace_writer.h"

namespace runner {

namespace {

constexpr std::string_view kRunHole = "{run}";

template <class Writer>
std::unique_ptr<TraceFile> open(const std::string& path) {
  return std::make_unique<Writer>(path);
}

constexpr std::array kKinds = {
    TraceKind{"pcap", "FILE", "every frame on the wire and at the guests' interfaces, as pcapng", open<PcapWriter>},
    TraceKind{"blktrace", "PREFIX", "the requests of drives and virtual disks, in PREFIX.blktrace.0, .1, ...",
              open<BlktraceWriter>},
    TraceKind{"xentrace", "FILE", "run states, decisions, hypercalls and exceptions, for xenalyze --cpu-hz=1000G",
              open<XentraceWriter>},
    TraceKind{"timeline", "FILE", "what CPUs and domains do, as trace-event JSON for ui.perfetto.dev",
              open<TimelineWriter>},
};

std::vector<std::string> kind_names() {
  std::vector<std::string> names;
  for (const TraceKind& kind : kKinds) names.emplace_back(kind.name);
  return names;
}

Place place_of(std::string_view kind, const std::string& path) {
  return {fmt::format("--trace {}={}", kind, path), ""};
}

TraceRequest parse_trace(const std::string& text) {
  const std::size_t equals = text.find('=');
  const std::string name = text.substr(0, equals);
  const auto kind = std::ranges::find(kKinds, name, &TraceKind::name);
  if (kind == kKinds.end()) {
    throw InputError{
        {"--trace " + text, ""},
        Mismatch{"a kind of trace: " + one_of(kind_names()), in_quotes(name), nearest_name(name, kind_names())}};
  }
  if (equals == std::string::npos || equals + 1 == text.size()) {
    throw InputError{{"--trace " + text, ""},
                     Mismatch{fmt::format("{}={}", kind->name, kind->path), in_quotes(text), ""}};
  }
  return {&*kind, text.substr(equals + 1)};
}

}  // namespace

std::span<const TraceKind> trace_kinds() { return kKinds; }

std::string trace_usage() {
  std::string usage;
  for (const TraceKind& kind : kKinds)
    usage += fmt::format("{}{}={}", usage.empty() ? "" : " or ", kind.name, kind.path);
  return usage;
}

std::vector<TraceRequest> parse_traces(std::span<const std::string> texts) {
  std::vector<TraceRequest> requests;
  for (const std::string& text : texts) {
    const TraceRequest request = parse_trace(text);
    const Place place = place_of(request.kind->name, request.path);
    if (std::ranges::find(requests, request.kind, &TraceRequest::kind) != requests.end()) {
      throw InputError{place, fmt::format("there is a trace of kind {} already", request.kind->name)};
    }
    const std::filesystem::path folder = std::filesystem::path{request.path}.parent_path();
    if (!folder.empty() && !std::filesystem::is_directory(folder)) {
      throw InputError{place, fmt::format("there is no folder {}", in_quotes(folder.string()))};
    }
    requests.push_back(request);
  }
  return requests;
}

void check_traces(std::span<const TraceRequest> requests, std::size_t runs) {
  if (runs < 2) return;
  for (const TraceRequest& request : requests) {
    if (request.path.find(kRunHole) != std::string::npos) continue;
    throw InputError{place_of(request.kind->name, request.path),
                     Mismatch{fmt::format("a name with {} in it, for there are {} runs", kRunHole, runs),
                              in_quotes(request.path), ""}};
  }
}

std::vector<TraceRequest> traces_of_run(std::span<const TraceRequest> requests, std::size_t run) {
  std::vector<TraceRequest> of_run{requests.begin(), requests.end()};
  for (TraceRequest& request : of_run) {
    const std::size_t hole = request.path.find(kRunHole);
    if (hole != std::string::npos) request.path.replace(hole, kRunHole.size(), std::to_string(run));
  }
  return of_run;
}

Traces::Traces(std::span<const TraceRequest> requests, guest::HostSpec& spec) {
  try {
    for (const TraceRequest& request : requests) open_.push_back(request.kind->open(request.path));
    for (const auto& trace : open_) trace->attach(spec);
  } catch (const InputError&) {
    discard();
    throw;
  }
}

Traces::~Traces() {
  try {
    finish();
  } catch (const std::exception&) {
    // The run has failed already, and said how.
  }
}

void Traces::finish() {
  for (const auto& trace : open_) trace->finish();
  open_.clear();
}

void Traces::discard() {
  for (const auto& trace : open_) trace->discard();
  open_.clear();
}

}  // namespace runner

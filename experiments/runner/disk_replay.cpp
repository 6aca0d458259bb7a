#include "experiments/runner/disk_replay.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <numeric>
#include <optional>

#include "experiments/runner/csv.h"
#include "experiments/runner/input_error.h"
#include "experiments/runner/names.h"
#include "model/disk/drive.h"
#include "sim/event_queue.h"

namespace runner {

namespace {

const std::vector<std::string> kColumns = {"rw", "lbn", "sectors", "measured_response_us", "think_us_after_completion"};

// One line of a recording while it is read.
class Line {
 public:
  Line(const std::string& file, std::size_t number, std::string text)
      : place_{file + ":" + std::to_string(number), ""}, text_{std::move(text)}, cells_{csv_cells(text_)} {}

  const std::vector<std::string>& cells() const { return cells_; }

  template <class Number>
  Number number(std::size_t column, const char* expected) const {
    const auto value = csv_number<Number>(cells_[column]);
    if (!value || *value < Number{} || !(static_cast<double>(*value) < 9e12)) fail(expected, cells_[column]);
    return *value;
  }
  sim::Duration microseconds(std::size_t column) const {
    const auto us = number<double>(column, "a time in microseconds");
    return sim::Duration::picoseconds(std::llround(us * 1e6));
  }
  [[noreturn]] void fail(const std::string& expected, const std::string& found) const {
    throw InputError{place_, Mismatch{expected, in_quotes(found), ""}};
  }

 private:
  Place place_;
  std::string text_;
  std::vector<std::string> cells_;
};

// Which cell of a line holds which of kColumns.
std::vector<std::optional<std::size_t>> columns_of(const Line& header) {
  std::vector<std::optional<std::size_t>> columns(kColumns.size());
  for (std::size_t i = 0; i < header.cells().size(); ++i) {
    const std::string& name = header.cells()[i];
    const auto known = std::ranges::find(kColumns, i == 0 && name.starts_with('#') ? name.substr(1) : name);
    if (known == kColumns.end()) header.fail("a column of " + one_of(kColumns), name);
    columns[static_cast<std::size_t>(known - kColumns.begin())] = i;
  }
  for (std::size_t i = 0; i < 3; ++i) {
    if (!columns[i]) header.fail("a column " + kColumns[i], header.cells().front());
  }
  return columns;
}

// Gives the requests to the drive and notes when each is done.
class Replay final : private model::DriveHost, private sim::EventHandler {
 public:
  Replay(const model::DriveFile& drive, const std::vector<DiskRequest>& requests)
      : requests_{requests}, started_(requests.size()), responses_(requests.size()), drive_{drive, {}, queue_, *this} {}

  std::vector<sim::Duration> run(std::uint32_t outstanding) {
    for (std::uint32_t i = 0; i < outstanding; ++i) queue_.schedule(queue_.now(), *this, 0);
    while (queue_.run_next()) continue;
    return std::move(responses_);
  }

 private:
  void on_event(std::uint64_t) override {
    if (next_ == requests_.size()) return;
    const DiskRequest& request = requests_[next_];
    started_[next_] = queue_.now();
    drive_.submit({.id = static_cast<std::uint32_t>(next_++),
                   .operation = request.write ? hw::BlockOperation::write : hw::BlockOperation::read,
                   .sector = request.sector,
                   .sectors = request.sectors});
  }
  void drive_completed(std::uint32_t id, bool) override {
    responses_[id] = queue_.now() - started_[id];
    queue_.schedule(queue_.now() + requests_[id].think, *this, 0);
  }

  const std::vector<DiskRequest>& requests_;
  std::size_t next_ = 0;
  std::vector<sim::Time> started_;
  std::vector<sim::Duration> responses_;
  sim::EventQueue queue_;
  model::Drive drive_;
};

double milliseconds(sim::Duration d) { return d.to_seconds() * 1e3; }

}  // namespace

DiskRecording load_disk_recording(const std::string& file, const model::DriveFile& drive) {
  std::ifstream stream{file, std::ios::binary};
  std::string text;
  if (!stream || !std::getline(stream, text)) {
    throw InputError{{file, ""}, Mismatch{"a CSV file of disk requests", "none that can be read", ""}};
  }
  const auto columns = columns_of(Line{file, 1, text});
  const std::size_t width = csv_cells(text).size();
  DiskRecording recording{{}, columns[3].has_value()};
  for (std::size_t number = 2; std::getline(stream, text); ++number) {
    if (text.empty()) continue;
    const Line line{file, number, text};
    if (line.cells().size() != width) line.fail(fmt::format("{} values", width), text);
    DiskRequest request;
    const std::string& rw = line.cells()[*columns[0]];
    if (rw != "R" && rw != "W") line.fail("R or W", rw);
    request.write = rw == "W";
    request.sector = line.number<std::uint64_t>(*columns[1], "a sector");
    request.sectors = line.number<std::uint32_t>(*columns[2], "a number of sectors");
    if (request.sectors == 0 || request.sectors > drive.geometry.sectors ||
        request.sector > drive.geometry.sectors - request.sectors) {
      line.fail(fmt::format("sectors of the drive, which has {}", drive.geometry.sectors), text);
    }
    if (columns[3]) request.measured = line.microseconds(*columns[3]);
    if (columns[4]) request.think = line.microseconds(*columns[4]);
    recording.requests.push_back(request);
  }
  if (recording.requests.empty()) throw InputError{{file, ""}, Mismatch{"at least one request", "none", ""}};
  return recording;
}

model::DriveFile behind_host_path(model::DriveFile drive) {
  if (drive.host_path.sector > sim::Duration{}) {
    drive.set("bus.rate", std::round(hw::kSectorBytes / drive.host_path.sector.to_seconds()));
  }
  return drive;
}

std::vector<sim::Duration> replay(const model::DriveFile& drive, const std::vector<DiskRequest>& requests,
                                  std::uint32_t outstanding) {
  return Replay{behind_host_path(drive), requests}.run(outstanding);
}

std::vector<std::size_t> far_reads(const std::vector<DiskRequest>& requests) {
  constexpr std::size_t kBefore = 20;
  constexpr std::uint64_t kFar = 20'000;
  std::vector<std::size_t> far;
  for (std::size_t i = kBefore; i < requests.size(); ++i) {
    if (requests[i].write) continue;
    const auto before = requests.begin() + static_cast<std::ptrdiff_t>(i - kBefore);
    const bool near = std::any_of(before, requests.begin() + static_cast<std::ptrdiff_t>(i), [&](const DiskRequest& r) {
      return std::max(r.sector, requests[i].sector) - std::min(r.sector, requests[i].sector) <= kFar;
    });
    if (!near) far.push_back(i);
  }
  return far;
}

std::string replay_csv(const DiskRecording& recording, const std::vector<sim::Duration>& responses) {
  const std::vector<std::size_t> far = far_reads(recording.requests);
  auto next_far = far.begin();
  std::string csv =
      fmt::format("rw,lbn,sectors,far_read,response_us{}\n", recording.measured ? ",measured_response_us" : "");
  auto out = std::back_inserter(csv);
  for (std::size_t i = 0; i < responses.size(); ++i) {
    const DiskRequest& request = recording.requests[i];
    const bool is_far = next_far != far.end() && *next_far == i;
    if (is_far) ++next_far;
    fmt::format_to(out, "{},{},{},{},{:.3f}", request.write ? 'W' : 'R', request.sector, request.sectors,
                   is_far ? 1 : 0, responses[i].to_seconds() * 1e6);
    if (recording.measured) fmt::format_to(out, ",{:.3f}", request.measured.to_seconds() * 1e6);
    csv += '\n';
  }
  return csv;
}

DiskComparison compare(const DiskRecording& recording, const std::vector<sim::Duration>& responses,
                       const std::vector<std::size_t>& which) {
  std::vector<double> modelled, measured;
  for (const std::size_t i : which) {
    modelled.push_back(milliseconds(responses[i]));
    measured.push_back(milliseconds(recording.requests[i].measured));
  }
  if (which.empty()) return {};
  const auto n = static_cast<double>(which.size());
  std::ranges::sort(modelled);
  std::ranges::sort(measured);
  DiskComparison result{.requests = which.size()};
  result.mean_ms = std::accumulate(modelled.begin(), modelled.end(), 0.0) / n;
  result.measured_ms = std::accumulate(measured.begin(), measured.end(), 0.0) / n;
  double squares = 0;
  for (std::size_t i = 0; i < modelled.size(); ++i)
    squares += (modelled[i] - measured[i]) * (modelled[i] - measured[i]);
  if (result.measured_ms > 0) result.demerit_percent = 100 * std::sqrt(squares / n) / result.measured_ms;
  return result;
}

}  // namespace runner

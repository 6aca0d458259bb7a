#include "workloads/programs/disk_workload.h"

#include <fmt/format.h>
#include <linux/blktrace_api.h>

#include <algorithm>
#include <charconv>
#include <fstream>

#include "workloads/programs/recorded_accesses.h"

namespace guest {

namespace {

constexpr std::uint64_t kSectorBytes = 512;
constexpr std::uint64_t kLongestNanoseconds = 100ull * 86'400 * 1'000'000'000;  // simulated time ends after 106 days
constexpr std::uint64_t kMostBytes = 1ull << 62;

enum class Format { iolog, blktrace, unknown };

Format format_of(const std::filesystem::path& path) {
  std::ifstream stream{path, std::ios::binary};
  char begin[4] = {};
  stream.read(begin, sizeof begin);
  if (std::string_view{begin, sizeof begin} == "fio ") return Format::iolog;
  std::uint32_t magic;
  __builtin_memcpy(&magic, begin, sizeof magic);
  return (magic & ~0xffu) == BLK_IO_TRACE_MAGIC ? Format::blktrace : Format::unknown;
}

// PREFIX.blktrace.N in the order of N, without those that are missing: a CPU that was off leaves none.
std::vector<std::filesystem::path> files_of_cpus(const std::filesystem::path& prefix) {
  const std::filesystem::path folder = prefix.has_parent_path() ? prefix.parent_path() : ".";
  const std::string begin = prefix.filename().string() + ".blktrace.";
  std::vector<std::pair<unsigned, std::filesystem::path>> found;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator{folder, error}) {
    const std::string name = entry.path().filename().string();
    if (!name.starts_with(begin)) continue;
    unsigned cpu = 0;
    const auto [end, wrong] = std::from_chars(name.data() + begin.size(), name.data() + name.size(), cpu);
    if (wrong == std::errc{} && end == name.data() + name.size()) found.emplace_back(cpu, entry.path());
  }
  std::sort(found.begin(), found.end());
  std::vector<std::filesystem::path> files;
  for (auto& [cpu, file] : found) files.push_back(std::move(file));
  return files;
}

}  // namespace

void fail(const std::string& file, std::uint64_t line, const std::string& message) {
  throw DiskWorkloadError{fmt::format("{}:{}: {}", file, line, message)};
}

sim::Duration recorded_time(const std::string& file, std::uint64_t line, std::uint64_t nanoseconds) {
  if (nanoseconds > kLongestNanoseconds) fail(file, line, "more than 100 days after the start");
  return sim::Duration::nanoseconds(static_cast<std::int64_t>(nanoseconds));
}

void RecordedAccesses::add(const std::string& file, std::uint64_t line, const std::string& device, DiskAccess access) {
  using Operation = DiskAccess::Operation;
  if (access.operation == Operation::sync) {
    access.offset = access.bytes = 0;
  } else if (access.bytes == 0) {
    fail(file, line, "an access to no bytes at all");
  } else if (access.offset % kSectorBytes != 0 || access.bytes % kSectorBytes != 0) {
    fail(file, line, fmt::format("{} bytes at {}: not whole sectors of 512", access.bytes, access.offset));
  } else if (access.offset > kMostBytes || access.bytes > kMostBytes) {
    fail(file, line, fmt::format("{} bytes at {}: no disk is that large", access.bytes, access.offset));
  }
  devices_.insert(device);
  if (device_.empty() || device == device_) accesses_.push_back(access);
}

std::vector<DiskAccess> RecordedAccesses::take() {
  if (!devices_.empty() && (device_.empty() ? devices_.size() > 1 : !devices_.contains(device_))) {
    throw DiskWorkloadError{fmt::format("{}: has accesses to {}{}", file_, fmt::join(devices_, " and "),
                                        device_.empty() ? ": which of these?" : ", none to " + device_)};
  }
  if (accesses_.empty()) throw DiskWorkloadError{file_ + ": there is no access to a disk in it"};
  std::stable_sort(accesses_.begin(), accesses_.end(),
                   [](const DiskAccess& a, const DiskAccess& b) { return a.at < b.at; });
  return std::move(accesses_);
}

std::vector<DiskAccess> load_disk_workload(const std::filesystem::path& path, const std::string& device) {
  RecordedAccesses accesses{path.string(), device};
  if (!std::filesystem::is_regular_file(path)) {
    const std::vector<std::filesystem::path> files = files_of_cpus(path);
    if (files.empty()) throw DiskWorkloadError{path.string() + ": no such file, and no .blktrace.0 of that name"};
    read_blktrace(files, accesses);
    return accesses.take();
  }
  switch (format_of(path)) {
    case Format::iolog:
      read_iolog(path, accesses);
      break;
    case Format::blktrace:
      read_blktrace({path}, accesses);
      break;
    case Format::unknown:
      throw DiskWorkloadError{path.string() + ": neither an iolog of fio nor a little-endian blktrace file"};
  }
  return accesses.take();
}

}  // namespace guest

#include "workloads/programs/dbench/dbench.h"

#include <algorithm>
#include <array>

#include "workloads/kernel/kernel.h"
#include "workloads/kernel/system_calls.h"

namespace guest {

namespace {

constexpr std::array kResults{ResultInfo{"throughput", "MB/s"}, ResultInfo{"operations", "1"},
                              ResultInfo{"otherwise", "1"}};

// Everything before the last slash; the root has none.
std::string parent_of(const std::string& path) { return path.substr(0, std::max<std::size_t>(path.rfind('/'), 1)); }

}  // namespace

std::span<const ResultInfo> dbench_results() { return kResults; }

Dbench::Dbench(const DbenchSettings& settings, std::string top)
    : profile_{settings.profile ? *settings.profile : DbenchProfile::standard()},
      load_{read_load_file(settings.load.empty() ? kPackagedLoad : settings.load,
                           settings.operations.value_or(profile_.operations))},
      top_{std::move(top)} {
  if (load_.operations.empty()) throw LoadFileError{"dbench: its load file has no operations"};
  for (const std::string& path : load_.paths) paths_.push_back(top_ + path);
}

model::Task<> Dbench::run(SystemCalls& calls) {
  u32 largest = profile_.listing_buffer;
  for (const LoadOperation& each : load_.operations) largest = std::max(largest, each.bytes);
  buffer_ = co_await calls.map({.bytes = whole_pages(largest), .protection = {.read = true, .write = true}});
  co_await calls.access({.first = buffer_, .bytes = largest, .use = model::Use::write});
  // The published value is the median of seven runs, so a run finds in memory what the one before has read.
  calls.kernel().file_system().install_bitmaps();
  co_await calls.make_directory(top_);
  started();
  const sim::Time begin = calls.machine().running().now();
  activity_.begin(calls.kernel());
  for (const LoadOperation& operation : load_.operations) {
    if (profile_.work.count() > 0) co_await calls.compute(profile_.work);
    co_await act(calls, operation);
  }
  seconds_ = (calls.machine().running().now() - begin).to_seconds();
  activity_.end(calls.kernel(), static_cast<double>(load_.operations.size()));
  finished_ = true;
  while (true) co_await calls.pause();
}

// Is there such a file? If not under this name, then perhaps in another case: its directory is gone through.
model::Task<bool> Dbench::resolve(SystemCalls& calls, const std::string& path) {
  const std::optional<FileStatus> status = co_await calls.stat(path);
  if (status) co_return true;
  co_await list(calls, parent_of(path));
  co_return false;
}

model::Task<> Dbench::list(SystemCalls& calls, const std::string& directory) {
  const Descriptor file = co_await calls.open(directory);
  if (file < 0) co_return;
  co_await calls.status(file);
  u32 listed = 1;
  while (listed > 0) listed = co_await calls.list(file, buffer_, profile_.listing_buffer);
  co_await calls.close(file);
}

model::Task<bool> Dbench::create(SystemCalls& calls, const LoadOperation& operation) {
  const std::string& name = path(operation.path);
  const bool there = co_await resolve(calls, name);
  if (operation.directory && !there && operation.make) co_await calls.make_directory(name);
  OpenFlags flags;
  flags.create = operation.make && !operation.directory;
  flags.truncate = operation.empty;
  const Descriptor file = co_await calls.open(name, flags);
  if (file < 0) co_return false;
  co_await calls.status(file);
  handles_[operation.handle] = {file, operation.path};
  co_return true;
}

model::Task<> Dbench::transfer(SystemCalls& calls, const LoadOperation& operation) {
  const auto handle = handles_.find(operation.handle);
  if (handle == handles_.end()) co_return;
  co_await calls.seek(handle->second.file, operation.offset);
  if (operation.kind == LoadOperation::Kind::read) {
    bytes_ += co_await calls.read(handle->second.file, buffer_, operation.bytes);
  } else {
    bytes_ += co_await calls.write(handle->second.file, buffer_, operation.bytes);
  }
}

model::Task<> Dbench::act(SystemCalls& calls, const LoadOperation& operation) {
  using Kind = LoadOperation::Kind;
  bool done = operation.done;
  const auto handle = handles_.find(operation.handle);
  const bool open = handle != handles_.end();
  switch (operation.kind) {
    case Kind::create:
      done = co_await create(calls, operation);
      break;
    case Kind::read:
    case Kind::write:
      co_await transfer(calls, operation);
      break;
    case Kind::close:
      if (open) {
        co_await calls.close(handle->second.file);
        handles_.erase(handle);
      }
      break;
    case Kind::query_path: {
      done = co_await resolve(calls, path(operation.path));
      if (done) co_await calls.stat(path(operation.path));
      break;
    }
    case Kind::query_file:
      if (open) co_await calls.status(handle->second.file);
      break;
    case Kind::query_system:
      co_await calls.file_system_status(top_);
      break;
    case Kind::set_file:
      if (open) co_await calls.set_times(path(handle->second.path));
      break;
    case Kind::find: {
      const std::string directory = parent_of(path(operation.path));
      const bool there = co_await resolve(calls, directory);
      if (there) co_await list(calls, directory);
      break;
    }
    case Kind::unlink: {
      const bool there = co_await resolve(calls, path(operation.path));
      done = there;
      if (there) done = co_await calls.unlink(path(operation.path));
      break;
    }
    case Kind::rename: {
      const bool there = co_await resolve(calls, path(operation.path));
      done = there;
      if (there) done = co_await calls.rename(path(operation.path), path(operation.to));
      break;
    }
    case Kind::make_directory: {
      const bool there = co_await resolve(calls, path(operation.path));
      if (!there) co_await calls.make_directory(path(operation.path));
      break;
    }
    case Kind::delete_tree:
      co_await resolve(calls, path(operation.path));
      break;  // it is not there at the beginning
    case Kind::flush:
    case Kind::lock:
      break;
  }
  if (done != operation.done) ++otherwise_;
}

std::vector<ProgramResult> Dbench::results() const {
  if (!finished_) return {};
  constexpr double kBytesPerMegabyte = 1e6;
  const std::array values{static_cast<double>(bytes_) / kBytesPerMegabyte / seconds_,
                          static_cast<double>(load_.operations.size()), static_cast<double>(otherwise_)};
  std::vector<ProgramResult> results = results_of(kResults, values);
  for (const ProgramResult& each : activity_.results()) results.push_back(each);
  return results;
}

}  // namespace guest

// lat_fs: small files created and deleted, a hundred in a directory.
#include <fmt/format.h>

#include "workloads/programs/lmbench/benchmarks.h"

namespace guest::lmbench {

namespace {

constexpr u32 kFilesPerDirectory = 100;

std::string directory_of(u32 file) { return fmt::format("{}/fs{}", kDirectory, file / kFilesPerDirectory); }
std::string name_of(u32 file) { return fmt::format("{}/{}", directory_of(file), file % kFilesPerDirectory); }

model::Task<u32> prepare(SystemCalls& calls, u32 files, u32 bytes) {
  for (u32 file = 0; file < files; file += kFilesPerDirectory) co_await calls.make_directory(directory_of(file));
  if (bytes == 0) co_return 0;
  const u32 contents = co_await calls.grow_heap(bytes);
  co_await calls.access({.first = contents, .bytes = bytes, .use = model::Use::write});
  co_return contents;
}

model::Task<> create(SystemCalls& calls, u32 file, u32 contents, u32 bytes) {
  const Descriptor descriptor = co_await calls.create(name_of(file));
  if (bytes > 0) co_await calls.write(descriptor, contents, bytes);
  co_await calls.close(descriptor);
}

model::Task<> time_creating(SystemCalls& calls, Timer& timer, u32 bytes) {
  const u32 contents = co_await prepare(calls, timer.iterations(), bytes);
  u32 created = 0;
  while (co_await timer.again(calls)) co_await create(calls, created++, contents, bytes);
  for (u32 file = 0; file < created; ++file) co_await calls.unlink(name_of(file));
}

model::Task<> time_deleting(SystemCalls& calls, Timer& timer, u32 bytes) {
  const u32 contents = co_await prepare(calls, timer.iterations(), bytes);
  for (u32 file = 0; file < timer.iterations(); ++file) co_await create(calls, file, contents, bytes);
  u32 deleted = 0;
  while (co_await timer.again(calls)) co_await calls.unlink(name_of(deleted++));
}

}  // namespace

Loop create_files(u32 bytes) {
  return [bytes](SystemCalls& calls, Timer& timer, const BenchProcess&) { return time_creating(calls, timer, bytes); };
}

Loop delete_files(u32 bytes) {
  return [bytes](SystemCalls& calls, Timer& timer, const BenchProcess&) { return time_deleting(calls, timer, bytes); };
}

}  // namespace guest::lmbench

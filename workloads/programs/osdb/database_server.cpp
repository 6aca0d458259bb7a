#include "workloads/programs/osdb/database_server.h"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "workloads/kernel/shared_memory.h"
#include "workloads/kernel/system_calls.h"

namespace guest {

namespace {

// Where things are in the server's address space.
constexpr u32 kText = 0x08048000, kShared = 0x50000000, kPrivate = 0x10000000, kFresh = 0x20000000;
constexpr u32 kBufferAddress = kPrivate;  // a buffer on the heap, which is in use anyway
constexpr Protection kReadWrite{.read = true, .write = true, .execute = false};
constexpr Protection kExecute{.read = true, .write = false, .execute = true};
constexpr sim::Cycles kPageWork{200};  // in user mode, at the first touch of a page
constexpr u32 kBlockPages = DatabaseServer::kBlock / hv::kPageSize;
constexpr u32 kCommitsPerBlock = 12;  // records of one update in a block of the log: about 600 bytes

}  // namespace

DatabaseServer::DatabaseServer(const OsdbProfile& profile, OsdbSettings::Query query, std::string top,
                               sim::RandomStream random)
    : profile_{profile},
      query_{profile.query(query)},
      top_{std::move(top)},
      random_{random},
      buffers_{profile.spin, profile.spins},
      log_lock_{profile.spin, profile.spins} {
  footprint_.first_page = kPrivate;
  footprint_.pages = footprint_.writable_pages = profile_.hot_pages;
  footprint_.cache_lines = profile_.cache_lines;
}

u64 DatabaseServer::resident_pages() const {
  const u64 blocks = u64{profile_.heap_blocks} + 5 * profile_.index_blocks + profile_.log_blocks;
  const u64 process = u64{profile_.server_pages} + query_.fresh_pages + 64;
  return blocks * kBlockPages + profile_.shared_pages + profile_.server_text_pages + 2 * profile_.users * process;
}

void DatabaseServer::install_files(Kernel& kernel) {
  FileSystem& files = kernel.file_system();
  files.install(top_ + "/base/updates", profile_.heap_blocks * kBlock);
  files.install(top_ + "/base/updates_indexes", 5 * profile_.index_blocks * kBlock);
  files.install(top_ + "/pg_xlog/0000000000000000", profile_.log_blocks * kBlock);
  if (query_.syncs > 0) install_changes(files);
  files.install(top_ + "/bin/postgres", (profile_.server_text_pages + query_.text_pages) * hv::kPageSize);
  files.install_device(top_ + "/shared_memory",
                       std::make_shared<SharedMemory>(kernel, profile_.shared_pages * hv::kPageSize));
}

// What has updated them for minutes: each block was changed within the time for which the kernel keeps it to itself,
// and these times are spread evenly.
void DatabaseServer::install_changes(FileSystem& files) {
  constexpr u64 kTicks = 30 * kTicksPerSecond;
  std::vector<std::pair<std::string, u32>> blocks;
  for (u32 i = 0; i < profile_.heap_blocks; ++i) blocks.emplace_back(top_ + "/base/updates", i);
  for (u32 i = 0; i < 5 * profile_.index_blocks; ++i) blocks.emplace_back(top_ + "/base/updates_indexes", i);
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    std::swap(blocks[i], blocks[i + random_.below(blocks.size() - i)]);
    for (u32 page = 0; page < kBlockPages; ++page)
      files.install_change(blocks[i].first, blocks[i].second * kBlockPages + page, kTicks * i / blocks.size());
  }
}

// --- the postmaster --------------------------------------------------------------------------------------------------

model::Task<> DatabaseServer::postmaster_memory(SystemCalls& calls) {
  const auto use = [&calls](u32 start, u32 pages, model::Use how) -> model::Task<> {
    for (u32 i = 0; i < pages; ++i) {
      co_await calls.access({.first = start + i * hv::kPageSize, .bytes = 64, .use = how}, kPageWork);
    }
  };
  // A stack, which exec would have made, for the frames of signals.
  constexpr u32 kStackBytes = 4 * hv::kPageSize;
  co_await calls.map({.bytes = kStackBytes, .protection = kReadWrite, .address = kUserStackTop - kStackBytes});
  const Descriptor text = co_await calls.open(top_ + "/bin/postgres");
  const u32 text_pages = profile_.server_text_pages + query_.text_pages;
  co_await calls.map({.bytes = text_pages * hv::kPageSize, .protection = kExecute, .address = kText, .file = text});
  co_await calls.close(text);
  co_await use(kText, profile_.server_text_pages, model::Use::execute);
  const Descriptor shared = co_await calls.open(top_ + "/shared_memory");
  const u32 shared_bytes = profile_.shared_pages * hv::kPageSize;
  co_await calls.map(
      {.bytes = shared_bytes, .protection = kReadWrite, .address = kShared, .file = shared, .shared = true});
  co_await calls.close(shared);
  co_await use(kShared, profile_.shared_pages, model::Use::write);
  const u32 private_bytes = profile_.server_pages * hv::kPageSize;
  co_await calls.map({.bytes = private_bytes, .protection = kReadWrite, .address = kPrivate});
  co_await use(kPrivate, profile_.server_pages, model::Use::write);
}

model::Task<> DatabaseServer::run(SystemCalls& calls, Descriptor listener) {
  co_await postmaster_memory(calls);
  co_await calls.signal_action(Signal::child, [](SystemCalls& in) -> model::Task<> {
    std::optional<ProcessId> child;
    do {
      child = co_await in.take_dead_child();
    } while (child);
  });
  const std::array sockets{listener};
  while (true) {
    const u32 ready = co_await calls.select(sockets, false, std::nullopt);
    if (ready == 0) continue;  // a server process is gone
    const Descriptor connection = co_await calls.accept(listener);
    if (connection < 0) continue;
    const auto server = [this, listener, connection](SystemCalls& in) { return serve(in, listener, connection); };
    co_await calls.fork(server);
    co_await calls.close(connection);
  }
}

// --- a server process ------------------------------------------------------------------------------------------------

model::Task<> DatabaseServer::begin(SystemCalls& calls, Backend& backend) {
  for (u32 i = 0; i < query_.copied_pages; ++i) {
    co_await calls.access({.first = kPrivate + i * hv::kPageSize, .bytes = 64, .use = model::Use::write}, kPageWork);
  }
  for (u32 i = 0; i < query_.text_pages; ++i) {
    const u32 page = kText + (profile_.server_text_pages + i) * hv::kPageSize;
    co_await calls.access({.first = page, .bytes = 64, .use = model::Use::execute}, kPageWork);
  }
  if (query_.fresh_pages > 0) {
    co_await calls.map({.bytes = query_.fresh_pages * hv::kPageSize, .protection = kReadWrite, .address = kFresh});
  }
  for (u32 i = 0; i < query_.fresh_pages; ++i) {
    co_await calls.access({.first = kFresh + i * hv::kPageSize, .bytes = 64, .use = model::Use::write}, kPageWork);
  }
  backend.buffer = kBufferAddress;
  backend.heap = co_await calls.open(top_ + "/base/updates");
  backend.index = co_await calls.open(top_ + "/base/updates_indexes");
  if (query_.syncs > 0) backend.log = co_await calls.open(top_ + "/pg_xlog/0000000000000000");
  if (query_.syncs > 0) backend.semaphore = co_await calls.semaphore(0);
  if (backend.heap < 0 || backend.index < 0) calls.kernel().panic("no database in " + top_);
}

model::Task<> DatabaseServer::serve(SystemCalls& calls, Descriptor listener, Descriptor connection) {
  Backend backend;
  backend.connection = connection;
  co_await calls.close(listener);
  co_await begin(calls, backend);
  // Who is it? And the answer that he is welcome.
  co_await calls.read(connection, backend.buffer, kBlock);
  co_await calls.write(connection, backend.buffer, query_.reply_bytes / query_.round_trips);
  u32 trip = 0;
  while (true) {
    const u32 got = co_await calls.read(connection, backend.buffer, kBlock);
    if (got == 0) break;
    co_await answer(calls, backend, trip);
    co_await calls.write(connection, backend.buffer, query_.reply_bytes / query_.round_trips);
    trip = (trip + 1) % query_.round_trips;
    if (trip == 0) ++backend.tuples;
  }
}

u32 DatabaseServer::times(u32 per_1000, u64 tuple) const {
  return static_cast<u32>((tuple + 1) * per_1000 / 1000 - tuple * per_1000 / 1000);
}

// Less what it does while it holds a lock for a block, of which there is as much as of blocks.
sim::Cycles DatabaseServer::work_of_server() const {
  const s64 all = query_.work.count() * (1000 - profile_.client_share) / 1000;
  const s64 locked = profile_.buffer_lock.count() * (query_.reads + query_.writes) / 1000;
  return sim::Cycles{std::max<s64>(all - locked, 0)};
}

// The files are used in the middle one of the round trips, in the last one is the commit.
model::Task<> DatabaseServer::answer(SystemCalls& calls, Backend& backend, u32 trip) {
  const u32 trips = query_.round_trips;
  co_await calls.compute(sim::Cycles{work_of_server().count() / trips}, &footprint_);
  const u32 controls = times(query_.controls, backend.tuples);
  for (u32 i = controls * trip / trips; i < controls * (trip + 1) / trips; ++i)
    co_await calls.control(backend.connection);
  if (trip == trips / 2) co_await use_files(calls, backend);
  if (trip + 1 == trips && times(query_.syncs, backend.tuples) > 0) co_await commit(calls, backend);
}

model::Task<> DatabaseServer::use_files(SystemCalls& calls, Backend& backend) {
  const u64 tuple = backend.tuples;
  for (u32 i = times(query_.opens, tuple); i > 0; --i) {
    const Descriptor file = co_await calls.open(top_ + "/base/updates");
    co_await calls.close(file);
  }
  for (u32 i = times(query_.signals, tuple); i > 0; --i) co_await calls.signal_action(Signal::user1, nullptr);
  for (u32 i = times(query_.stats, tuple); i > 0; --i) co_await calls.stat(top_ + "/base/updates");
  for (u32 i = times(query_.faults, tuple); i > 0; --i) {
    const u32 page = co_await calls.grow_heap(hv::kPageSize);
    co_await calls.access({.first = page, .bytes = 64, .use = model::Use::write}, kPageWork);
  }
  u32 seeks = times(query_.seeks, tuple);
  const u32 reads = times(query_.reads, tuple), writes = times(query_.writes, tuple);
  for (u32 i = 0; i < reads; ++i) {
    const bool seek = seeks > 0 && (i == 0 || seeks >= reads);
    if (seek) --seeks;
    co_await use_block(calls, backend, false, seek);
  }
  if (writes > 0) {
    const bool extends = query_.syncs > 0;
    if (extends) co_await extension_.lock(calls, backend.semaphore);
    for (u32 i = 0; i < writes; ++i) {
      if (seeks > 0) --seeks;
      co_await use_block(calls, backend, true, true);
    }
    if (extends) co_await extension_.unlock(calls);
  }
  for (; seeks > 0; --seeks) co_await calls.seek(backend.heap, profile_.heap_blocks * kBlock);  // how long is it?
}

// Half of the blocks are the table's, the others its indexes'; a scan goes on where it was.
model::Task<> DatabaseServer::use_block(SystemCalls& calls, Backend& backend, bool write, bool seek) {
  co_await buffers_.lock(calls);
  co_await calls.compute(profile_.buffer_lock, &footprint_);
  buffers_.unlock();
  const bool scan = query_.reads / 1000 > 100;
  const bool index = !scan && random_.chance(1, 2);
  const Descriptor file = index ? backend.index : backend.heap;
  if (seek) {
    const u32 blocks = index ? 5 * profile_.index_blocks : profile_.heap_blocks - (scan ? query_.reads / 1000 : 0);
    co_await calls.seek(file, static_cast<u32>(random_.below(std::max(blocks, 1u))) * kBlock);
  }
  if (write) {
    co_await calls.write(file, backend.buffer, kBlock);
  } else {
    co_await calls.read(file, backend.buffer, kBlock);
  }
}

// [XLogFlush] The log up to here is on the disk, written by whoever comes first for all who have added to it.
model::Task<> DatabaseServer::commit(SystemCalls& calls, Backend& backend) {
  const u64 mine = ++log_end_;
  ++commits_;
  u32 looks = 0;
  while (log_synced_ < mine) {
    if (!log_lock_.try_lock()) {
      co_await log_lock_.back_off(calls, looks);
      continue;
    }
    if (log_synced_ < mine) {
      const u64 end = log_end_;
      const auto block = static_cast<u32>(end / kCommitsPerBlock % profile_.log_blocks);
      co_await calls.seek(backend.log, block * kBlock);
      co_await calls.write(backend.log, backend.buffer, kBlock);
      const bool synced = co_await calls.sync(backend.log);
      if (!synced) calls.kernel().panic("the log of " + top_ + " cannot be written");
      ++log_writes_;
      log_synced_ = end;
    }
    log_lock_.unlock();
  }
}

}  // namespace guest

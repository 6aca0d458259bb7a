// Files on a disk: what is read, what is written when, how long a program waits, and what is left after a power cut.
#include <doctest/doctest.h>

#include <algorithm>
#include <set>
#include <type_traits>

#include "support/disk_world.h"
#include "workloads/kernel/regular_file.h"

namespace {

using guest::Descriptor;
using guest::SystemCalls;
using guest::u32;
using guest::u64;
using model::Task;

constexpr u32 kPage = 4096;

guest::BlockCache::Counts counts_of(guest::Kernel& kernel) { return kernel.file_system().cache()->counts(); }

sim::Time now(SystemCalls& calls) { return calls.machine().running().now(); }

void install_on_disk(SystemCalls& calls, const char* path, u32 bytes) {
  calls.kernel().file_system().install(path, bytes, nullptr, guest::FileSystem::Residence::disk);
}

}  // namespace

TEST_CASE(
    "a file that nobody has looked at costs its directory, its inode, what lists its blocks, and its blocks once") {
  test::DiskKernel host{{[](SystemCalls& calls) -> Task<> {
    const u32 buffer = co_await test::buffer(calls, 64 * kPage);
    install_on_disk(calls, "/file", 64 * kPage);
    const u64 before = counts_of(calls.kernel()).reads;
    const Descriptor file = co_await calls.open("/file");
    CHECK(counts_of(calls.kernel()).reads - before == 0);  // the root and its inode's neighbours are in memory
    CHECK(co_await calls.read(file, buffer, 64 * kPage) == 64 * kPage);
    CHECK(counts_of(calls.kernel()).reads - before == 64 + 1);
    co_await calls.seek(file, 0);
    CHECK(co_await calls.read(file, buffer, 64 * kPage) == 64 * kPage);
    CHECK(counts_of(calls.kernel()).reads - before == 64 + 1);
  }}};
  host.run();
}

TEST_CASE("reading a file from end to end runs at 70 % or more of what the medium gives") {
  double rate = 0;
  test::DiskKernel host{{[&](SystemCalls& calls) -> Task<> {
    constexpr u32 kBytes = 16 << 20;
    const u32 buffer = co_await test::buffer(calls, 16 * kPage);
    install_on_disk(calls, "/file", kBytes);
    const Descriptor file = co_await calls.open("/file");
    const sim::Time begin = now(calls);
    for (u32 done = 0; done < kBytes; done += 16 * kPage) {
      CHECK(co_await calls.read(file, buffer, 16 * kPage) == 16 * kPage);
    }
    rate = kBytes / (now(calls) - begin).to_seconds();
  }}};
  host.run();
  CHECK(rate > 0.7 * 66.6e6);
  CHECK(rate < 1.05 * 66.6e6);
}

TEST_CASE("an fsync alone, without a write cache, takes two to three revolutions of 6 ms") {
  std::vector<double> milliseconds;
  test::DiskKernel host{{[&](SystemCalls& calls) -> Task<> {
    const u32 buffer = co_await test::buffer(calls, 2 * kPage);
    const Descriptor file = co_await calls.create("/file");
    for (u32 i = 0; i < 20; ++i) {
      CHECK(co_await calls.write_at(file, 0, buffer, 2 * kPage) == 2 * kPage);
      const sim::Time begin = now(calls);
      CHECK(co_await calls.sync(file));
      milliseconds.push_back((now(calls) - begin).to_seconds() * 1e3);
      co_await calls.sleep(7);  // to wherever the disk has turned then
    }
  }}};
  host.run();
  milliseconds.erase(milliseconds.begin());  // it also writes the journal's super block
  double sum = 0;
  for (const double time : milliseconds) sum += time;
  const double mean = sum / static_cast<double>(milliseconds.size());
  CHECK(mean > 8);
  CHECK(mean < 18);
}

TEST_CASE("what is written stays in memory for half a minute, then the daemon writes it") {
  test::DiskKernel host{{[](SystemCalls& calls) -> Task<> {
    const u32 buffer = co_await test::buffer(calls, kPage);
    install_on_disk(calls, "/file", 8 * kPage);
    const Descriptor file = co_await calls.open("/file");
    guest::BlockCache& cache = *calls.kernel().file_system().cache();
    co_await calls.sync_all();
    CHECK(cache.dirty_blocks() == 0);
    CHECK(co_await calls.write(file, buffer, kPage) == kPage);
    CHECK(cache.dirty_blocks() == 1);
    co_await calls.sleep(8 * guest::kTicksPerSecond);
    // The commit has written the data; its blocks of metadata are dirty since then.
    CHECK(calls.kernel().file_system().journal().counts().data == 1);
    const u32 metadata = cache.dirty_blocks();
    CHECK(metadata >= 1);
    co_await calls.sleep(20 * guest::kTicksPerSecond);
    CHECK(cache.dirty_blocks() == metadata);
    co_await calls.sleep(15 * guest::kTicksPerSecond);
    CHECK(cache.dirty_blocks() == 0);
  }}};
  host.run();
}

TEST_CASE("data=ordered: an fsync writes what all files have dirty; data=writeback: what its own file has") {
  using Data = guest::DiskSpec::Data;
  const auto dirty_after = [](Data data) {
    std::size_t dirty = 0;
    test::DiskOfKernel disk;
    disk.data = data;
    test::DiskKernel host{{[&](SystemCalls& calls) -> Task<> {
                            const u32 buffer = co_await test::buffer(calls, kPage);
                            install_on_disk(calls, "/other", 10 * kPage);
                            const Descriptor other = co_await calls.open("/other");
                            for (u32 i = 0; i < 10; ++i) co_await calls.write_at(other, i * kPage, buffer, kPage);
                            const Descriptor file = co_await calls.create("/file");
                            co_await calls.write(file, buffer, kPage);
                            const auto dirty_of = [&](const char* path) {
                              guest::Inode* inode = calls.kernel().file_system().installed(path);
                              return dynamic_cast<guest::RegularFile&>(*inode).dirty_pages().size();
                            };
                            CHECK(dirty_of("/other") == 10);
                            CHECK(co_await calls.sync(file));
                            CHECK(dirty_of("/file") == 0);
                            dirty = dirty_of("/other");
                          }},
                          disk};
    host.run();
    return dirty;
  };
  CHECK(dirty_after(Data::ordered) == 0);
  CHECK(dirty_after(Data::writeback) == 10);
}

TEST_CASE("a page that was installed as changed is written by the daemon when it is old enough, not before") {
  u64 after_4_s = 0, after_11_s = 0;
  test::DiskKernel host{{[&](SystemCalls& calls) -> Task<> {
    guest::FileSystem& files = calls.kernel().file_system();
    files.install("/file", 8 * kPage);
    for (u32 page = 0; page < 8; ++page) files.install_change("/file", page, page < 5 ? 600 : 6000);
    const u64 before = counts_of(calls.kernel()).writes;
    co_await calls.sleep(400);
    after_4_s = counts_of(calls.kernel()).writes - before;
    co_await calls.sleep(700);
    after_11_s = counts_of(calls.kernel()).writes - before;
  }}};
  host.run();
  CHECK(after_4_s == 0);
  CHECK(after_11_s == 5);
}

TEST_CASE("a file larger than memory is written and read: 30 % of it dirty start the daemon, clean pages are reused") {
  guest::BlockCache::Counts counts;
  test::DiskKernel host{{[&](SystemCalls& calls) -> Task<> {
    constexpr u32 kBytes = 96 << 20, kFreePages = 16'384;
    const u32 buffer = co_await test::buffer(calls, 64 * kPage);
    guest::PageAllocator& pages = calls.kernel().pages();
    test::forget_history(calls);
    while (pages.free_frames() > kFreePages) pages.take(guest::PageUse::user);
    const Descriptor file = co_await calls.create("/file");
    for (u32 done = 0; done < kBytes; done += 64 * kPage) {
      CHECK(co_await calls.write(file, buffer, 64 * kPage) == 64 * kPage);
    }
    co_await calls.seek(file, 0);
    for (u32 done = 0; done < kBytes; done += 64 * kPage) {
      CHECK(co_await calls.read(file, buffer, 64 * kPage) == 64 * kPage);
    }
    counts = counts_of(calls.kernel());
  }}};
  host.run();
  CHECK(counts.flushed_by_daemon > 5'000);
  CHECK(counts.reclaimed > 8'000);
  CHECK(counts.reads > 8'000);
}

TEST_CASE("a bad sector is an error of the read that needs it, and of no other") {
  u64 bad = 0;
  {
    test::DiskKernel host{{[&](SystemCalls& calls) -> Task<> {
      install_on_disk(calls, "/file", 100 * kPage);
      const std::shared_ptr<guest::RegularFile> file = co_await test::file_of(calls, "/file");
      bad = u64{*file->data().at(50)} * 8 + 3;
    }}};
    host.run();
  }
  test::DiskKernel host{{[](SystemCalls& calls) -> Task<> {
                          const u32 buffer = co_await test::buffer(calls, kPage);
                          install_on_disk(calls, "/file", 100 * kPage);
                          const Descriptor file = co_await calls.open("/file");
                          CHECK(!co_await calls.read_at(file, 50 * kPage, buffer, kPage));
                          CHECK(calls.error() == guest::Error::io);
                          CHECK(co_await calls.read_at(file, 49 * kPage, buffer, kPage) == kPage);
                          CHECK(co_await calls.read_at(file, 51 * kPage, buffer, kPage) == kPage);
                        }},
                        {.bad_sectors = {bad}}};
  host.run();
}

TEST_CASE("the journal is used again and again: a thousand commits fit where the blocks of ten are") {
  guest::Journal::Counts counts;
  test::DiskKernel host{{[&](SystemCalls& calls) -> Task<> {
                          const u32 buffer = co_await test::buffer(calls, kPage);
                          for (u32 i = 0; i < 600; ++i) {
                            const Descriptor file = co_await calls.create("/" + std::to_string(i % 200));
                            CHECK(co_await calls.write(file, buffer, kPage) == kPage);
                            CHECK(co_await calls.sync(file));
                            co_await calls.close(file);
                          }
                          counts = calls.kernel().file_system().journal().counts();
                        }},
                        {.disk_bytes = 100u << 20}};  // a journal of 4 MB
  host.run();
  CHECK(counts.commits >= 600);
  CHECK(counts.blocks > 2'000);
  CHECK(counts.checkpoints > 0);
}

// --- the order of a commit -------------------------------------------------------------------------------------------

namespace {

// Writes a block and calls fsync, so often; answers how long the calls took.
Task<> write_and_sync(SystemCalls& calls, u32 times, std::vector<sim::Duration>& took) {
  const u32 buffer = co_await test::buffer(calls, kPage);
  const Descriptor file = co_await calls.create("/file");
  for (u32 i = 0; i < times; ++i) {
    CHECK(co_await calls.write(file, buffer, kPage) == kPage);
    const sim::Time begin = now(calls);
    CHECK(co_await calls.sync(file));
    took.push_back(now(calls) - begin);
    co_await calls.sleep(7);
  }
}

struct CommitOrder {
  u32 commits = 0;
  u32 waited_for = 0;    // commit blocks that were submitted when all before them had been completed
  u32 out_of_order = 0;  // that were on the medium before something of their transaction
  double mean_ms = 0;
};

template <class Host>
CommitOrder commit_order(bool write_cache) {
  model::DriveFile drive = test::ultrastar();
  drive.set("buffer.write_cache", write_cache);
  CommitOrder order;
  test::DiskRecord record;
  std::vector<sim::Duration> took;
  Host host{{[&](SystemCalls& calls) -> Task<> {
              record.watch(calls.kernel().disks().front().queue);
              co_await write_and_sync(calls, 40, took);
            }},
            {.drive = &drive},
            record};
  host.run();
  for (const sim::Duration time : took) order.mean_ms += time.to_seconds() * 1e3 / static_cast<double>(took.size());

  const std::vector<test::SubmittedWrite>& writes = record.submitted();
  std::vector<sim::Time> on_medium(writes.size());
  for (const test::MediumWrite& write : record.on_medium()) on_medium[write.write] = write.at;
  for (std::size_t i = 0; i < writes.size(); ++i) {
    const auto is = [&](u32 type) {
      return __builtin_bswap32(writes[i].words[0]) == 0xc03b3998 && __builtin_bswap32(writes[i].words[1]) == type;
    };
    if (!is(2)) continue;
    ++order.commits;
    CHECK(writes[i].barrier == std::is_same_v<Host, test::XenDiskKernel>);
    bool waited = true, ordered = true;
    for (std::size_t before = 0; before < i; ++before) {
      waited = waited && writes[before].completed <= writes[i].submitted;
      ordered = ordered && on_medium[before] < on_medium[i];
    }
    if (waited) ++order.waited_for;
    if (!ordered) ++order.out_of_order;
  }
  return order;
}

}  // namespace

TEST_CASE("a commit waits before its commit block, and in a domain it does not, and the block is the last there too") {
  const CommitOrder native = commit_order<test::DiskKernel>(false);
  CHECK(native.commits == 40);
  CHECK(native.waited_for == 40);
  CHECK(native.out_of_order == 0);
  for (const bool cache : {false, true}) {
    CAPTURE(cache);
    const CommitOrder xen = commit_order<test::XenDiskKernel>(cache);
    CHECK(xen.commits == 40);
    CHECK(xen.waited_for == 0);
    CHECK(xen.out_of_order == 0);
    // The disk turns as often: the hypervisor waits where the kernel does not.
    CHECK(xen.mean_ms < native.mean_ms * 1.1);
    CHECK(xen.mean_ms > native.mean_ms * 0.5);
  }
}

TEST_CASE_TEMPLATE("a write to a file that was opened O_SYNC is on the medium when it returns", Host, test::DiskKernel,
                   test::XenDiskKernel) {
  test::DiskRecord record;
  std::vector<std::pair<sim::Time, u64>> promises;
  Host host{{[&](SystemCalls& calls) -> Task<> {
              record.watch(calls.kernel().disks().front().queue);
              const u32 buffer = co_await test::buffer(calls, 3 * kPage);
              const Descriptor file = co_await calls.open("/file", {.create = true, .synchronous = true});
              const std::shared_ptr<guest::RegularFile> inode = co_await test::file_of(calls, "/file");
              for (u32 i = 0; i < 10; ++i) {
                CHECK(co_await calls.write(file, buffer, 3 * kPage) == 3 * kPage);
                for (u32 page = 3 * i; page < 3 * i + 3; ++page)
                  promises.emplace_back(now(calls), *inode->data().at(page));
              }
            }},
            {},
            record};
  host.run();
  CHECK(promises.size() == 30);
  for (const auto& [made, block] : promises) {
    bool there = false;
    for (const test::MediumWrite& write : record.on_medium()) {
      there = there || (write.at <= made && record.submitted()[write.write].sector == block * test::kBlockSectors);
    }
    CHECK(there);
  }
}

TEST_CASE("files in a domain are read, changed, deleted and committed by as many blocks as on bare hardware") {
  struct Seen {
    guest::BlockCache::Counts cache;
    guest::Journal::Counts journal;
    std::size_t blocks_written = 0, on_medium = 0;
    u64 barriers = 0;
  };
  const auto run = []<class Host>(std::type_identity<Host>) {
    Seen seen;
    test::DiskRecord record;
    Host host{{[&](SystemCalls& calls) -> Task<> {
                record.watch(calls.kernel().disks().front().queue);
                const u32 buffer = co_await test::buffer(calls, 16 * kPage);
                install_on_disk(calls, "/old", 200 * kPage);
                const Descriptor old = co_await calls.open("/old");
                for (u32 done = 0; done < 200 * kPage; done += 16 * kPage) {
                  CHECK(co_await calls.read(old, buffer, 16 * kPage) == std::min(16u, 200 - done / kPage) * kPage);
                }
                CHECK(co_await calls.make_directory("/new"));
                for (u32 i = 0; i < 8; ++i) {
                  const Descriptor file = co_await calls.create("/new/" + std::to_string(i));
                  for (u32 n = 0; n <= i; ++n) CHECK(co_await calls.write(file, buffer, 16 * kPage) == 16 * kPage);
                  CHECK(co_await calls.sync(file));
                  co_await calls.close(file);
                  if (i % 2 == 1) CHECK(co_await calls.unlink("/new/" + std::to_string(i)));
                }
                co_await calls.sync_all();
                seen.cache = counts_of(calls.kernel());
                seen.journal = calls.kernel().file_system().journal().counts();
              }},
              {},
              record};
    host.run();
    if constexpr (std::is_same_v<Host, test::XenDiskKernel>) CHECK(host.audit().value_or("") == "");
    seen.blocks_written = record.submitted().size();
    seen.on_medium = record.on_medium().size();
    for (const test::SubmittedWrite& write : record.submitted()) seen.barriers += write.barrier ? 1 : 0;
    return seen;
  };
  const Seen native = run(std::type_identity<test::DiskKernel>{});
  const Seen xen = run(std::type_identity<test::XenDiskKernel>{});
  CHECK(native.cache.reads == 201 + 3);  // the old file and what lists it; bitmaps and inodes of the new group
  CHECK(xen.cache.reads == native.cache.reads);
  CHECK(xen.cache.writes == native.cache.writes);
  CHECK(xen.cache.failed == 0);
  CHECK(native.journal.commits >= 9);
  CHECK(xen.journal.commits == native.journal.commits);
  CHECK(xen.journal.blocks == native.journal.blocks);
  CHECK(xen.blocks_written == native.blocks_written);
  CHECK(xen.on_medium == xen.blocks_written);
  CHECK(native.barriers == 0);
  CHECK(xen.barriers == xen.journal.commits + 1);  // and the super block, before the first
}

TEST_CASE("whoever makes dirty blocks faster than the disk takes them has to write them itself, from 60 % on") {
  u32 most_dirty = 0;
  guest::BlockCache::Counts counts;
  constexpr u32 kPages = 3072, kFreePages = 4096;
  test::DiskKernel host{{[&](SystemCalls& calls) -> Task<> {
    const u32 buffer = co_await test::buffer(calls, kPage);
    install_on_disk(calls, "/file", kPages * kPage);
    guest::PageAllocator& pages = calls.kernel().pages();
    test::forget_history(calls);
    while (pages.free_frames() > kFreePages) pages.take(guest::PageUse::user);
    const Descriptor file = co_await calls.open("/file");
    for (u32 i = 0; i < kPages; ++i) {
      const u64 page = u64{i} * 1237 % kPages;  // all over the file, which a disk is slow with
      CHECK(co_await calls.write_at(file, page * kPage, buffer, kPage) == kPage);
      most_dirty = std::max(most_dirty, calls.kernel().file_system().cache()->dirty_blocks());
    }
    counts = counts_of(calls.kernel());
  }}};
  host.run();
  // 75 % of the memory are written to; what the disk has at the time is not dirty.
  CHECK(most_dirty > kFreePages * 55 / 100);
  CHECK(most_dirty <= kFreePages * 61 / 100);
  CHECK(counts.flushed_by_writers > 200);
  CHECK(counts.reclaimed < 32);  // what the journal and the directory have left
}

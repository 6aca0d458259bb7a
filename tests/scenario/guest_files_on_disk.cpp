// Files on a disk: what is read, what is written when, how long a program waits, and what is left after a power cut.
#include <doctest/doctest.h>

#include <set>

#include "support/disk_world.h"

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

TEST_CASE("a file larger than memory is written and read: 30 % of it dirty start the daemon, clean pages are reused") {
  guest::BlockCache::Counts counts;
  test::DiskKernel host{{[&](SystemCalls& calls) -> Task<> {
    constexpr u32 kBytes = 96 << 20, kFreePages = 16'384;
    const u32 buffer = co_await test::buffer(calls, 64 * kPage);
    guest::PageAllocator& pages = calls.kernel().pages();
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

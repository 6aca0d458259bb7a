#include <doctest/doctest.h>

#include <array>

#include "support/native_kernel.h"

namespace {

using guest::Descriptor;
using guest::SystemCalls;
using guest::u32;
using model::Task;

constexpr u32 kPage = 4096;
constexpr std::array<std::size_t, 5> kCounts = {100, 50, 100, 50, 25};

Task<> create_file(SystemCalls& calls, std::string path, u32 buffer, u32 bytes) {
  const Descriptor file = co_await calls.create(std::move(path));
  REQUIRE(file >= 0);
  CHECK(co_await calls.write(file, buffer, bytes) == bytes);
  co_await calls.close(file);
}

}  // namespace

TEST_CASE("what was written to a file is read back, in pieces of any size, up to its end") {
  test::NativeKernel host{{[](SystemCalls& calls) -> Task<> {
    const u32 buffer = co_await test::buffer(calls, 8 * kPage);
    co_await create_file(calls, "/file", buffer, 10'000);
    const Descriptor file = co_await calls.open("/file");
    CHECK(co_await calls.read(file, buffer, 1) == 1);
    CHECK(co_await calls.read(file, buffer, 8'000) == 8'000);
    CHECK(co_await calls.read(file, buffer, 8'000) == 1'999);
    CHECK(co_await calls.read(file, buffer, 8'000) == 0);
    CHECK(co_await calls.write(file, buffer, 5) == 5);  // where it stands: at the end
    CHECK((co_await calls.status(file))->bytes == 10'005);
    CHECK((co_await calls.stat("/file"))->bytes == 10'005);
    CHECK((co_await calls.stat("/file"))->blocks == 3);
    co_await calls.close(file);
  }}};
  host.run();
}

TEST_CASE("a name that is not there, a directory that is not there, and descriptors that are not open are results") {
  test::NativeKernel host{{[](SystemCalls& calls) -> Task<> {
    CHECK(co_await calls.open("/nothing") == -1);
    CHECK(co_await calls.create("/no/where") == -1);
    CHECK(!co_await calls.stat("/nothing"));
    CHECK(!co_await calls.unlink("/nothing"));
    CHECK(co_await calls.make_directory("/a"));
    CHECK(!co_await calls.make_directory("/a"));
    CHECK(!co_await calls.unlink("/a"));
    CHECK(!co_await calls.make_directory("/x/y"));
    CHECK(co_await calls.read(3, 0, 1) == 0);
    CHECK(co_await calls.write(-1, 0, 1) == 0);
    CHECK(!co_await calls.status(17));
    CHECK(co_await calls.duplicate(17) == -1);
    co_await calls.close(17);
    CHECK(co_await calls.create("/a/b") == 0);
    CHECK(!co_await calls.stat("/a/b/c"));
  }}};
  host.run();
}

TEST_CASE("descriptors are the lowest free numbers, and duplicates share the position") {
  test::NativeKernel host{{[](SystemCalls& calls) -> Task<> {
    const u32 buffer = co_await test::buffer(calls, kPage);
    CHECK(co_await calls.open("/dev/zero") == 0);
    CHECK(co_await calls.open("/dev/null") == 1);
    CHECK(co_await calls.create("/file") == 2);
    co_await calls.close(1);
    CHECK(co_await calls.duplicate(2) == 1);
    CHECK(co_await calls.write(1, buffer, 100) == 100);
    CHECK(co_await calls.write(2, buffer, 100) == 100);
    CHECK((co_await calls.stat("/file"))->bytes == 200);
    co_await calls.close(2);
    CHECK(co_await calls.write(1, buffer, 1) == 1);  // the other one is still open
    CHECK(co_await calls.write(2, buffer, 1) == 0);
  }}};
  host.run();
}

TEST_CASE("/dev/zero gives what is asked for, /dev/null nothing, and both take everything") {
  test::NativeKernel host{{[](SystemCalls& calls) -> Task<> {
    const u32 buffer = co_await test::buffer(calls, 4 * kPage);
    const Descriptor zero = co_await calls.open("/dev/zero"), null = co_await calls.open("/dev/null");
    CHECK(co_await calls.read(zero, buffer + 5, 10'000) == 10'000);
    CHECK(co_await calls.read(null, buffer, 10) == 0);
    CHECK(co_await calls.write(zero, buffer, 10) == 10);
    CHECK(co_await calls.write(null, buffer, 10'000) == 10'000);
  }}};
  host.run();
}

TEST_CASE("a file that is unlinked while it is open can be used until it is closed, and then its pages are free") {
  u32 free_before = 0, free_unlinked = 0, free_closed = 0, blocks_closed = 1;
  test::NativeKernel host{{[&](SystemCalls& calls) -> Task<> {
    guest::Kernel& kernel = calls.kernel();
    const u32 buffer = co_await test::buffer(calls, 3 * kPage);
    co_await create_file(calls, "/before", buffer, 3 * kPage);  // everything that is needed is there
    free_before = kernel.pages().free_frames();
    const u32 blocks_before = kernel.file_system().blocks_in_use();
    co_await create_file(calls, "/file", buffer, 3 * kPage);
    const Descriptor file = co_await calls.open("/file");
    CHECK(co_await calls.unlink("/file"));
    CHECK(!co_await calls.stat("/file"));
    free_unlinked = kernel.pages().free_frames();
    CHECK(co_await calls.read(file, buffer, kPage) == kPage);
    const Descriptor another = co_await calls.create("/file");  // the name is free
    CHECK((co_await calls.status(another))->bytes == 0);
    CHECK((co_await calls.status(file))->bytes == 3 * kPage);
    co_await calls.close(file);
    free_closed = kernel.pages().free_frames();
    blocks_closed = kernel.file_system().blocks_in_use() - blocks_before;
  }}};
  host.run();
  CHECK(free_before - free_unlinked == 3);
  CHECK(free_closed == free_before);
  CHECK(blocks_closed == 0);
}

TEST_CASE("creating a file that is there empties it") {
  test::NativeKernel host{{[](SystemCalls& calls) -> Task<> {
    const u32 buffer = co_await test::buffer(calls, 2 * kPage);
    co_await create_file(calls, "/file", buffer, 2 * kPage);
    const u32 free_frames = calls.kernel().pages().free_frames();
    co_await create_file(calls, "/file", buffer, 10);
    CHECK((co_await calls.stat("/file"))->bytes == 10);
    CHECK((co_await calls.stat("/file"))->blocks == 1);
    CHECK(calls.kernel().pages().free_frames() == free_frames + 1);
  }}};
  host.run();
}

TEST_CASE("ten thousand files of 10 KB, made and deleted, leave nothing behind but names that are known not to exist") {
  u32 free_before = 0, free_after = 0, blocks_before = 0, blocks_after = 0, objects_before = 0, objects_after = 0;
  test::NativeKernel host{{[&](SystemCalls& calls) -> Task<> {
    const u32 buffer = co_await test::buffer(calls, 3 * kPage);
    const auto round = [&](u32 first) -> Task<> {
      for (u32 i = 0; i < 100; ++i) co_await create_file(calls, "/dir/" + std::to_string(first + i), buffer, 10'240);
      for (u32 i = 0; i < 100; ++i) CHECK(co_await calls.unlink("/dir/" + std::to_string(first + i)));
    };
    CHECK(co_await calls.make_directory("/dir"));
    co_await round(0);
    free_before = test::available_frames(calls.kernel());
    objects_before = calls.kernel().objects().pages();
    blocks_before = calls.kernel().file_system().blocks_in_use();
    for (u32 i = 1; i <= 100; ++i) co_await round(100 * i);
    free_after = test::available_frames(calls.kernel());
    objects_after = calls.kernel().objects().pages();
    blocks_after = calls.kernel().file_system().blocks_in_use();
  }}};
  host.run();
  const u32 names = objects_after - objects_before;
  CHECK(free_before == free_after + names);
  CHECK(names == 10'000 / 32);  // dentries to a page
  CHECK(blocks_before == blocks_after);
}

TEST_CASE("an installed file is there with its pages, and costs nothing to install") {
  test::NativeKernel host{{[](SystemCalls& calls) -> Task<> {
    guest::Kernel& kernel = calls.kernel();
    const u32 free_frames = kernel.pages().free_frames();
    const sim::Cycles before = kernel.cpu().cycles();
    kernel.file_system().install("/usr/lib/libc.so", 5 * kPage + 1);
    CHECK(kernel.cpu().cycles() == before);
    CHECK(kernel.pages().free_frames() == free_frames - 6);
    const auto status = co_await calls.stat("/usr/lib/libc.so");
    REQUIRE(status);
    CHECK(status->bytes == 5 * kPage + 1);
    CHECK(status->blocks == 6);
  }}};
  host.run();
}

TEST_CASE("a select counts the descriptors that are ready, and each of them costs the same") {
  std::vector<sim::Cycles> cycles;
  test::NativeKernel host{{[&](SystemCalls& calls) -> Task<> {
    const u32 buffer = co_await test::buffer(calls, kPage);
    std::vector<Descriptor> connections;
    connections.push_back(co_await calls.local_connection());
    while (connections.size() < 100) connections.push_back(co_await calls.duplicate(connections[0]));
    CHECK(co_await calls.select(connections, true) == 100);
    CHECK(co_await calls.select(connections, false) == 0);
    for (const std::size_t count : kCounts) {
      const sim::Cycles before = calls.kernel().cpu().cycles();
      CHECK(co_await calls.select(std::span{connections}.first(count), true) == count);
      cycles.push_back(calls.kernel().cpu().cycles() - before);
    }
    const auto ends = co_await calls.pipe();
    std::vector<Descriptor> pipe(3, ends.read);
    pipe[1] = ends.write;
    pipe[2] = 1'000;  // not open
    CHECK(co_await calls.select(pipe, false) == 0);
    CHECK(co_await calls.select(pipe, true) == 1);
    CHECK(co_await calls.write(ends.write, buffer, 1) == 1);
    CHECK(co_await calls.select(pipe, false) == 1);
    CHECK(co_await calls.select(pipe, true) == 0);  // Linux 2.4: only an empty pipe can be written
    CHECK(co_await calls.select(std::span<const Descriptor>{}, true) == 0);
  }}};
  host.run();
  // Warm: 50 descriptors more or less cost twice what 25 do, to within the copy of the set and a tick.
  const auto fifty = (cycles[2] - cycles[3]).count(), twenty_five = (cycles[3] - cycles[4]).count();
  CHECK(fifty > 0);
  CHECK(fifty == doctest::Approx(2.0 * static_cast<double>(twenty_five)).epsilon(0.05));
}

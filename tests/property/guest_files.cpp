// Random operations on files, against a file system that is nothing but names and sizes.
#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <set>

#include "sim/random.h"
#include "support/native_kernel.h"
#include "support/reordering_disk.h"

namespace {

using guest::Descriptor;
using guest::SystemCalls;
using guest::u32;
using model::Task;

constexpr u32 kPage = 4096, kBuffer = 64 * kPage;

// Written without a look at the kernel's: which blocks of a file there are, by what lists them, and pages in memory.
struct ReferenceFile {
  u32 bytes = 0;
  std::set<u32> data, pages;
  std::size_t blocks() const {
    std::set<std::string> lists;
    for (const u32 block : data) {
      if (block >= 12 && block < 12 + 1024) lists.insert("single");
      if (block >= 12 + 1024) {
        lists.insert("double");
        lists.insert("double/" + std::to_string((block - 12 - 1024) / 1024));
      }
    }
    return data.size() + lists.size();
  }
};

struct ReferenceOpen {
  std::shared_ptr<ReferenceFile> file;
  u32 position = 0;
};

struct Reference {
  std::map<std::string, std::shared_ptr<ReferenceFile>> names;
  std::map<Descriptor, std::shared_ptr<ReferenceOpen>> open;

  Descriptor lowest_free() const {
    Descriptor descriptor = 0;
    while (open.contains(descriptor)) ++descriptor;
    return descriptor;
  }
  // Of all files that have a name or are open: blocks on the disk, or pages in memory.
  std::size_t blocks(bool in_memory) const {
    std::set<std::shared_ptr<ReferenceFile>> files;
    for (const auto& [name, file] : names) files.insert(file);
    for (const auto& [descriptor, opened] : open) files.insert(opened->file);
    std::size_t sum = 0;
    for (const auto& file : files) sum += in_memory ? file->pages.size() : file->blocks();
    return sum;
  }
};

Task<> random_operations(SystemCalls& calls, std::uint64_t seed, int operations) {
  guest::Kernel& kernel = calls.kernel();
  auto random = sim::Random{seed}.stream("operations");
  const auto pick = [&](u32 n) { return static_cast<u32>(random.below(n)); };
  Reference reference;
  const u32 buffer = co_await test::buffer(calls, kBuffer);
  CHECK(co_await calls.make_directory("/d"));
  const u32 free_frames = test::available_frames(kernel), objects = kernel.objects().pages();
  const u32 blocks = kernel.file_system().blocks_in_use();
  const guest::BlockCache* cache = kernel.file_system().cache();
  const u32 cached = cache != nullptr ? cache->cached_blocks() : 0;
  const auto check_frames = [&] {
    const u32 used = free_frames - test::available_frames(kernel) - (kernel.objects().pages() - objects);
    if (cache == nullptr) {
      CHECK(used == reference.blocks(true));
    } else {  // what is in memory changes with time, and the journal keeps pages for its own blocks
      CHECK(used - (cache->cached_blocks() - cached) <= 8);
    }
  };

  for (int i = 0; i < operations; ++i) {
    CAPTURE(i);
    const std::string name = "/d/" + std::to_string(pick(8));
    const auto named = reference.names.find(name);
    const auto descriptor = static_cast<Descriptor>(pick(6));
    const auto opened = reference.open.find(descriptor);
    const std::shared_ptr<ReferenceOpen> own = opened == reference.open.end() ? nullptr : opened->second;
    switch (pick(9)) {
      case 0: {  // create
        if (reference.open.size() > 5) break;
        const Descriptor expected = reference.lowest_free();
        CHECK(co_await calls.create(name) == expected);
        auto& file = reference.names[name];
        if (!file) file = std::make_shared<ReferenceFile>();
        *file = {};
        reference.open[expected] = std::make_shared<ReferenceOpen>(ReferenceOpen{file});
        break;
      }
      case 1: {  // open
        if (reference.open.size() > 5) break;
        const Descriptor expected = named == reference.names.end() ? -1 : reference.lowest_free();
        CHECK(co_await calls.open(name) == expected);
        if (expected >= 0) reference.open[expected] = std::make_shared<ReferenceOpen>(ReferenceOpen{named->second});
        break;
      }
      case 2:  // close
        co_await calls.close(descriptor);
        reference.open.erase(descriptor);
        break;
      case 3: {  // duplicate
        if (reference.open.size() > 5) break;
        const Descriptor expected = own ? reference.lowest_free() : -1;
        CHECK(co_await calls.duplicate(descriptor) == expected);
        if (own) reference.open[expected] = own;
        break;
      }
      case 4:
      case 5: {  // write, now and then enough to need indirect blocks
        const u32 bytes = 1 + pick(pick(4) == 0 ? kBuffer : 9'000);
        const u32 times = pick(40) == 0 ? 25 : 1;
        for (u32 n = 0; n < times; ++n) {
          CHECK(co_await calls.write(descriptor, buffer, bytes) == (own ? bytes : 0));
          if (!own) continue;
          const u32 last = (own->position + bytes - 1) / kPage;
          for (u32 block = own->position / kPage; block <= last; ++block) {
            own->file->data.insert(block);
            own->file->pages.insert(block);
          }
          own->position += bytes;
          own->file->bytes = std::max(own->file->bytes, own->position);
        }
        break;
      }
      case 6: {  // read
        const u32 bytes = pick(kBuffer);
        const u32 left = own && own->file->bytes > own->position ? own->file->bytes - own->position : 0;
        CHECK(co_await calls.read(descriptor, buffer, bytes) == std::min(bytes, left));
        if (!own) break;
        // A page that has no block is made of zeros, and stays.
        const u32 done = std::min(bytes, left);
        for (u32 at = own->position / kPage; done > 0 && at <= (own->position + done - 1) / kPage; ++at) {
          own->file->pages.insert(at);
        }
        own->position += done;
        break;
      }
      case 7:  // unlink
        CHECK(co_await calls.unlink(name) == (named != reference.names.end()));
        reference.names.erase(name);
        break;
      case 8: {  // stat
        const auto status = co_await calls.stat(name);
        REQUIRE(status.has_value() == (named != reference.names.end()));
        if (!status) break;
        CHECK(status->bytes == named->second->bytes);
        CHECK(status->blocks == named->second->blocks());
        break;
      }
    }
    if (i % 8 != 0) continue;
    CHECK(kernel.file_system().blocks_in_use() - blocks == reference.blocks(false));
    check_frames();
  }

  for (Descriptor descriptor = 0; descriptor < 8; ++descriptor) co_await calls.close(descriptor);
  for (u32 i = 0; i < 8; ++i) co_await calls.unlink("/d/" + std::to_string(i));
  reference = {};
  CHECK(kernel.file_system().blocks_in_use() == blocks);
  check_frames();
}

}  // namespace

TEST_CASE("names, sizes, blocks and free pages are those of a plain reference after any operations") {
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    CAPTURE(seed);
    test::NativeKernel host{{[=](SystemCalls& calls) { return random_operations(calls, seed, 400); }}};
    host.run();
  }
}

TEST_CASE("they are on a disk that does things in any order too, with memory for a part of them") {
  using Barriers = test::ReorderingDisk::Barriers;
  for (const Barriers barriers : {Barriers::none, Barriers::kept}) {
    for (std::uint64_t seed = 1; seed <= 3; ++seed) {
      CAPTURE(seed);
      test::ReorderingDisk disk{1u << 30, barriers, seed};
      u32 writes = 0;
      disk.written = [&](sim::Time, std::uint64_t) { ++writes; };
      bool over = false;
      guest::BlockCache::Counts counts;
      const auto files = [&](SystemCalls& calls) -> Task<> {
        guest::PageAllocator& pages = calls.kernel().pages();
        test::forget_history(calls);
        while (pages.free_frames() > 700) pages.take(guest::PageUse::user);
        co_await random_operations(calls, seed, 400);
        co_await calls.sync_all();
        counts = calls.kernel().file_system().cache()->counts();
        over = true;
      };
      test::NativeKernel host{{files, [&](SystemCalls& calls) { return disk.work(calls, over); }}};
      host.kernel().add_disk("disk", disk, 0, disk.sectors(), true);
      host.run(sim::Duration::seconds(1'000));
      CHECK(counts.failed == 0);
      CHECK(writes > counts.writes);  // the journal too
      CHECK(counts.reclaimed > 0);
    }
  }
}

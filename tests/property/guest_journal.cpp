// The power is cut at any moment: what is on the medium then is recovered as e2fsck would, and must be whole.
#include <doctest/doctest.h>

#include <optional>
#include <set>

#include "sim/random.h"
#include "support/disk_world.h"

namespace {

using guest::Descriptor;
using guest::SystemCalls;
using guest::u32;
using guest::u64;
using model::Task;

constexpr u32 kPage = 4096, kMagic = 0xc03b3998;

u32 from_disk(u32 word) { return __builtin_bswap32(word); }

// What is on the medium: by block, which of the submitted writes is the last to have come there.
using Medium = std::map<u64, std::size_t>;

struct Journal {
  u64 start;
  u32 blocks;
};

// A block of the journal as it is read back; nothing: never written, or no block of jbd's own.
struct Header {
  u32 type, sequence;
};
std::optional<Header> header_of(const std::vector<test::SubmittedWrite>& writes, const Medium& medium, u64 block) {
  const auto found = medium.find(block);
  if (found == medium.end()) return std::nullopt;
  const std::vector<u32>& words = writes[found->second].words;
  if (from_disk(words[0]) != kMagic) return std::nullopt;
  return Header{from_disk(words[1]), from_disk(words[2])};
}

// Goes through the journal as recovery does. Answers the last transaction that counts, or what is wrong: a block of a
// transaction that counts which is not the one that was written for it.
struct Recovery {
  u32 last = 0;
  std::optional<std::string> wrong;
};
Recovery recover(const std::vector<test::SubmittedWrite>& writes, const Medium& medium, const Journal& journal) {
  Recovery result;
  const auto super_block = header_of(writes, medium, journal.start);
  if (!super_block) return result;  // nothing was ever committed
  const std::vector<u32>& words = writes[medium.at(journal.start)].words;
  u32 sequence = from_disk(words[6]), at = from_disk(words[7]);
  result.last = sequence - 1;
  const auto next = [&](u32 place) { return place + 1 == journal.blocks ? 1 : place + 1; };
  while (true) {
    std::vector<std::pair<u64, std::size_t>> blocks;  // where, and which write's words describe it
    std::size_t first_write = ~std::size_t{0};
    std::optional<std::size_t> commit;
    while (!commit) {
      const auto header = header_of(writes, medium, journal.start + at);
      if (!header || header->sequence != sequence) break;
      const std::size_t write = medium.at(journal.start + at);
      first_write = std::min(first_write, write);
      if (header->type == 2) commit = write;
      at = next(at);
      if (header->type != 1) continue;
      const std::vector<u32>& tags = writes[write].words;
      for (u32 word = 3;;) {
        blocks.emplace_back(journal.start + at, write);
        at = next(at);
        const u32 flags = from_disk(tags[word + 1]);
        word += 2 + ((flags & 2) == 0 ? 4 : 0);
        if ((flags & 8) != 0) break;
      }
    }
    if (!commit) return result;
    for (const auto& [block, descriptor] : blocks) {
      const auto found = medium.find(block);
      // What was submitted for it lies between its descriptor and its commit block.
      if (found == medium.end() || found->second < descriptor || found->second > *commit) {
        result.wrong = "transaction " + std::to_string(sequence) + " counts, and block " + std::to_string(block) +
                       " of it is not there";
        return result;
      }
    }
    result.last = sequence++;
  }
}

struct Promise {
  sim::Time made;  // fsync returned
  std::vector<std::pair<u64, std::size_t>>
      blocks;  // of the file: and how many writes had been submitted before it began
  u32 committed;
};

}  // namespace

TEST_CASE("after a power cut at any moment transactions that count are whole, and what fsync promised is there") {
  for (std::uint64_t seed = 1; seed <= 3; ++seed) {
    CAPTURE(seed);
    std::vector<Promise> promises;
    Journal journal{};
    test::DiskRecord* watching = nullptr;
    test::DiskKernel host{{[&](SystemCalls& calls) -> Task<> {
                            guest::Kernel& kernel = calls.kernel();
                            guest::FileSystem& files = kernel.file_system();
                            journal = {files.layout().journal_start(), files.layout().journal_blocks()};
                            auto random = sim::Random{seed}.stream("operations");
                            const u32 buffer = co_await test::buffer(calls, 16 * kPage);
                            for (u32 i = 0; i < 150; ++i) {
                              const std::string name = "/" + std::to_string(random.below(12));
                              if (random.chance(1, 6)) {
                                co_await calls.unlink(name);
                                continue;
                              }
                              const Descriptor file = co_await calls.open(name, {.create = true, .append = true});
                              const u32 bytes = 1 + static_cast<u32>(random.below(16 * kPage));
                              CHECK(co_await calls.write(file, buffer, bytes) == bytes);
                              if (random.chance(1, 3)) {
                                const std::size_t before = watching->submitted().size();
                                const std::shared_ptr<guest::RegularFile> inode = co_await test::file_of(calls, name);
                                std::vector<u64> dirty;
                                for (const auto& [number, page] : inode->pages) {
                                  if (page->dirty()) dirty.push_back(page->block);
                                }
                                CHECK(co_await calls.sync(file));
                                Promise promise{calls.machine().running().now(), {}, 0};
                                for (const u64 block : dirty) promise.blocks.emplace_back(block, before);
                                promise.committed = static_cast<u32>(files.journal().counts().commits);
                                promises.push_back(std::move(promise));
                              }
                              co_await calls.close(file);
                              if (random.chance(1, 10)) co_await calls.sleep(random.below(400));
                            }
                          }},
                          {.disk_bytes = 100u << 20}};
    test::DiskRecord record{host.machine()};
    watching = &record;
    host.watch(record);
    host.run(sim::Duration::seconds(1'000));

    REQUIRE(promises.size() > 20);
    Medium medium;
    auto promise = promises.begin();
    u32 last = 0;
    for (const test::MediumWrite& write : record.on_medium()) {
      // Just before this write: the power is cut here.
      for (; promise != promises.end() && promise->made < write.at; ++promise) {
        CHECK(recover(record.submitted(), medium, journal).last >= promise->committed);
        for (const auto& [block, submitted] : promise->blocks) {
          REQUIRE(medium.contains(block));
          CHECK(medium.at(block) >= submitted);
        }
      }
      medium[record.submitted()[write.write].sector / test::kBlockSectors] = write.write;
      const Recovery recovery = recover(record.submitted(), medium, journal);
      CHECK(!recovery.wrong);
      CHECK(recovery.last >= last);  // what counted once counts for ever
      last = std::max(last, recovery.last);
    }
    CHECK(last > 20);
  }
}

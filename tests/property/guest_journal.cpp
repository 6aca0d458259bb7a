// The power is cut at any moment: what is on the medium then is recovered as e2fsck would, and must be whole.
#include <doctest/doctest.h>

#include <optional>
#include <set>

#include "sim/random.h"
#include "support/disk_world.h"
#include "support/reordering_disk.h"

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
using Writes = std::vector<test::SubmittedWrite>;

struct Journal {
  u64 start;
  u32 blocks;
};

// A block of the journal as it is read back; nothing: never written, or no block of jbd's own.
struct Header {
  u32 type, sequence;
};
std::optional<Header> header_of(const Writes& writes, const Medium& medium, u64 block) {
  const auto found = medium.find(block);
  if (found == medium.end()) return std::nullopt;
  const std::vector<u32>& words = writes[found->second].words;
  if (from_disk(words[0]) != kMagic) return std::nullopt;
  return Header{from_disk(words[1]), from_disk(words[2])};
}

// Goes through the journal as recovery does. Finds the transactions that count, or what is wrong: a block of one that
// is not what was written for it.
struct Transaction {
  u32 sequence;
  std::vector<u64> blocks, revoked;  // of the file system
  std::size_t commit;                // the write that made it count
};
struct Recovery {
  u32 last = 0;
  std::vector<Transaction> transactions;  // that are replayed
  std::string wrong;
};
Recovery recover(const Writes& writes, const Medium& medium, const Journal& journal) {
  Recovery result;
  const auto super_block = header_of(writes, medium, journal.start);
  if (!super_block) return result;  // nothing was ever committed
  const std::vector<u32>& words = writes[medium.at(journal.start)].words;
  u32 sequence = from_disk(words[6]), at = from_disk(words[7]);
  result.last = sequence - 1;
  const auto next = [&](u32 place) { return place + 1 == journal.blocks ? 1 : place + 1; };
  while (true) {
    Transaction transaction{sequence, {}, {}, 0};
    std::vector<std::pair<u64, std::size_t>> blocks;  // where, and which write's words describe it
    std::optional<std::size_t> commit;
    while (!commit) {
      const auto header = header_of(writes, medium, journal.start + at);
      if (!header || header->sequence != sequence) break;
      const std::size_t write = medium.at(journal.start + at);
      const std::vector<u32>& block = writes[write].words;
      if (header->type == 2) commit = write;
      at = next(at);
      if (header->type == 5) {
        for (u32 word = 4; word < from_disk(block[3]) / 4; ++word)
          transaction.revoked.push_back(from_disk(block[word]));
      }
      if (header->type != 1) continue;
      for (u32 word = 3;;) {
        blocks.emplace_back(journal.start + at, write);
        transaction.blocks.push_back(from_disk(block[word]));
        at = next(at);
        const u32 flags = from_disk(block[word + 1]);
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
    transaction.commit = *commit;
    result.transactions.push_back(std::move(transaction));
    result.last = sequence++;
  }
}

struct Promise {
  sim::Time made;  // fsync returned
  std::vector<std::pair<u64, std::size_t>>
      blocks;  // of the file: and how many writes had been submitted before it began
  u32 committed;
};

// What there is to say about one power cut after another.
struct Outcome {
  u64 cuts = 0, promises = 0, checkpoints = 0;
  u32 last = 0;             // transaction that counts
  u64 promises_broken = 0;  // cuts that come after an fsync had returned and leave out something of it
  u64 not_whole = 0;        // cuts after which a transaction counts that is not there
  u64 undone = 0;           // cuts after which a transaction is gone that had counted after an earlier one
  std::string first;        // of all those
};

// The last three: on bare hardware with a disk that ends writes in any order, and whose driver has no barriers, keeps
// them, or only says so.
enum class On { hardware, xen, any_order, any_order_but_barriers, any_order_at_all };

struct Load {
  std::uint64_t seed = 1, disk_bytes = 100u << 20;
  u32 operations = 150, pages = 16;  // of which one in three or so is an fsync; of a write at most
  u32 directories = 0;               // that the files are in; 0: the root
  u32 pause = 10;                    // one operation in so many is followed by one
  const char* drive = "ultrastar146z10";
  u32 judged_cuts = 0;  // those after so many blocks behind each super block of the journal; 0: all
};

// Writes, deletes and syncs files at random and then cuts the power after every block.
Outcome cut_power(On on, bool write_cache, const Load& load) {
  test::DiskRecord record;
  std::vector<Promise> promises;
  Journal journal{};
  Outcome outcome;
  const auto program = [&](SystemCalls& calls) -> Task<> {
    guest::Kernel& kernel = calls.kernel();
    record.watch(kernel.disks().front().queue);
    guest::FileSystem& files = kernel.file_system();
    journal = {files.layout().journal_start(), files.layout().journal_blocks()};
    auto random = sim::Random{load.seed}.stream("operations");
    const u32 buffer = co_await test::buffer(calls, load.pages * kPage);
    for (u32 i = 0; i < load.directories; ++i) co_await calls.make_directory("/d" + std::to_string(i));
    for (u32 i = 0; i < load.operations; ++i) {
      std::string name = "/" + std::to_string(random.below(12));
      if (load.directories > 0) name = "/d" + std::to_string(random.below(load.directories)) + name;
      if (random.chance(1, 6)) {
        co_await calls.unlink(name);
        continue;
      }
      const Descriptor file = co_await calls.open(name, {.create = true, .append = true});
      const u32 bytes = 1 + static_cast<u32>(random.below(load.pages * kPage));
      CHECK(co_await calls.write(file, buffer, bytes) == bytes);
      if (random.chance(1, 3)) {
        const std::size_t before = record.submitted().size();
        const std::shared_ptr<guest::RegularFile> inode = co_await test::file_of(calls, name);
        std::vector<u64> dirty;
        inode->pages.for_each([&dirty](const guest::BlockPointer& page) {
          if (page->dirty()) dirty.push_back(page->block);
        });
        CHECK(co_await calls.sync(file));
        Promise promise{calls.machine().running().now(), {}, 0};
        for (const u64 block : dirty) promise.blocks.emplace_back(block, before);
        promise.committed = static_cast<u32>(files.journal().counts().commits);
        promises.push_back(std::move(promise));
      }
      co_await calls.close(file);
      if (random.chance(1, load.pause)) co_await calls.sleep(random.below(400));
    }
    outcome.checkpoints = files.journal().counts().checkpoints;
  };

  model::DriveFile drive =
      model::DriveFile::load(std::string{RINGZERO_SOURCE_DIR} + "/model/drives/" + load.drive + ".json");
  drive.set("buffer.write_cache", write_cache);
  const test::DiskOfKernel disk{.disk_bytes = load.disk_bytes, .drive = &drive};
  if (on == On::xen) {
    test::XenDiskKernel host{{program}, disk, record};
    host.run(sim::Duration::seconds(1'000));
  } else if (on != On::hardware) {
    using Barriers = test::ReorderingDisk::Barriers;
    const Barriers barriers = on == On::any_order                ? Barriers::none
                              : on == On::any_order_but_barriers ? Barriers::kept
                                                                 : Barriers::ignored;
    test::ReorderingDisk fake{load.disk_bytes, barriers, load.seed};
    fake.written = [&](sim::Time at, u64 sector) { record.written(sector, at); };
    bool over = false;
    const auto until_over = [&](SystemCalls& calls) -> Task<> {
      co_await program(calls);
      over = true;
    };
    test::NativeKernel host{{until_over, [&](SystemCalls& calls) { return fake.work(calls, over); }}};
    host.kernel().add_disk("disk", fake, 0, fake.sectors(), true);
    record.attach(host.machine(), [](guest::GuestFrame frame) { return hv::MachineFrame{frame.number()}; });
    host.run(sim::Duration::seconds(1'000));
  } else {
    test::DiskKernel host{{program}, disk};
    host.watch(record);
    host.run(sim::Duration::seconds(1'000));
  }

  const Writes& writes = record.submitted();
  Medium medium;
  std::map<u64, std::size_t> logged;  // blocks of transactions that count, and the write that made the last one count
  outcome.promises = promises.size();
  std::size_t made = 0;  // promises that were made when the power is cut
  const auto note = [&](u64& count, sim::Time at, const std::string& what) {
    ++count;
    if (outcome.first.empty()) outcome.first = std::to_string(at.since_start().to_seconds()) + " s: " + what;
  };
  const auto judge = [&](sim::Time at) {
    ++outcome.cuts;
    const Recovery recovery = recover(writes, medium, journal);
    if (!recovery.wrong.empty()) note(outcome.not_whole, at, recovery.wrong);
    while (made < promises.size() && promises[made].made < at) ++made;
    bool kept = made == 0 || recovery.last >= promises[made - 1].committed;
    for (std::size_t i = 0; i < made && kept; ++i) {
      for (const auto& [block, submitted] : promises[i].blocks) {
        const auto there = medium.find(block);
        kept = kept && there != medium.end() && there->second >= submitted;
      }
    }
    if (!kept) note(outcome.promises_broken, at, "an fsync had returned, and something of it is not there");

    // What counted once is in the journal, or has gone to its place since.
    std::set<u64> replayed;
    for (const Transaction& transaction : recovery.transactions) {
      replayed.insert(transaction.blocks.begin(), transaction.blocks.end());
    }
    bool lasting = recovery.last >= outcome.last;
    for (const auto& [block, commit] : logged) {
      const auto there = medium.find(block);
      lasting = lasting && (replayed.contains(block) || (there != medium.end() && there->second > commit));
    }
    if (!lasting) note(outcome.undone, at, "a transaction that counted is gone");
    for (const Transaction& transaction : recovery.transactions) {
      if (transaction.sequence <= outcome.last) continue;
      for (const u64 block : transaction.blocks) logged[block] = transaction.commit;
      for (const u64 block : transaction.revoked) logged.erase(block);
    }
    outcome.last = std::max(outcome.last, recovery.last);
  };
  u32 left = 0;  // of the cuts to be judged
  for (const test::MediumWrite& write : record.on_medium()) {
    const u64 block = writes[write.write].sector / test::kBlockSectors;
    if (block == journal.start) left = load.judged_cuts;
    if (load.judged_cuts == 0 || left > 0) judge(write.at);  // the power is cut just before this write
    if (left > 0) --left;
    medium[block] = write.write;
  }
  return outcome;
}

std::string name(On on, bool write_cache) {
  switch (on) {
    case On::any_order:
      return "any order, no barriers";
    case On::any_order_but_barriers:
      return "any order, barriers kept";
    case On::any_order_at_all:
      return "any order, barriers ignored";
    default:
      return std::string{on == On::xen ? "Xen" : "native"} + (write_cache ? ", write cache" : ", no write cache");
  }
}

}  // namespace

TEST_CASE("after a power cut at any moment transactions that count are whole, and what fsync promised is there") {
  for (const auto& [on, write_cache] : {std::pair{On::hardware, false},
                                        {On::xen, false},
                                        {On::xen, true},
                                        {On::any_order, false},
                                        {On::any_order_but_barriers, false}}) {
    for (std::uint64_t seed = 1; seed <= 3; ++seed) {
      const std::string where = name(on, write_cache);
      CAPTURE(where);
      CAPTURE(seed);
      const Outcome outcome = cut_power(on, write_cache, {.seed = seed});
      CHECK(outcome.first == "");
      CHECK(outcome.promises > 20);
      CHECK(outcome.last > 20);
      if (seed == 1) MESSAGE(where, ": ", outcome.cuts, " power cuts, ", outcome.promises, " fsyncs, none lost");
    }
  }
}

TEST_CASE("in a journal that is used again and again nothing is lost either") {
  for (const auto& [on, write_cache] : {std::pair{On::hardware, false}, {On::xen, false}, {On::xen, true}}) {
    const std::string where = name(on, write_cache);
    CAPTURE(where);
    const Outcome outcome = cut_power(on, write_cache, {.disk_bytes = 4u << 20, .operations = 2500, .pages = 2});
    CHECK(outcome.first == "");
    CHECK(outcome.checkpoints > 3);
    MESSAGE(where, ": ", outcome.cuts, " power cuts, ", outcome.last, " transactions, ", outcome.checkpoints,
            " times the oldest were written to make room");
  }
}

TEST_CASE("without a wait or a barrier before the commit block transactions count that are not there") {
  const Outcome outcome = cut_power(On::any_order_at_all, false, {});
  CHECK(outcome.not_whole > 20);
  MESSAGE(outcome.not_whole, " of ", outcome.cuts, " power cuts; the first at ", outcome.first);
}

TEST_CASE("the journal's super block is not on the medium before what it says is no longer needed") {
  const Outcome outcome = cut_power(On::xen, true,
                                    {.seed = 3,
                                     .disk_bytes = 700u << 20,
                                     .operations = 5'000,
                                     .pages = 3,
                                     .directories = 40,
                                     .pause = 100,
                                     .drive = "atlas10k",
                                     .judged_cuts = 150});
  CHECK(outcome.first == "");
  CHECK(outcome.cuts > 1'000);
  CHECK(outcome.last > 1'000);
  MESSAGE(outcome.cuts, " power cuts behind super blocks");
}

TEST_CASE("a kernel that waits instead of using barriers loses what fsync promised when its drive caches writes") {
  const Outcome outcome = cut_power(On::hardware, true, {});
  CHECK(outcome.promises_broken > 100);
  MESSAGE(outcome.promises_broken, " of ", outcome.cuts, " power cuts lose something that an fsync had promised, ",
          outcome.not_whole, " leave a transaction that counts and is not whole; the first at ", outcome.first);
}

// A disk whose arm is the test: it says which of its commands ends next, and what of its cache goes to the medium.
//
// A sector's contents are one word, the first of the sector's memory. What reaches the medium is logged with two
// instants: before the first nothing of it can have been on the medium, at the second all of it is. Time counts events.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <vector>

#include "hardware/block_device.h"

namespace test {

using namespace hv;  // NOLINT

class FakeMemory;

class FakeDisk final : public hw::BlockDevice {
 public:
  struct Command {
    hw::BlockCommand command;
    std::vector<hw::BlockSegment> segments;
    std::uint64_t given = 0;  // when
  };
  struct MediumWrite {
    u64 sector;
    u32 contents;
    std::uint64_t begun, done;
  };

  explicit FakeDisk(FakeMemory& memory) : memory_{memory} {}

  u32 interrupt_line() const override;
  u64 sectors() const override { return size; }
  u32 queue_depth() const override { return depth; }
  bool caches_writes() const override { return cache; }
  bool submit(const hw::BlockCommand& command) override;
  bool next_completed(hw::BlockCompletion& completion) override;
  void interrupt_done() override { ++interrupts_done; }

  // Ends commands[index]. It fails if it touches a bad sector; a write then stops there.
  void finish(std::size_t index);
  void finish_all() {
    while (!commands.empty()) finish(0);
  }
  void destage(std::size_t index);  // one sector of the cache; those written again meanwhile went with the later one
  std::size_t cached() const { return cache_.size(); }
  u32 contents(u64 sector) const;  // as a read would find it
  std::uint64_t now() const { return now_; }

  u64 size = 1u << 20;
  u32 depth = 64;
  bool cache = false;
  std::set<u64> bad_sectors;
  std::vector<Command> commands;  // with it, oldest first
  std::vector<MediumWrite> medium;
  u32 submitted = 0, flushes = 0, interrupts_done = 0;

 private:
  struct Cached {
    u64 sector;
    u32 contents;
    std::uint64_t begun;
  };
  bool perform(const Command& command);
  void to_medium(const Cached& written);

  FakeMemory& memory_;
  std::uint64_t now_ = 0;
  std::map<u64, u32> contents_;  // cache and medium together
  std::vector<Cached> cache_;
  std::vector<hw::BlockCompletion> completed_;
};

}  // namespace test

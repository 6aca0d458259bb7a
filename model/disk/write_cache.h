// What a drive was given to write and has not written yet, and what it still remembers of what it wrote.
//
// Extents do not overlap: newer data replace older ones, except those on their way to the medium, which are written
// first.
#pragma once

#include <cstdint>
#include <vector>

namespace model {

class WriteCache {
 public:
  using Stamp = std::uint64_t;  // order of arrival
  struct Extent {
    std::uint64_t sector = 0;
    std::uint32_t sectors = 0;
    std::uint32_t command = 0;  // that brought it
    Stamp stamp = 0;            // of the oldest data that it stands for
    enum class State : std::uint8_t { dirty, leaving, clean } state = State::dirty;

    std::uint64_t end() const { return sector + sectors; }
  };

  explicit WriteCache(std::uint32_t capacity) : capacity_{capacity} {}

  std::uint32_t capacity() const { return capacity_; }
  // Sets room aside for data that are to come. False: there is none before more was written.
  bool reserve(std::uint32_t sectors);
  // The data are there, in room that was set aside.
  void insert(std::uint64_t sector, std::uint32_t sectors, std::uint32_t command);
  // Newer data went to the medium past the cache.
  void overwritten(std::uint64_t sector, std::uint32_t sectors);

  bool holds(std::uint64_t sector, std::uint32_t sectors) const;  // all of it
  bool dirty() const { return dirty_ > 0; }                       // something that is not on its way yet
  Stamp now() const { return stamps_; }
  bool written(Stamp until) const;  // everything that came until then is on the medium

  // The dirty extent that costs least, and those that follow it on the medium without a gap, become leaving. The result
  // is in the order of addresses and stays until left().
  template <class Cost>
  const std::vector<Extent>& leave(Cost cost) {
    const Extent* best = nullptr;
    for (const Extent& extent : extents_) {
      if (extent.state == Extent::State::dirty && (best == nullptr || cost(extent) < cost(*best))) best = &extent;
    }
    return leave_from(best->sector);
  }
  void left();  // those are on the medium

 private:
  const std::vector<Extent>& leave_from(std::uint64_t sector);
  Stamp cut(std::uint64_t sector, std::uint64_t end);
  bool forget_one();

  std::uint32_t capacity_;
  std::uint32_t used_ = 0;   // sectors, those set aside included
  std::uint32_t dirty_ = 0;  // extents
  Stamp stamps_ = 0;
  std::vector<Extent> extents_;
  std::vector<Extent> leaving_;
};

}  // namespace model

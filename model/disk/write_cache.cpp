#include "model/disk/write_cache.h"

#include <algorithm>

namespace model {

using State = WriteCache::Extent::State;

bool WriteCache::reserve(std::uint32_t sectors) {
  while (used_ + sectors > capacity_) {
    if (!forget_one()) return false;
  }
  used_ += sectors;
  return true;
}

// Drops the oldest extent that is on the medium.
bool WriteCache::forget_one() {
  auto oldest = extents_.end();
  for (auto extent = extents_.begin(); extent != extents_.end(); ++extent) {
    if (extent->state == State::clean && (oldest == extents_.end() || extent->stamp < oldest->stamp)) oldest = extent;
  }
  if (oldest == extents_.end()) return false;
  used_ -= oldest->sectors;
  extents_.erase(oldest);
  return true;
}

void WriteCache::insert(std::uint64_t sector, std::uint32_t sectors, std::uint32_t command) {
  // Who waits for the replaced data to be written has to wait for these now.
  const Stamp oldest = std::min(++stamps_, cut(sector, sector + sectors));
  extents_.push_back({.sector = sector, .sectors = sectors, .command = command, .stamp = oldest});
  ++dirty_;
}

void WriteCache::overwritten(std::uint64_t sector, std::uint32_t sectors) { cut(sector, sector + sectors); }

// Takes these sectors out of all extents that are not leaving. The stamp of the oldest dirty one among them.
WriteCache::Stamp WriteCache::cut(std::uint64_t sector, std::uint64_t end) {
  Stamp oldest = UINT64_MAX;
  for (std::size_t i = 0; i < extents_.size();) {
    Extent& extent = extents_[i];
    if (extent.state == State::leaving || extent.end() <= sector || extent.sector >= end) {
      ++i;
      continue;
    }
    if (extent.state == State::dirty) oldest = std::min(oldest, extent.stamp);
    const Extent whole = extent;
    const bool head = whole.sector<sector, tail = whole.end()> end;
    used_ -= static_cast<std::uint32_t>(std::min(whole.end(), end) - std::max(whole.sector, sector));
    Extent rest = whole;
    if (tail) {
      rest.sector = end;
      rest.sectors = static_cast<std::uint32_t>(whole.end() - end);
    }
    if (head) extent.sectors = static_cast<std::uint32_t>(sector - whole.sector);
    if (head && tail) {
      if (whole.state == State::dirty) ++dirty_;
      extents_.insert(extents_.begin() + static_cast<std::ptrdiff_t>(i) + 1, rest);
      i += 2;
    } else if (head) {
      ++i;
    } else if (tail) {
      extent = rest;
      ++i;
    } else {
      if (whole.state == State::dirty) --dirty_;
      extents_.erase(extents_.begin() + static_cast<std::ptrdiff_t>(i));
    }
  }
  return oldest;
}

bool WriteCache::holds(std::uint64_t sector, std::uint32_t sectors) const {
  for (const std::uint64_t end = sector + sectors; sector < end;) {
    const auto at = std::ranges::find_if(
        extents_, [&](const Extent& extent) { return extent.sector <= sector && sector < extent.end(); });
    if (at == extents_.end()) return false;
    sector = at->end();
  }
  return true;
}

bool WriteCache::written(Stamp until) const {
  return std::ranges::none_of(
      extents_, [&](const Extent& extent) { return extent.state != State::clean && extent.stamp <= until; });
}

const std::vector<WriteCache::Extent>& WriteCache::leave_from(std::uint64_t sector) {
  leaving_.clear();
  for (bool found = true; found;) {
    found = false;
    for (Extent& extent : extents_) {
      if (extent.state != State::dirty || extent.sector != sector) continue;
      extent.state = State::leaving;
      --dirty_;
      leaving_.push_back(extent);
      sector = extent.end();
      found = true;
    }
  }
  return leaving_;
}

void WriteCache::left() {
  for (Extent& extent : extents_) {
    if (extent.state == State::leaving) extent.state = State::clean;
  }
}

}  // namespace model

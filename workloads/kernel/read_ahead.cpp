#include "workloads/kernel/read_ahead.h"

#include <algorithm>

namespace guest {

void ReadAhead::begin(u32 position, u32 bytes) {
  const u32 page = position / hv::kPageSize, offset = position % hv::kPageSize;
  goes_on_ = page <= end_ && page + reach_ >= end_;
  if (!goes_on_) end_ = length_ = reach_ = most_ = 0;
  if (page == 0 && offset + bytes <= hv::kPageSize / 2) {  // a look at the head of the file
    most_ = 0;
    return;
  }
  most_ = std::max(most_, (offset + bytes) / hv::kPageSize + 1);
  if (goes_on_) most_ = std::max(most_, kLeast);
  most_ = std::min(most_, kMost);
}

ReadAhead::Window ReadAhead::next(u32 page, bool waits, u32 pages_of_file) {
  Window window;
  const u32 last = pages_of_file == 0 ? 0 : pages_of_file - 1;
  u32 after = end_, pages = 0;
  if (waits) {
    if (length_ != 0 && page < end_ && page + reach_ >= end_) return window;  // in a window that is being read
    after = page;
    if (page < last) pages = most_;
    reach_ = 0;
    length_ = 1;
    if (pages == 0) {
      end_ = page + 1;
      reach_ = 1;
    }
  } else if (goes_on_ && most_ > 0 && end_ >= 1 && page <= end_ && page + length_ >= end_) {
    after = end_ - 1;
    if (after < last) {
      pages = most_ + 1;  // as many as with the page itself when one waits for it
      reach_ = length_;
      length_ = 0;
      window.ahead = true;
    }
  }
  if (pages == 0 || after >= last) return window;
  window.first = after + 1;
  window.pages = std::min(pages, last - after);
  length_ += window.pages;
  reach_ += length_;
  end_ = after + window.pages + 1;
  most_ = std::min(2 * most_, kMost);
  return window;
}

}  // namespace guest

#include "workloads/ports/hosted/host_cache.h"

namespace guest {

HostCache::HostCache(u32 pages) : entries_(pages) {
  places_.reserve(pages);
  for (Index i = pages; i-- > 0;) free_.push_back(i);
}

void HostCache::append_clean(Index at) {
  entries_[at].before = clean_.last;
  entries_[at].after = kNone;
  (clean_.last == kNone ? clean_.first : entries_[clean_.last].after) = at;
  clean_.last = at;
}

// Behind those that have been dirty as long or longer; but for a page that was changed while it was being written, all
// of them.
void HostCache::insert_dirty(Index at) {
  Index before = dirty_.last, after = kNone;
  while (before != kNone && entries_[before].dirty_since > entries_[at].dirty_since) {
    after = before;
    before = entries_[before].before;
  }
  entries_[at].before = before;
  entries_[at].after = after;
  (before == kNone ? dirty_.first : entries_[before].after) = at;
  (after == kNone ? dirty_.last : entries_[after].before) = at;
}

void HostCache::remove(List& list, Index at) {
  const Entry& gone = entries_[at];
  (gone.before == kNone ? list.first : entries_[gone.before].after) = gone.after;
  (gone.after == kNone ? list.last : entries_[gone.after].before) = gone.before;
}

void HostCache::use(u64 page) {
  const Index at = places_.at(page);
  if (entries_[at].state != State::clean) return;
  remove(clean_, at);
  append_clean(at);
}

bool HostCache::insert(u64 page) {
  if (contains(page)) {
    use(page);
    return true;
  }
  Index at = clean_.first;
  if (!free_.empty()) {
    at = free_.back();
    free_.pop_back();
  } else if (at == kNone) {
    return false;
  } else {
    remove(clean_, at);
    places_.erase(entries_[at].page);
  }
  entries_[at] = Entry{.page = page};
  append_clean(at);
  places_.emplace(page, at);
  return true;
}

void HostCache::dirty(u64 page, u64 tick) {
  const Index at = places_.at(page);
  Entry& changed = entries_[at];
  if (changed.state == State::writing) {
    changed.state = State::writing_and_dirty;
    changed.dirty_since = tick;
  }
  if (changed.state != State::clean) return;
  remove(clean_, at);
  changed.state = State::dirty;
  changed.dirty_since = tick;
  insert_dirty(at);
  ++dirty_pages_;
}

bool HostCache::is_dirty(u64 page) const {
  const auto place = places_.find(page);
  return place != places_.end() && entries_[place->second].state == State::dirty;
}

std::optional<u64> HostCache::take_dirty(u64 tick) {
  if (dirty_.first == kNone || entries_[dirty_.first].dirty_since > tick) return std::nullopt;
  const u64 page = entries_[dirty_.first].page;
  take_dirty_page(page);
  return page;
}

void HostCache::take_dirty_page(u64 page) {
  const Index at = places_.at(page);
  remove(dirty_, at);
  entries_[at].state = State::writing;
  --dirty_pages_;
  ++writing_pages_;
}

void HostCache::written(u64 page) {
  const Index at = places_.at(page);
  Entry& done = entries_[at];
  const bool again = done.state == State::writing_and_dirty;
  done.state = again ? State::dirty : State::clean;
  --writing_pages_;
  if (!again) return append_clean(at);
  insert_dirty(at);
  ++dirty_pages_;
}

void HostCache::forget(u64 page) {
  const auto place = places_.find(page);
  const Index at = place->second;
  remove(clean_, at);
  places_.erase(place);
  free_.push_back(at);
}

}  // namespace guest

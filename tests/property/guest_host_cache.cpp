// The host's page cache against a second one, written for simplicity: random pages, random ages.
#include <doctest/doctest.h>

#include <algorithm>
#include <list>
#include <optional>

#include "sim/random.h"
#include "workloads/ports/hosted/host_cache.h"

namespace {

using guest::u64;

struct Page {
  u64 number;
  bool dirty = false, writing = false;
  u64 since = 0;
};

class SimpleCache {
 public:
  explicit SimpleCache(std::size_t room) : room_{room} {}

  Page* find(u64 number) {
    const auto place = std::find_if(pages_.begin(), pages_.end(), [&](const Page& p) { return p.number == number; });
    return place == pages_.end() ? nullptr : &*place;
  }
  // The least recently used is at the front.
  void use(u64 number) {
    const auto place = std::find_if(pages_.begin(), pages_.end(), [&](const Page& p) { return p.number == number; });
    pages_.splice(pages_.end(), pages_, place);
  }
  bool insert(u64 number) {
    if (find(number) != nullptr) return use(number), true;
    if (pages_.size() == room_) {
      const auto clean =
          std::find_if(pages_.begin(), pages_.end(), [](const Page& p) { return !p.dirty && !p.writing; });
      if (clean == pages_.end()) return false;
      pages_.erase(clean);
    }
    pages_.push_back({number});
    return true;
  }
  void forget(u64 number) {
    pages_.remove_if([&](const Page& p) { return p.number == number; });
  }
  std::optional<u64> oldest(u64 until) const {
    std::optional<u64> since;
    for (const Page& page : pages_) {
      if (page.dirty && !page.writing && page.since <= until) since = std::min(since.value_or(page.since), page.since);
    }
    return since;
  }
  guest::u32 count(bool writing) const {
    return static_cast<guest::u32>(std::count_if(
        pages_.begin(), pages_.end(), [&](const Page& p) { return writing ? p.writing : p.dirty && !p.writing; }));
  }
  std::list<Page>& pages() { return pages_; }

 private:
  std::size_t room_;
  std::list<Page> pages_;
};

}  // namespace

TEST_CASE(
    "host cache: the least recently used clean page goes, dirty ones leave by age and are written once per change") {
  constexpr guest::u32 kRoom = 24;
  for (u64 seed = 1; seed <= 40; ++seed) {
    CAPTURE(seed);
    sim::RandomStream random = sim::Random{seed}.stream("pages");
    guest::HostCache cache{kRoom};
    SimpleCache simple{kRoom};
    for (u64 step = 0; step < 2000; ++step) {
      const u64 number = random.below(40);
      Page* page = simple.find(number);
      REQUIRE(cache.contains(number) == (page != nullptr));
      switch (random.below(6)) {
        case 0:
        case 1:
          CHECK(cache.insert(number) == simple.insert(number));
          break;
        case 2:
          if (page == nullptr) break;
          cache.dirty(number, step);
          if (!page->dirty) page->since = step;
          page->dirty = true;
          break;
        case 3: {
          const u64 until = step - std::min<u64>(step, random.below(200));
          const std::optional<u64> taken = cache.take_dirty(until);
          const std::optional<u64> since = simple.oldest(until);
          REQUIRE(taken.has_value() == since.has_value());
          if (!taken) break;
          Page& victim = *simple.find(*taken);
          CHECK(victim.since == *since);
          victim.writing = true;
          victim.dirty = false;
          break;
        }
        case 4:
          if (page == nullptr || !page->writing) break;
          cache.written(number);
          page->writing = false;
          if (!page->dirty) simple.use(number);
          break;
        default:
          if (page == nullptr || page->dirty || page->writing) break;
          cache.forget(number);
          simple.forget(number);
      }
      CHECK(cache.dirty_pages() == simple.count(false));
      CHECK(cache.writing_pages() == simple.count(true));
      REQUIRE(simple.pages().size() <= kRoom);
    }
  }
}

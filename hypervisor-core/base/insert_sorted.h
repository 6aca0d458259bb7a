// An intrusive list that is kept in an order.
#pragma once

#include "base/list.h"

namespace hv {

// Puts an element behind all that it does not go before, into a list that is in that order already. Looks from both
// ends at once, so that what belongs near either is there at once. How many steps it took.
template <class T, class Tag, class Before>
u32 insert_sorted(List<T, Tag>& list, T& added, Before before) {
  T *first = list.front(), *last = list.back();
  if (first == nullptr) list.push_front(added);
  for (u32 steps = 0; first != nullptr; ++steps, first = list.next(*first), last = list.previous(*last)) {
    if (!before(added, *last)) {
      list.insert_after(*last, added);
      return steps;
    }
    if (before(added, *first)) {
      list.insert_before(*first, added);
      return steps;
    }
  }
  return 0;
}

}  // namespace hv

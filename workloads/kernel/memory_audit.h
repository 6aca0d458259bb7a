// Whether the pages that processes map are accounted for: an invariant of every port.
#pragma once

#include <array>
#include <functional>
#include <optional>
#include <string>

#include "workloads/kernel/address_space.h"

namespace guest {

class Kernel;

// What the entries of a page table say, without the cost of a look.
using TableEntries = std::array<PageEntry, hv::kEntriesPerTable>;
using ReadTable = std::function<void(GuestFrame table, TableEntries& entries)>;

// The first violation:
// a page whose users are not the entries that map it and the page cache, an entry outside every area or with a right
// that its area does not give, a wrong count of a space's pages, a slot of swap whose users are not the entries that
// name it and the swap cache, wrong lists of free pages. Where a kernel may have lost its processor in the middle of a
// step (`interrupted`), one page and one slot per processor may have a user more or less.
std::optional<std::string> audit_memory(Kernel& kernel, const ReadTable& read_table, bool interrupted = false);

}  // namespace guest

// Whether the pages that processes map are accounted for: an invariant of every port.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "workloads/kernel/address_space.h"

namespace guest {

class Kernel;

// `look_at`: what the entry for an address says, without the cost of a look; its table is there. The first violation:
// a page whose users are not the entries that map it and the page cache, an entry outside every area or with a right
// that its area does not give, a wrong count of a space's pages, a slot of swap whose users are not the entries that
// name it and the swap cache, wrong lists of free pages. Where a kernel may have lost its processor in the middle of a
// step (`interrupted`), one page and one slot per processor may have a user more or less.
std::optional<std::string> audit_memory(Kernel& kernel,
                                        const std::function<PageEntry(const AddressSpace&, u32)>& look_at,
                                        bool interrupted = false);

}  // namespace guest

// One end of an established TCP connection with nothing in flight, as poll sees it. What goes
// between two ends on one host is not modelled: no data can be sent.
#pragma once

#include "workloads/kernel/file.h"

namespace guest {

class LocalConnection final : public OpenFile {
 public:
  model::Task<u32> read(Kernel& kernel, u32 address, u32 bytes) override;
  model::Task<u32> write(Kernel& kernel, u32 address, u32 bytes) override;
  Ready poll(Kernel& kernel) override;
};

}  // namespace guest

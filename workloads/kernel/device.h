// Character devices that have nothing behind them.
#pragma once

#include "workloads/kernel/file.h"

namespace guest {

// /dev/zero: as many zeros as are asked for.
class ZeroDevice final : public Inode {
 public:
  std::shared_ptr<OpenFile> open(const std::shared_ptr<Inode>& self) override;
};

// /dev/null: always at its end, and takes everything.
class NullDevice final : public Inode {
 public:
  std::shared_ptr<OpenFile> open(const std::shared_ptr<Inode>& self) override;
};

}  // namespace guest

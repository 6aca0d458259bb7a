// /dev/raw of Linux 2.4: a disk read and written straight from the memory of the process, past the page cache.
// (drivers/char/raw.c, brw_kiovec of fs/buffer.c)
#pragma once

#include "workloads/kernel/block/disk.h"
#include "workloads/kernel/file.h"

namespace guest {

class RawDevice final : public Inode {
 public:
  explicit RawDevice(const Disk& disk) : disk_{disk} {}
  std::shared_ptr<OpenFile> open(const std::shared_ptr<Inode>& self) override;

 private:
  const Disk& disk_;
};

}  // namespace guest

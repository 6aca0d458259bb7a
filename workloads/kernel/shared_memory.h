// A segment of shared memory: pages that processes map, without a place on any disk. (Linux 2.4, mm/shmem.c.)
#pragma once

#include "workloads/kernel/file.h"

namespace guest {

class SharedMemory final : public Inode {
 public:
  SharedMemory(Kernel& kernel, u32 its_bytes) : kernel_{kernel} { bytes = its_bytes; }
  std::shared_ptr<OpenFile> open(const std::shared_ptr<Inode>& self) override;  // to be mapped
  model::Task<BlockPointer> page_for_fault(u32 page) override;

 private:
  Kernel& kernel_;
};

}  // namespace guest

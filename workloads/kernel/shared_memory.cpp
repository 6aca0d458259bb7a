#include "workloads/kernel/shared_memory.h"

#include "workloads/kernel/kernel.h"

namespace guest {

namespace {

class OpenSharedMemory final : public OpenFile {
 public:
  explicit OpenSharedMemory(std::shared_ptr<Inode> memory) : memory_{std::move(memory)} {}
  model::Task<u32> read(Kernel&, u32, u32) override { co_return 0; }
  model::Task<u32> write(Kernel&, u32, u32) override { co_return 0; }
  std::shared_ptr<Inode> inode() override { return memory_; }

 private:
  std::shared_ptr<Inode> memory_;
};

}  // namespace

std::shared_ptr<OpenFile> SharedMemory::open(const std::shared_ptr<Inode>& self) {
  return std::make_shared<OpenSharedMemory>(self);
}

model::Task<BlockPointer> SharedMemory::page_for_fault(u32 page) {
  const BlockPointer there = pages.find(page);
  if (there) co_return there;
  const GuestFrame frame = kernel_.take_page(PageUse::user);
  kernel_.charge_zeroing(hv::kPageSize);
  pages.insert(page, std::make_shared<CachedBlock>(frame, kNoBlock, nullptr, page));
  co_return pages.find(page);
}

}  // namespace guest

#include "workloads/kernel/block/raw_device.h"

#include <algorithm>
#include <utility>

#include "hardware/block_device.h"
#include "workloads/kernel/kernel.h"

namespace guest {

namespace {

// What one kernel I/O vector takes at once (KIO_MAX_ATOMIC_IO of Linux 2.4, in kB).
constexpr u32 kMostAtOnce = 512 << 10;

class OpenRawDevice final : public OpenFile {
 public:
  explicit OpenRawDevice(const Disk& disk) : disk_{disk} {}

  model::Task<u32> read(Kernel& kernel, u32 address, u32 bytes) override {
    const std::optional<u32> done = co_await transfer(kernel, BlockDirection::read, position_, address, bytes);
    position_ += done.value_or(0);
    co_return done.value_or(0);
  }
  model::Task<u32> write(Kernel& kernel, u32 address, u32 bytes) override {
    const std::optional<u32> done = co_await transfer(kernel, BlockDirection::write, position_, address, bytes);
    position_ += done.value_or(0);
    co_return done.value_or(0);
  }
  model::Task<std::optional<u32>> read_at(Kernel& kernel, u64 offset, u32 address, u32 bytes) override {
    return transfer(kernel, BlockDirection::read, offset, address, bytes);
  }
  model::Task<std::optional<u32>> write_at(Kernel& kernel, u64 offset, u32 address, u32 bytes) override {
    return transfer(kernel, BlockDirection::write, offset, address, bytes);
  }

 private:
  bool allowed(BlockDirection direction, u64 offset, u32 address, u32 bytes) const {
    const bool whole_sectors =
        offset % hw::kSectorBytes == 0 && address % hw::kSectorBytes == 0 && bytes % hw::kSectorBytes == 0;
    return whole_sectors && (direction == BlockDirection::read || disk_.writable);
  }

  // Whole sectors in memory and on the disk, else an error; less at the end of the disk.
  model::Task<std::optional<u32>> transfer(Kernel& kernel, BlockDirection direction, u64 offset, u32 address,
                                           u32 bytes) {
    kernel.charge(kernel.paths().raw_io);
    if (!allowed(direction, offset, address, bytes)) co_return std::nullopt;
    const u64 end = disk_.sectors * hw::kSectorBytes;
    const u32 wanted = static_cast<u32>(std::min<u64>(bytes, end - std::min(offset, end)));
    for (u32 done = 0; done < wanted;) {
      const u32 part = std::min(wanted - done, kMostAtOnce);
      const u64 sector = disk_.first_sector + (offset + done) / hw::kSectorBytes;
      const bool good = co_await transfer_part(kernel, direction, sector, address + done, part);
      if (!good) co_return std::nullopt;
      done += part;
    }
    co_return wanted;
  }

  // Nobody can take the pages away meanwhile: their process is the one that waits here.
  model::Task<bool> transfer_part(Kernel& kernel, BlockDirection direction, u64 sector, u32 address, u32 bytes) {
    const model::Use use = direction == BlockDirection::read ? model::Use::write : model::Use::read;
    std::vector<std::unique_ptr<Buffer>> buffers = std::exchange(buffers_, {});  // forked processes share the file
    std::size_t count = 0;
    for (const u32 end = address + bytes; address < end; ++count) {
      const u32 part = std::min(end - address, hv::kPageSize - address % hv::kPageSize);
      kernel.charge(kernel.paths().raw_page);
      if (buffers.size() == count) buffers.push_back(std::make_unique<Buffer>());
      Buffer& buffer = *buffers[count];
      buffer.frame = co_await kernel.user_page(address, use);
      buffer.sector = sector;
      buffer.sectors = part / hw::kSectorBytes;
      buffer.first_sector = address % hv::kPageSize / hw::kSectorBytes;
      sector += buffer.sectors;
      address += part;
    }
    for (std::size_t i = 0; i < count; ++i) co_await disk_.queue.submit(*buffers[i], direction);
    bool good = true;
    for (std::size_t i = count; i-- > 0;) {  // the last one first: then most are done
      co_await disk_.queue.wait(*buffers[i]);
      good = good && !buffers[i]->failed;
    }
    buffers_ = std::move(buffers);
    co_return good;
  }

  const Disk& disk_;
  u64 position_ = 0;
  std::vector<std::unique_ptr<Buffer>> buffers_;  // of the I/O under way; kept for the next
};

}  // namespace

std::shared_ptr<OpenFile> RawDevice::open(const std::shared_ptr<Inode>&) {
  return std::make_shared<OpenRawDevice>(disk_);
}

}  // namespace guest

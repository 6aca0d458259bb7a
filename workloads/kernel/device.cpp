#include "workloads/kernel/device.h"

#include "workloads/kernel/kernel.h"

namespace guest {

namespace {

class OpenDevice : public OpenFile {
 public:
  // Linux's /dev/zero takes what is written as /dev/null does.
  model::Task<u32> write(Kernel& kernel, u32, u32 bytes) final {
    kernel.charge(kernel.paths().device_write);
    co_return bytes;
  }
};

class OpenZero final : public OpenDevice {
 public:
  model::Task<u32> read(Kernel& kernel, u32 address, u32 bytes) override {
    kernel.charge(kernel.paths().device_read);
    co_await kernel.clear_user(address, bytes);
    co_return bytes;
  }
};

class OpenNull final : public OpenDevice {
 public:
  model::Task<u32> read(Kernel& kernel, u32, u32) override {
    kernel.charge(kernel.paths().device_read);
    co_return 0;
  }
};

}  // namespace

std::shared_ptr<OpenFile> ZeroDevice::open(const std::shared_ptr<Inode>&) { return std::make_shared<OpenZero>(); }

std::shared_ptr<OpenFile> NullDevice::open(const std::shared_ptr<Inode>&) { return std::make_shared<OpenNull>(); }

}  // namespace guest

// The block driver of User-Mode Linux over a partition of the host: one buffer at a time, whatever the requests are.
//
// The kernel writes what it wants to a pipe, from which a thread of its own reads it, does it through the host's cache,
// and answers; the answer comes with a signal. (2.4.26, arch/um: ubd_kern.c.)
#pragma once

#include "workloads/kernel/block/request_queue.h"
#include "workloads/ports/uml/host_kernel.h"

namespace guest {

class Kernel;

class UbdDriver final : public BlockDriver {
 public:
  UbdDriver(Kernel& kernel, HostKernel& host, const UmlFile& file) : kernel_{kernel}, host_{host}, file_{file} {}

  model::Task<> interrupt();  // SIGIO, and there is an answer

  u64 sectors() const override { return host_.disk()->sectors(); }
  u32 most_request_sectors() const override { return 128; }
  bool barriers() const override { return false; }
  model::Task<> start(RequestQueue& queue) override;

 private:
  void send();

  Kernel& kernel_;
  HostKernel& host_;
  const UmlFile& file_;
  RequestQueue* queue_ = nullptr;    // that was started
  BlockRequest* request_ = nullptr;  // of which a buffer is with the thread
  std::size_t buffer_ = 0;
};

}  // namespace guest

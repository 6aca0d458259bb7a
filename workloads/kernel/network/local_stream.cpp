#include "workloads/kernel/network/local_stream.h"

#include <algorithm>

#include "workloads/kernel/kernel.h"

namespace guest {

// [unix_stream_recvmsg] What is there, of as many buffers as fit; waits only for the first byte.
model::Task<u32> LocalEnd::read(Kernel& kernel, u32 address, u32 bytes) {
  const std::shared_ptr<LocalStream> stream = stream_;
  LocalStream::Direction& from = incoming();
  while (from.bytes == 0 && !from.ended) {
    co_await kernel.sleep_on(from.readers);
    if (kernel.signal_pending()) co_return 0;
  }
  u32 done = 0;
  while (done < bytes && !from.buffers.empty()) {
    kernel.charge(kernel.paths().local_receive);
    const u32 part = std::min(bytes - done, from.buffers.front());
    from.buffers.front() -= part;
    from.bytes -= part;
    if (from.buffers.front() == 0) from.buffers.pop_front();
    co_await kernel.copy_user(address + done, part, model::Use::write);
    done += part;
  }
  kernel.wake_all(from.writers);
  co_return done;
}

// [unix_stream_sendmsg]
model::Task<u32> LocalEnd::write(Kernel& kernel, u32 address, u32 bytes) {
  const std::shared_ptr<LocalStream> stream = stream_;
  LocalStream::Direction& to = outgoing();
  u32 done = 0;
  while (done < bytes) {
    while (!to.unread && to.bytes >= LocalStream::kSendBuffer) {
      co_await kernel.sleep_on(to.writers);
      if (kernel.signal_pending()) co_return done;
    }
    if (to.unread) co_return done;
    kernel.charge(kernel.paths().local_send);
    const u32 part = std::min(bytes - done, LocalStream::kSendBuffer - to.bytes);
    co_await kernel.copy_user(address + done, part, model::Use::read);
    to.buffers.push_back(part);
    to.bytes += part;
    done += part;
    kernel.wake_all(to.readers);
  }
  co_return done;
}

OpenFile::Ready LocalEnd::poll(Kernel& kernel) {
  kernel.charge(kernel.paths().socket_poll);
  return {.read = incoming().bytes > 0 || incoming().ended,
          .write = outgoing().bytes < LocalStream::kSendBuffer || outgoing().unread};
}

model::Task<> LocalEnd::release(Kernel& kernel) {
  incoming().unread = outgoing().ended = true;
  kernel.wake_all(incoming().writers);
  kernel.wake_all(outgoing().readers);
  co_return;
}

std::shared_ptr<OpenFile> LocalName::connect(Kernel& kernel) {
  kernel.charge(kernel.paths().local_connect);
  if (!listening) return nullptr;
  const auto stream = std::make_shared<LocalStream>();
  pending.push_back(std::make_shared<LocalEnd>(stream, 1));
  if (Process* waiting = acceptors.take_first()) kernel.wake(*waiting);
  return std::make_shared<LocalEnd>(stream, 0);
}

model::Task<std::shared_ptr<OpenFile>> LocalListener::accept(Kernel& kernel) {
  const std::shared_ptr<LocalName> name = name_;
  while (name->pending.empty()) {
    co_await kernel.sleep_on(name->acceptors);
    if (kernel.signal_pending()) co_return nullptr;
  }
  kernel.charge(kernel.paths().local_accept);
  std::shared_ptr<OpenFile> end = std::move(name->pending.front());
  name->pending.pop_front();
  co_return end;
}

OpenFile::Ready LocalListener::poll(Kernel& kernel) {
  kernel.charge(kernel.paths().socket_poll);
  return {.read = !name_->pending.empty()};
}

}  // namespace guest

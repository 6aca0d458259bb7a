// Stream sockets of the Unix domain, between processes of one kernel. (Linux 2.4, net/unix/af_unix.c.)
//
// Each write becomes a buffer in the peer's queue, read in order; a sender has room for so many bytes that nobody has
// read yet. The name that a server listens at is in the file system.
#pragma once

#include <deque>
#include <memory>

#include "workloads/kernel/file.h"

namespace guest {

// Both directions of a connection; each end holds it.
class LocalStream {
 public:
  static constexpr u32 kSendBuffer = 65'535;  // net.core.wmem_default

  struct Direction {
    std::deque<u32> buffers;  // bytes left of each
    u32 bytes = 0;            // in all of them
    bool ended = false;       // nobody will write any more
    bool unread = false;      // nobody will read any more
    WaitQueue readers, writers;
  };
  Direction directions[2];
};

class LocalEnd final : public OpenFile {
 public:
  LocalEnd(std::shared_ptr<LocalStream> stream, u32 side) : stream_{std::move(stream)}, side_{side} {}
  model::Task<u32> read(Kernel& kernel, u32 address, u32 bytes) override;
  model::Task<u32> write(Kernel& kernel, u32 address, u32 bytes) override;
  Ready poll(Kernel& kernel) override;
  WaitQueue* waiters(bool for_writing) override { return for_writing ? &outgoing().writers : &incoming().readers; }
  model::Task<> release(Kernel& kernel) override;

 private:
  LocalStream::Direction& incoming() { return stream_->directions[side_]; }
  LocalStream::Direction& outgoing() { return stream_->directions[1 - side_]; }

  std::shared_ptr<LocalStream> stream_;
  u32 side_;
};

// What a path stands for at which somebody listens.
class LocalName final : public Inode {
 public:
  // The client's end, charged; whoever listens has the other one to accept. Null: nobody listens.
  std::shared_ptr<OpenFile> connect(Kernel& kernel);

  std::deque<std::shared_ptr<OpenFile>> pending;  // server's ends, not accepted yet
  WaitQueue acceptors;
  bool listening = true;
};

class LocalListener final : public OpenFile {
 public:
  explicit LocalListener(std::shared_ptr<LocalName> name) : name_{std::move(name)} {}
  model::Task<std::shared_ptr<OpenFile>> accept(Kernel& kernel);  // waits for one; null: a signal came
  model::Task<u32> read(Kernel&, u32, u32) override { co_return 0; }
  model::Task<u32> write(Kernel&, u32, u32) override { co_return 0; }
  Ready poll(Kernel& kernel) override;
  WaitQueue* waiters(bool) override { return &name_->acceptors; }
  model::Task<> release(Kernel&) override {
    name_->listening = false;
    co_return;
  }

 private:
  std::shared_ptr<LocalName> name_;
};

}  // namespace guest

// Pipes: one page between those who write and those who read. (Linux 2.4, fs/pipe.c.)
//
// Readers and writers sleep in one queue, and whoever changes the pipe wakes all of it. A write of at most a page goes
// in as a whole or waits; a longer one goes in as room comes.
#pragma once

#include <memory>

#include "model/code_map.h"
#include "workloads/kernel/file.h"

namespace guest {

class Pipe {
 public:
  static constexpr u32 kCapacity = hv::kPageSize;

  explicit Pipe(GuestFrame page) : page_{page} {}

  model::Task<u32> read(Kernel& kernel, u32 address, u32 bytes);
  model::Task<u32> write(Kernel& kernel, u32 address, u32 bytes);
  u32 length() const { return length_; }
  u32 room() const { return kCapacity - length_; }
  bool has_writer() const { return writer_; }
  bool has_reader() const { return reader_; }
  WaitQueue& sleepers() { return sleepers_; }

  // An end was closed for good. With both of them its page goes.
  void close_read_end(Kernel& kernel);
  void close_write_end(Kernel& kernel);

 private:
  void wake_sleepers(Kernel& kernel);
  void end_closed(Kernel& kernel);
  model::Task<> copy(Kernel& kernel, u32 place, u32 address, u32 bytes, model::Use user_use);

  GuestFrame page_;
  u32 start_ = 0, length_ = 0;  // of what is in the page, which is used as a ring
  bool reader_ = true, writer_ = true;
  u32 waiting_writers_ = 0;
  WaitQueue sleepers_;
};

struct PipeFiles {
  std::shared_ptr<OpenFile> read_end, write_end;
};
PipeFiles make_pipe(Kernel& kernel);  // charged

}  // namespace guest

#include "workloads/kernel/pipe.h"

#include <algorithm>

#include "workloads/kernel/kernel.h"

namespace guest {

namespace {

class ReadEnd final : public OpenFile {
 public:
  explicit ReadEnd(std::shared_ptr<Pipe> pipe) : pipe_{std::move(pipe)} {}
  model::Task<u32> read(Kernel& kernel, u32 address, u32 bytes) override { return pipe_->read(kernel, address, bytes); }
  model::Task<u32> write(Kernel&, u32, u32) override { co_return 0; }
  Ready poll(Kernel&) override { return {.read = pipe_->length() > 0 || !pipe_->has_writer()}; }
  WaitQueue* waiters(bool) override { return &pipe_->sleepers(); }
  model::Task<> release(Kernel& kernel) override {
    pipe_->close_read_end(kernel);
    co_return;
  }

 private:
  std::shared_ptr<Pipe> pipe_;
};

class WriteEnd final : public OpenFile {
 public:
  explicit WriteEnd(std::shared_ptr<Pipe> pipe) : pipe_{std::move(pipe)} {}
  model::Task<u32> read(Kernel&, u32, u32) override { co_return 0; }
  model::Task<u32> write(Kernel& kernel, u32 address, u32 bytes) override {
    return pipe_->write(kernel, address, bytes);
  }
  Ready poll(Kernel&) override { return {.write = pipe_->length() == 0 || !pipe_->has_reader()}; }
  WaitQueue* waiters(bool) override { return &pipe_->sleepers(); }
  model::Task<> release(Kernel& kernel) override {
    pipe_->close_write_end(kernel);
    co_return;
  }

 private:
  std::shared_ptr<Pipe> pipe_;
};

}  // namespace

PipeFiles make_pipe(Kernel& kernel) {
  kernel.charge(kernel.paths().pipe_create);
  const auto pipe = std::make_shared<Pipe>(kernel.take_page(PageUse::kernel));
  return {std::make_shared<ReadEnd>(pipe), std::make_shared<WriteEnd>(pipe)};
}

void Pipe::wake_sleepers(Kernel& kernel) {
  while (Process* sleeper = sleepers_.take_first()) kernel.wake(*sleeper);
}

// Between the user and the ring from `place` on: two copies if it goes over the end of the page. The pipe changes
// before the copy is made, for a copy may fault or be interrupted, and on another processor somebody may look at the
// pipe.
model::Task<> Pipe::copy(Kernel& kernel, u32 place, u32 address, u32 bytes, model::Use user_use) {
  const u32 line = kernel.machine().file().cache.line_bytes;
  const model::Use own_use = user_use == model::Use::read ? model::Use::write : model::Use::read;
  while (bytes > 0) {
    const u32 part = std::min(bytes, kCapacity - place);
    kernel.touch(page_.kernel_address() + place, (place % line + part - 1) / line + 1, own_use);
    co_await kernel.copy_user(address, part, user_use);
    address += part;
    bytes -= part;
    place = 0;
  }
}

model::Task<u32> Pipe::read(Kernel& kernel, u32 address, u32 bytes) {
  kernel.charge(kernel.paths().pipe_read);
  u32 done = 0;
  while (bytes > 0) {
    while (length_ == 0 && writer_) {
      co_await kernel.sleep_on(sleepers_);
      if (kernel.signal_pending()) co_return done;
    }
    while (done < bytes && length_ > 0) {
      const u32 chunk = std::min(bytes - done, length_);
      const u32 place = start_;
      length_ -= chunk;
      start_ = length_ == 0 ? 0 : (start_ + chunk) % kCapacity;  // empty: the same cache lines again
      co_await copy(kernel, place, address + done, chunk, model::Use::write);
      done += chunk;
    }
    wake_sleepers(kernel);
    // It waits for more only if there are writers that it has just made room for.
    if (done == bytes || waiting_writers_ == 0) break;
  }
  co_return done;
}

model::Task<u32> Pipe::write(Kernel& kernel, u32 address, u32 bytes) {
  kernel.charge(kernel.paths().pipe_write);
  const u32 room_to_start = bytes <= kCapacity ? bytes : 1;
  u32 done = 0;
  while (done < bytes) {
    while (reader_ && room() < (done == 0 ? room_to_start : 1)) {
      if (done > 0) wake_sleepers(kernel);
      ++waiting_writers_;
      co_await kernel.sleep_on(sleepers_);
      --waiting_writers_;
      if (kernel.signal_pending()) co_return done;
    }
    if (!reader_) co_return done;
    const u32 chunk = std::min(bytes - done, room());
    const u32 place = (start_ + length_) % kCapacity;
    length_ += chunk;
    co_await copy(kernel, place, address + done, chunk, model::Use::read);
    done += chunk;
  }
  wake_sleepers(kernel);
  co_return done;
}

void Pipe::close_read_end(Kernel& kernel) {
  reader_ = false;
  end_closed(kernel);
}

void Pipe::close_write_end(Kernel& kernel) {
  writer_ = false;
  end_closed(kernel);
}

void Pipe::end_closed(Kernel& kernel) {
  wake_sleepers(kernel);
  if (!reader_ && !writer_) kernel.pages().give(page_);
}

}  // namespace guest

// The system calls on files: into the kernel, the descriptor or the name, the operation, and out again.
#include <algorithm>

#include "workloads/kernel/descriptors.h"
#include "workloads/kernel/file_system.h"
#include "workloads/kernel/pipe.h"
#include "workloads/kernel/system_calls.h"

namespace guest {

namespace {

// Bytes of what calls copy besides buffers, on i386.
constexpr u32 kStatus = 96;            // struct stat64
constexpr u32 kTime = 8;               // struct timeval
constexpr u32 kFileSystemStatus = 64;  // struct statfs
constexpr u32 kLock = 16;              // struct flock
constexpr u32 kTwoDescriptors = 8;

// A set of descriptors up to `last`, in whole words.
u32 bytes_of_set(Descriptor last) { return (static_cast<u32>(last) / 32 + 1) * 4; }

void fetch_name(Kernel& kernel, const std::string& path) {
  kernel.charge(kernel.paths().path_name);
  kernel.charge_user_copy(static_cast<u32>(path.size()) + 1);
}

Descriptor open_inode(Kernel& kernel, Process& process, const std::shared_ptr<Inode>& inode, OpenFlags flags) {
  kernel.charge(kernel.paths().open);
  std::shared_ptr<OpenFile> file = inode ? inode->open(inode) : nullptr;
  if (!file) {
    if (process.error == Error::none) process.error = Error::no_entry;
    return -1;
  }
  file->flags = flags;
  return add_descriptor(process, std::move(file));
}

FileStatus report_status(Kernel& kernel, const Inode* inode) {
  kernel.charge(kernel.paths().stat);
  kernel.charge_user_copy(kStatus);
  return inode != nullptr ? FileStatus{inode->bytes, inode->blocks()} : FileStatus{};
}

}  // namespace

model::Task<Descriptor> SystemCalls::open(std::string path) { return open(std::move(path), {}); }

model::Task<Descriptor> SystemCalls::open(std::string path, OpenFlags flags) {
  kernel_.enter_system_call();
  process_.error = Error::none;
  fetch_name(kernel_, path);
  FileSystem& files = kernel_.file_system();
  const auto existing = flags.truncate ? FileSystem::Existing::empty : FileSystem::Existing::keep;
  std::shared_ptr<Inode> inode;
  if (flags.create) {
    inode = co_await files.create(path, existing);
  } else {
    inode = co_await files.find(path);
  }
  const Descriptor descriptor = open_inode(kernel_, process_, inode, flags);
  co_await kernel_.leave_system_call();
  co_return descriptor;
}

model::Task<Descriptor> SystemCalls::create(std::string path) {
  return open(std::move(path), {.create = true, .truncate = true});
}

model::Task<> SystemCalls::close(Descriptor file) {
  kernel_.enter_system_call();
  co_await close_descriptor(kernel_, process_, file);
  if (kernel_.soft_interrupts_pending()) co_await kernel_.run_soft_interrupts();  // the end of a connection
  co_await kernel_.leave_system_call();
}

model::Task<Descriptor> SystemCalls::duplicate(Descriptor file) {
  kernel_.enter_system_call();
  kernel_.charge(kernel_.paths().descriptor);
  std::shared_ptr<OpenFile> open_file = open_file_of(process_, file);
  kernel_.charge(kernel_.paths().duplicate);
  const Descriptor copy = open_file ? add_descriptor(process_, std::move(open_file)) : -1;
  co_await kernel_.leave_system_call();
  co_return copy;
}

model::Task<u32> SystemCalls::read(Descriptor file, u32 address, u32 bytes) {
  kernel_.enter_system_call();
  process_.error = Error::none;
  kernel_.charge(kernel_.paths().read);
  kernel_.charge(kernel_.paths().descriptor);
  OpenFile* open_file = open_file_of(process_, file).get();  // its descriptor keeps it
  const u32 done = open_file != nullptr ? co_await open_file->read(kernel_, address, bytes) : 0;
  co_await kernel_.leave_system_call();
  co_return done;
}

model::Task<u32> SystemCalls::write(Descriptor file, u32 address, u32 bytes) {
  kernel_.enter_system_call();
  process_.error = Error::none;
  kernel_.charge(kernel_.paths().write);
  kernel_.charge(kernel_.paths().descriptor);
  OpenFile* open_file = open_file_of(process_, file).get();  // its descriptor keeps it
  const u32 done = open_file != nullptr ? co_await open_file->write(kernel_, address, bytes) : 0;
  co_await kernel_.leave_system_call();
  co_return done;
}

model::Task<u32> SystemCalls::write(Descriptor file, std::span<const Piece> pieces) {
  kernel_.enter_system_call();
  process_.error = Error::none;
  kernel_.charge(kernel_.paths().write);
  kernel_.charge(kernel_.paths().descriptor);
  kernel_.charge_user_copy(static_cast<u32>(pieces.size_bytes()));
  OpenFile* open_file = open_file_of(process_, file).get();  // its descriptor keeps it
  const u32 done = open_file != nullptr ? co_await open_file->write_pieces(kernel_, pieces) : 0;
  co_await kernel_.leave_system_call();
  co_return done;
}

model::Task<std::optional<u32>> SystemCalls::read_at(Descriptor file, u64 offset, u32 address, u32 bytes) {
  kernel_.enter_system_call();
  process_.error = Error::none;
  kernel_.charge(kernel_.paths().read);
  kernel_.charge(kernel_.paths().descriptor);
  OpenFile* open_file = open_file_of(process_, file).get();  // its descriptor keeps it
  std::optional<u32> done;
  if (open_file != nullptr) done = co_await open_file->read_at(kernel_, offset, address, bytes);
  co_await kernel_.leave_system_call();
  co_return done;
}

model::Task<std::optional<u32>> SystemCalls::write_at(Descriptor file, u64 offset, u32 address, u32 bytes) {
  kernel_.enter_system_call();
  process_.error = Error::none;
  kernel_.charge(kernel_.paths().write);
  kernel_.charge(kernel_.paths().descriptor);
  OpenFile* open_file = open_file_of(process_, file).get();  // its descriptor keeps it
  std::optional<u32> done;
  if (open_file != nullptr) done = co_await open_file->write_at(kernel_, offset, address, bytes);
  co_await kernel_.leave_system_call();
  co_return done;
}

model::Task<bool> SystemCalls::seek(Descriptor file, u32 position) {
  kernel_.enter_system_call();
  process_.error = Error::none;
  kernel_.charge(kernel_.paths().descriptor);
  co_await kernel_.big_lock().take();
  kernel_.charge(kernel_.paths().seek);
  co_await kernel_.big_lock().release();
  const std::shared_ptr<OpenFile> open_file = open_file_of(process_, file);
  const bool done = open_file && open_file->seek(position);
  if (!done) process_.error = Error::not_seekable;
  co_await kernel_.leave_system_call();
  co_return done;
}

model::Task<bool> SystemCalls::sync(Descriptor file) {
  kernel_.enter_system_call();
  process_.error = Error::none;
  kernel_.charge(kernel_.paths().descriptor);
  const std::shared_ptr<OpenFile> open_file = open_file_of(process_, file);
  const auto regular = open_file ? std::dynamic_pointer_cast<RegularFile>(open_file->inode()) : nullptr;
  bool synced = false;
  if (regular) synced = co_await kernel_.file_system().sync(*regular);
  if (!synced) process_.error = Error::io;
  co_await kernel_.leave_system_call();
  co_return synced;
}

model::Task<> SystemCalls::sync_all() {
  kernel_.enter_system_call();
  co_await kernel_.file_system().sync_all();
  co_await kernel_.leave_system_call();
}

model::Task<std::optional<FileStatus>> SystemCalls::stat(std::string path) {
  kernel_.enter_system_call();
  process_.error = Error::none;
  fetch_name(kernel_, path);
  std::optional<FileStatus> status;
  const std::shared_ptr<Inode> inode = co_await kernel_.file_system().find(path);
  if (inode) status = report_status(kernel_, inode.get());
  co_await kernel_.leave_system_call();
  co_return status;
}

model::Task<std::optional<FileStatus>> SystemCalls::status(Descriptor file) {
  kernel_.enter_system_call();
  kernel_.charge(kernel_.paths().descriptor);
  std::optional<FileStatus> status;
  if (const std::shared_ptr<OpenFile> open_file = open_file_of(process_, file)) {
    status = report_status(kernel_, open_file->inode().get());
  }
  co_await kernel_.leave_system_call();
  co_return status;
}

model::Task<bool> SystemCalls::unlink(std::string path) {
  kernel_.enter_system_call();
  process_.error = Error::none;
  fetch_name(kernel_, path);
  const bool unlinked = co_await kernel_.file_system().unlink(path);
  co_await kernel_.leave_system_call();
  co_return unlinked;
}

model::Task<bool> SystemCalls::make_directory(std::string path) {
  kernel_.enter_system_call();
  process_.error = Error::none;
  fetch_name(kernel_, path);
  const bool made = co_await kernel_.file_system().make_directory(path);
  co_await kernel_.leave_system_call();
  co_return made;
}

model::Task<bool> SystemCalls::rename(std::string from, std::string to) {
  kernel_.enter_system_call();
  process_.error = Error::none;
  fetch_name(kernel_, from);
  fetch_name(kernel_, to);
  const bool renamed = co_await kernel_.file_system().rename(from, to);
  co_await kernel_.leave_system_call();
  co_return renamed;
}

model::Task<bool> SystemCalls::set_times(std::string path) {
  kernel_.enter_system_call();
  process_.error = Error::none;
  fetch_name(kernel_, path);
  kernel_.charge_user_copy(2 * kTime);
  const bool set = co_await kernel_.file_system().set_times(path);
  co_await kernel_.leave_system_call();
  co_return set;
}

model::Task<bool> SystemCalls::file_system_status(std::string path) {
  kernel_.enter_system_call();
  process_.error = Error::none;
  fetch_name(kernel_, path);
  const std::shared_ptr<Inode> inode = co_await kernel_.file_system().find(path);
  kernel_.charge(kernel_.paths().file_system_status);
  kernel_.charge_user_copy(kFileSystemStatus);
  co_await kernel_.leave_system_call();
  co_return inode != nullptr;
}

model::Task<u32> SystemCalls::list(Descriptor directory, u32 address, u32 bytes) {
  kernel_.enter_system_call();
  process_.error = Error::none;
  kernel_.charge(kernel_.paths().descriptor);
  const std::shared_ptr<OpenFile> open_file = open_file_of(process_, directory);
  const u32 listed = open_file ? co_await open_file->read(kernel_, address, bytes) : 0;
  co_await kernel_.leave_system_call();
  co_return listed;
}

model::Task<> SystemCalls::control(Descriptor) {
  kernel_.enter_system_call();
  kernel_.charge(kernel_.paths().descriptor);
  kernel_.charge(kernel_.paths().control);
  co_await kernel_.leave_system_call();
}

model::Task<bool> SystemCalls::lock_file(Descriptor file) {
  kernel_.enter_system_call();
  kernel_.charge(kernel_.paths().descriptor);
  kernel_.charge(kernel_.paths().file_lock);
  kernel_.charge_user_copy(kLock);
  const std::shared_ptr<OpenFile> open_file = open_file_of(process_, file);
  const std::shared_ptr<Inode> inode = open_file ? open_file->inode() : nullptr;
  if (inode) co_await inode->record_lock.lock(kernel_);
  co_await kernel_.leave_system_call();
  co_return inode != nullptr;
}

model::Task<bool> SystemCalls::unlock_file(Descriptor file) {
  kernel_.enter_system_call();
  kernel_.charge(kernel_.paths().descriptor);
  kernel_.charge(kernel_.paths().file_lock);
  kernel_.charge_user_copy(kLock);
  const std::shared_ptr<OpenFile> open_file = open_file_of(process_, file);
  const std::shared_ptr<Inode> inode = open_file ? open_file->inode() : nullptr;
  if (inode) inode->record_lock.unlock(kernel_);
  co_await kernel_.leave_system_call();
  co_return inode != nullptr;
}

model::Task<SystemCalls::PipeEnds> SystemCalls::pipe() {
  kernel_.enter_system_call();
  PipeFiles files = make_pipe(kernel_);
  const Descriptor read_end = add_descriptor(process_, std::move(files.read_end));
  const Descriptor write_end = add_descriptor(process_, std::move(files.write_end));
  kernel_.charge_user_copy(kTwoDescriptors);
  co_await kernel_.leave_system_call();
  co_return PipeEnds{read_end, write_end};
}

// Of `files`, so many are ready; where one can wait for the others.
u32 SystemCalls::poll(std::span<const Descriptor> files, bool for_writing, std::vector<WaitQueue*>& waiters) {
  u32 ready = 0;
  for (const Descriptor file : files) {
    kernel_.charge(kernel_.paths().select_descriptor);
    const std::shared_ptr<OpenFile> open_file = open_file_of(process_, file);
    if (!open_file) continue;
    const OpenFile::Ready answer = open_file->poll(kernel_);
    if (for_writing ? answer.write : answer.read) ++ready;
    WaitQueue* const queue = open_file->waiters(for_writing);
    if (queue != nullptr && std::ranges::find(waiters, queue) == waiters.end()) waiters.push_back(queue);
  }
  return ready;
}

model::Task<u32> SystemCalls::select(std::span<const Descriptor> files, bool for_writing, std::optional<u64> ticks) {
  kernel_.enter_system_call();
  kernel_.charge(kernel_.paths().select);
  const u32 set = files.empty() ? 0 : bytes_of_set(*std::max_element(files.begin(), files.end()));
  kernel_.charge_user_copy(set);  // of the three sets, one is there
  kernel_.charge_user_copy(kTime);
  // The tick that is under way does not count [schedule_timeout].
  std::optional<u64> until;
  if (ticks) until = kernel_.ticks() + *ticks + (*ticks > 0 ? 1 : 0);
  std::vector<WaitQueue*> waiters;
  u32 ready = poll(files, for_writing, waiters);
  while (ready == 0 && (!until || kernel_.ticks() < *until) && !kernel_.signal_pending()) {
    co_await kernel_.sleep_on_any(waiters, until);
    waiters.clear();
    ready = poll(files, for_writing, waiters);
  }
  kernel_.charge_user_copy(set);
  kernel_.charge_user_copy(kTime);  // what is left of it
  co_await kernel_.leave_system_call();
  co_return ready;
}

}  // namespace guest

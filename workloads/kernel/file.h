// Files as the system calls see them: inodes that have a name and pages, and open files that can be read, written and
// polled. What is behind an open file (a regular file, a pipe, a socket, a device) is a class of its own.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include "model/task.h"
#include "workloads/kernel/cached_block.h"
#include "workloads/kernel/file_pages.h"
#include "workloads/kernel/kernel_objects.h"
#include "workloads/kernel/mutex.h"

namespace guest {

class Kernel;
class OpenFile;
struct Executable;

// Why a call moved less than it was asked for, or did nothing (errno).
enum class Error : u8 { none, no_entry, exists, bad_descriptor, not_seekable, io, no_space, again, no_memory };

// What a name stands for. Its pages are in the page cache; their contents exist nowhere.
class Inode {
 public:
  virtual ~Inode() = default;
  // What a process holds that opens it; `self` is this inode. Null: it cannot be opened.
  virtual std::shared_ptr<OpenFile> open(const std::shared_ptr<Inode>&) { return nullptr; }
  virtual u32 blocks() const { return 0; }  // that it occupies in its file system

  // A page of it for a fault, read from the disk if it must be. Null: it cannot be. May sleep.
  virtual model::Task<BlockPointer> page_for_fault(u32) { co_return nullptr; }
  virtual void dirtied(u32) {}  // a page of it, by stores to a mapping

  u32 bytes = 0;
  KernelObject object;                           // it in the kernel's memory
  FilePages pages;                               // the page cache
  std::shared_ptr<const Executable> executable;  // null: cannot be executed
  Mutex mutex;                                   // of whoever changes it [i_sem]
  Mutex record_lock;                             // of processes that agree to ask for it (fcntl, the whole file)
};

// A part of the user's memory, for a call that takes several (struct iovec).
struct Piece {
  u32 address = 0, bytes = 0;
};

struct OpenFlags {
  bool create = false, truncate = false;
  bool append = false;       // every write goes to the end
  bool synchronous = false;  // every write is on the disk when it returns
};

// What a process that opened something holds (Linux: struct file). Charges its own paths and what it copies to or from
// the user at `address`; the system call around it and its descriptor are charged there.
class OpenFile {
 public:
  virtual ~OpenFile() = default;
  // Bytes moved; 0 at the end of the file, or when nobody will ever read what is written. May sleep.
  virtual model::Task<u32> read(Kernel& kernel, u32 address, u32 bytes) = 0;
  virtual model::Task<u32> write(Kernel& kernel, u32 address, u32 bytes) = 0;
  // The same at `offset` [pread64, pwrite64]. Nothing: an error, of the device or because that cannot be done here.
  virtual model::Task<std::optional<u32>> read_at(Kernel&, u64, u32, u32) { co_return std::nullopt; }
  virtual model::Task<std::optional<u32>> write_at(Kernel&, u64, u32, u32) { co_return std::nullopt; }
  virtual bool seek(u32) { return false; }  // where the next one begins; false: it has no places
  struct Ready {
    bool read = false, write = false;
  };
  virtual Ready poll(Kernel&) { return {true, true}; }  // charged; what never blocks costs nothing
  // Where somebody waits until poll() would answer otherwise; null: it never does.
  virtual WaitQueue* waiters(bool) { return nullptr; }  // for writing, or for reading
  // Several pieces of memory one after the other, as one write.
  virtual model::Task<u32> write_pieces(Kernel& kernel, std::span<const Piece> pieces);
  virtual model::Task<> release(Kernel&) { return {}; }       // its last descriptor was closed
  virtual std::shared_ptr<Inode> inode() { return nullptr; }  // that mmap can map; null: nothing to map

  OpenFlags flags;
};

}  // namespace guest

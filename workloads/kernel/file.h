// Files as the system calls see them: inodes that have a name and pages, and open files that can be read, written and
// polled. What is behind an open file (a regular file, a pipe, a socket, a device) is a class of its own.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "model/task.h"
#include "workloads/kernel/memory.h"
#include "workloads/kernel/wait_queue.h"

namespace guest {

class Kernel;
class OpenFile;
struct Executable;

// What a name stands for. Its pages are in the page cache; their contents exist nowhere.
class Inode {
 public:
  virtual ~Inode() = default;
  // What a process holds that opens it; `self` is this inode. Null: it cannot be opened.
  virtual std::shared_ptr<OpenFile> open(const std::shared_ptr<Inode>&) { return nullptr; }
  virtual u32 blocks() const { return 0; }  // that it occupies in its file system

  u32 bytes = 0;
  std::map<u32, GuestFrame> pages;               // the page cache: resident pages by their number in the file
  std::shared_ptr<const Executable> executable;  // null: cannot be executed
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
  struct Ready {
    bool read = false, write = false;
  };
  virtual Ready poll(Kernel&) { return {true, true}; }        // charged; what never blocks costs nothing
  virtual void release(Kernel&) {}                            // its last descriptor was closed
  virtual std::shared_ptr<Inode> inode() { return nullptr; }  // that mmap can map; null: nothing to map
};

}  // namespace guest

// Files as the system calls see them: inodes that have a name and pages, and open files that can be read, written and
// polled. What is behind an open file (a regular file, a pipe, a socket, a device) is a class of its own.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "model/task.h"
#include "workloads/kernel/memory.h"
#include "workloads/kernel/wait_queue.h"

namespace guest {

class Kernel;
struct Executable;

// A file on a file system. Its pages are in the page cache; their contents exist nowhere.
class Inode {
 public:
  virtual ~Inode() = default;
  u32 bytes = 0;
  std::map<u32, GuestFrame> pages;               // the page cache: resident pages by their number in the file
  std::shared_ptr<const Executable> executable;  // null: cannot be executed
};

// What a process that opened something holds (Linux: struct file). Charges its own paths; the system call around it,
// its descriptor and the bytes copied to or from the user at `address` are charged there.
class OpenFile {
 public:
  virtual ~OpenFile() = default;
  // Bytes moved; 0 at the end of the file, or when nobody will ever read what is written. May sleep.
  virtual model::Task<u32> read(Kernel& kernel, u32 address, u32 bytes) = 0;
  virtual model::Task<u32> write(Kernel& kernel, u32 address, u32 bytes) = 0;
  struct Ready {
    bool read = false, write = false;
  };
  virtual Ready poll(Kernel& kernel) = 0;                     // charged
  virtual std::shared_ptr<Inode> inode() { return nullptr; }  // that mmap can map; null: nothing to map
};

}  // namespace guest

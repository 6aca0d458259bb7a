// Where the kernel's objects are in its memory. What they hold is C++ state; what is here is that a path which uses one
// goes to its address, through the TLB and the cache, so that an object is warm only as long as nothing else has
// displaced it, has to come from the processor that used it last, and costs a page walk where the direct map is made of
// small pages. A program that does the same thing over and over finds its objects where it left them and pays nothing.
//
// Objects of a kind fill pages of their own; what was freed last is given out first [slab]. Pages of files are looked
// up in a table and have a record each in mem_map, behind which the hash tables lie.
#pragma once

#include <array>
#include <string_view>
#include <vector>

#include "model/code_map.h"
#include "model/task.h"
#include "workloads/kernel/memory.h"

namespace guest {

class Kernel;

enum class ObjectKind : u8 {
  dentry,
  inode,        // with ext3's part
  buffer_head,  // of a block in memory
  socket,
  packet,       // sk_buff
  packet_data,  // the buffer behind it: what is at its end; headers and payload are charged where they are moved
  count
};
inline constexpr std::size_t kObjectKinds = static_cast<std::size_t>(ObjectKind::count);
inline constexpr std::array<std::string_view, kObjectKinds> kObjectNames = {"dentry", "inode",  "buffer_head",
                                                                            "socket", "packet", "packet_data"};

// Of one kind, from linux24.json.
struct ObjectShape {
  u32 bytes = 0;  // what it takes in its page
  u32 lines = 0;  // cache lines of it that one use touches
};

// The place of one object. Its owner keeps it; it gets its address when it is first used.
struct KernelObject {
  u32 address = 0;  // 0: none yet
};

class KernelObjects {
 public:
  KernelObjects(Kernel& kernel, const std::array<ObjectShape, kObjectKinds>& shapes)
      : kernel_{kernel}, shapes_{shapes} {}

  // mem_map and the hash tables are in the pages from `tables` on, for frames from `first` on.
  void give_tables(GuestFrame tables, GuestFrame first, u32 frames);

  // All are charged, in the kernel's code.
  void use(KernelObject& object, ObjectKind kind);
  void free(KernelObject& object, ObjectKind kind);
  void use_page_record(GuestFrame frame);  // struct page
  void look_up(u32 key);                   // the first of a chain of a hash table; the key is an address or a number
  // What is in a page, line after line. One in high memory costs a page walk for the window that it is mapped in.
  model::Task<> use_contents(GuestFrame frame, u32 offset, u32 bytes, model::Use use);

  u32 pages() const { return taken_; }  // that it has taken from the allocator

 private:
  struct Slab {
    std::vector<u32> pages;  // addresses
    u32 page = 0, next = 0;  // where the next one that never was goes
    std::vector<u32> freed;  // addresses
  };
  u32 place(ObjectKind kind);
  bool add_page(Slab& slab);

  Kernel& kernel_;
  const std::array<ObjectShape, kObjectKinds>& shapes_;
  std::array<Slab, kObjectKinds> slabs_;
  u32 tables_ = 0;  // address
  u32 first_ = 0, frames_ = 0;
  u32 taken_ = 0;
};

}  // namespace guest

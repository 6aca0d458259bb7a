// Shared sequences: requests and memory accesses drawn from a seed, or written down, which a domain makes of the core.
//
// Two domains take turns, domain 0 and one without privileges that it builds; domain 0 also builds domains that never
// run, whose memory it touches. Only one domain can run at any time, so no scheduling decision depends on time.
//
// The domain keeps a pool of pages for this. Whatever is drawn leaves alone what the kernel itself stands on: its own
// entries in tables, its handlers. After a change of a mapping that the core need not flush the TLB for, the next
// access flushes first: what a TLB still holds then is nobody's business. Where the core must flush, nothing else does.
//
// Every operation's result goes into a digest, printed every 64; every 256th time with digests of the frame table and
// of the pool's contents, in which the MMU's accessed and dirty bits are. With `detail_from` <= operation < `detail_to`
// each is printed.
#pragma once

#include "interface/control.h"
#include "interface/hypercalls.h"
#include "interface/layout.h"
#include "interface/memory.h"
#include "interface/start_info.h"
#include "metal/sequence/digest.h"
#include "metal/sequence/port.h"

namespace sequence {

struct Options {
  u32 seed = 1;
  u32 operations = 20'000;  // of domain 0; the other one makes about as many
  u32 detail_from = 0, detail_to = 0;
  u32 words_of = 0;  // a page of the pool whose words are printed with the contents, in the detailed part
  // What an emulator does not do, and is left out by name.
  bool segment_limits = true;  // accesses beyond the end of the guest's segments fault
};

// Pages of a domain's kernel map with a meaning here. The kernel's image ends before the first.
inline constexpr u32 kPeerPages = 512;
inline constexpr u32 kImagePages = 40;                          // copied into the peer
inline constexpr u32 kScratchPage = 200, kUserTablePage = 202;  // and the user's code and data behind it
inline constexpr u32 kPoolPage = 256, kPoolPages = 48;
inline constexpr u32 kUserSlot = 256;  // of directories: the user's code
inline constexpr u32 kUserCode = kUserSlot << 22, kUserStack = kUserCode + 0x2000;

inline constexpr DomainId kPeer = 1;  // the domain without privileges
// Of both: the channel between them, and the disk's answers. Whatever is drawn leaves them alone.
inline constexpr u32 kPeerPort = 1, kBlockPort = 2;

class Sequence {
 public:
  // As domain 0, or as the other one.
  Sequence(Port& port, const Options& options, DomainId domain);

  // Before the first step: the pool, ring 3, and of domain 0 the other domain. False: the core refused.
  bool prepare(u32 start_info);
  // One operation; after it the other domain may be the one that runs. False: there is none left. Of the other domain
  // it is never false.
  bool step();
  u32 performed() const { return performed_; }

 private:
  struct Kind;
  using Operation = void (Sequence::*)();
  static const Kind kKinds[];

  // --- chance: one draw per statement, for compilers evaluate arguments in different orders
  u32 next();
  u32 below(u32 n) { return static_cast<u32>(u64{next()} * n >> 32); }
  bool one_in(u32 n) { return below(n) == 0; }

  // --- results
  void begin(const char* name, u32 a = 0, u32 b = 0, u32 c = 0);
  void result(u32 value);
  void result(const Fault& fault);
  void end();
  void report();
  void print_number(u32 value, bool hexadecimal);
  void print(const char* text);
  void print_line();
  void print_words(u32 frame);

  // --- hypercalls
  s32 call(Hypercall number, u32 a = 0, u32 b = 0, u32 c = 0, u32 d = 0, u32 e = 0);
  u32 request(u32 pointer, u32 value);  // into the list
  s32 submit();                         // the list
  s32 control(ControlCommand command, u32 domain, u32 a = 0, u32 b = 0, u32 c = 0, u32 d = 0, u32 e = 0);
  u32 control_word(u32 index);  // of the answer
  u32 control_domain();

  // --- numbers to things
  u32 page_address(u32 page) const { return kGuestKernelStart + (page << kPageShift); }
  u32 frame_of_page(u32 page) { return port_.get(frame_list_ + page * 4); }
  u32 entry_of_page(u32 page);
  u32 pool_page() { return kPoolPage + below(kPoolPages); }
  u32 some_frame();
  u32 own_frame();
  u32 some_index();
  u32 some_flags();
  u32 some_word();
  u32 some_address();
  u32 some_domain();
  bool kernels(u32 frame) const;
  bool harmful(u32 machine_address) const;

  // --- operations
  void access();
  void change_entry();
  void change_mapping();
  void change_slot();
  void make_table();
  void pin();
  void unpin();
  void base();
  void random_request();
  void machine_to_phys();
  void foreign();
  void reassign();
  void balloon();
  void descriptor_table();
  void local_table();
  void descriptor();
  void trap_calls();
  void debug_register();
  void events();
  void domain_calls();
  void transient_domain();
  void calls();
  void many_calls();
  void software_interrupt();
  void clear_page();
  void retype();
  void give_away();
  void leave_room();
  void self_map();
  void hand_over();
  void disk();

  // operations_on_disk.cpp
  bool give_disk(DomainId domain);
  bool open_disk();
  u32 some_segment();
  void put_block_request(u32 number);
  u32 block_slot(u32 number) const;  // its address

  bool build_peer();
  s32 build_domain(u32 pages, bool with_kernel, u32& id);
  bool make_user_space();
  void settle_translations();

  Port& port_;
  Options options_;
  DomainId domain_;
  u64 random_;
  u32 performed_ = 0;
  Digest digest_;
  bool detailed_ = false;
  bool stale_ = false;  // a mapping may have changed without a flush

  u32 frame_list_ = 0, spare_ = 0, directory_ = 0, shared_ = 0;
  u32 shared_frame_ = 0, block_ring_ = 0;
  u32 kernel_table_ = 0;
  u32 kernel_first_ = 0, kernel_last_ = 0, top_first_ = 0, top_last_ = 0;
  u32 pool_[kPoolPages] = {};  // frames; balloons and gifts change them
  u32 base_ = 0;               // the directory that is loaded
  u32 requests_ = 0;           // in the list
  u32 gdt_ = 0;                // the frame of the one that was set last
  u32 transient_[2] = {};      // domains that never run; 0: none
  u32 transient_frames_[2][16] = {};
  bool peer_started_ = false;
  char line_[200];
  u32 used_ = 0;
};

}  // namespace sequence

// The host under User-Mode Linux: a Linux 2.4 with the skas3 patch, as far as its two processes notice it.
//
// K is the guest kernel. C runs all user code of the guest, in one of the address spaces that K makes for it and fills
// by requests at /proc/mm. C stops at each of its system calls, faults and signals, and K, which traces it, goes on.
// What the host's own code costs is taken from the same paths that a native kernel charges, so that a host call costs
// what a call of that kind costs natively; only the stop and the request have prices of their own.
//
// K runs in ring 1 here, where it would run in ring 3, so that its time has an account of its own.
#pragma once

#include <map>
#include <memory>
#include <optional>

#include "model/machine.h"
#include "workloads/ports/hosted/host_disk.h"
#include "workloads/ports/hosted/host_network.h"
#include "workloads/ports/hosted/host_paths.h"
#include "workloads/ports/uml/host_space.h"
#include "workloads/ports/uml/uml_file.h"

namespace guest {

class HostKernel {
 public:
  struct Prices {
    sim::Cycles call;           // a host system call that does little: the mean of native null I/O
    sim::Cycles signal_mask;    // sigprocmask: what a native sigaction costs
    sim::Cycles minor_fault;    // a file's page that is in memory, beyond exception and return
    sim::Cycles traced_call;    // what C's own system call has become: getpid, beyond entry and return
    sim::Cycles tick;           // the host's own timer interrupt, beyond entry and return
    sim::Cycles thread_switch;  // to another process of the host, woken for that
    sim::Cycles switch_over;
    sim::Cycles map, live_unmap, empty_unmap;
  };
  struct Counts {
    u64 switches = 0;  // between K and C
    u64 calls = 0, signal_masks = 0;
    u64 maps = 0, live_unmaps = 0, empty_unmaps = 0;
    u64 minor_faults = 0;
    u64 block_calls = 0;                    // given to the I/O thread
    u64 frame_reads = 0, frame_writes = 0;  // calls, also those that find nothing; not among `calls`
  };

  HostKernel(model::Machine& machine, const KernelFile& kernel, const UmlFile& file);

  u32 guest_frames() const { return guest_frames_; }  // of the guest's physical memory
  static constexpr hv::MachineFrame machine_frame(GuestFrame frame) {
    return hv::MachineFrame{kHostFrames + frame.number()};
  }
  static constexpr GuestFrame guest_frame(hv::MachineFrame frame) { return GuestFrame{frame.number() - kHostFrames}; }

  void start();          // on the present CPU, with K's address space
  void start_network();  // the card's driver
  void start_disk();     // the drive's

  // --- K's calls ----------------------------------------------------------------------------------------------------
  void call(u32 times = 1);
  void change_signal_mask(u32 times = 1);
  // Address spaces for C, by numbers that K chooses.
  void open_space(u32 id);
  void close_space(u32 id);
  void switch_space(u32 id);  // which of them C is in
  bool is_in_space(u32 id) const { return user_space_ == spaces_.at(id).get(); }
  void map(u32 id, u32 address, GuestFrame frame, bool writable);
  void unmap(u32 id, u32 address, u32 bytes);
  std::optional<sim::Packet> read_frame();  // of the tap device; nothing: it has none
  void write_frame(const sim::Packet& frame);
  // Through the pipe to the I/O thread, which makes the call when it has the CPU: now. One at a time.
  void start_block_call(BlockDirection direction, u64 sector, u32 sectors);
  bool block_answer_waits() const { return block_answer_; }
  bool take_block_answer();  // out of the pipe; false: the call failed

  // --- C and K ------------------------------------------------------------------------------------------------------
  // C has entered the host with these registers and stops; K runs. The registers to go on with are K's business.
  void stop_user();
  // C's system call, entered already, in which it stops twice.
  void stop_user_in_call();
  // K lets C go on in user mode with `user`.
  void continue_user(const hw::Registers& user);
  // A fault of C: true if it was the first access to what is mapped, and C can go on.
  bool minor_fault(u32 address, bool write);
  u32 timer_interrupt();  // ticks since the last one

  void disk_interrupt();

  HostDisk* disk() { return disk_ ? &*disk_ : nullptr; }  // null: the host has no drive
  const HostDisk* disk() const { return disk_ ? &*disk_ : nullptr; }
  HostNetwork& network() { return network_; }  // behind K's tap device
  const HostNetwork& network() const { return network_; }
  const HostNetwork::Counts& network_counts() const { return network_.counts(kGuest); }
  bool frame_waits() const { return network_.readable(kGuest); }  // in the tap device

  HostSpace& space(u32 id) { return *spaces_.at(id); }
  const std::map<u32, std::unique_ptr<HostSpace>>& spaces() const { return spaces_; }
  const Prices& prices() const { return prices_; }
  const Counts& counts() const { return counts_; }

 private:
  static constexpr u32 kGuest = 0;  // its number for the host's devices: there is no other
  static Prices prices_of(model::Machine& machine, const HostPaths& host, const UmlFile& file);
  void switch_to(hv::MachineFrame directory);
  void answer_block_call();

  model::Machine& machine_;
  HostPaths host_;
  Prices prices_;
  Counts counts_;
  u32 guest_frames_;
  HostFrames frames_;
  HostSpace kernel_space_;                            // K's
  std::map<u32, std::unique_ptr<HostSpace>> spaces_;  // C's
  HostSpace* user_space_ = nullptr;                   // where C is
  sim::Cycles next_tick_;
  HostNetwork network_;
  std::optional<HostDisk> disk_;
  bool block_call_ = false, block_answer_ = false;  // with the thread; in the pipe
};

}  // namespace guest

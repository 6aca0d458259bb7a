// What the kernel's code costs: the length of each of its paths, and what a path does besides executing instructions.
//
// A path's instructions are charged at the machine's cycles per instruction. Hardware operations, moved bytes,
// page-table work and calls of other paths come on top where they happen, so no instruction is counted twice. The
// values are those of a Linux 2.4 kernel, from workloads/kernel/linux24.json, each with unit, origin, source and range.
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "model/parameter_file.h"
#include "workloads/kernel/history.h"
#include "workloads/kernel/kernel_objects.h"
#include "workloads/kernel/memory.h"
#include "workloads/spec.h"

namespace guest {

// Locks that the whole kernel shares, each held inside single paths (kernel/locks.h); and their names in parameters and
// results, with the big kernel lock, which is held over many, as the last.
enum class Lock : u8 { run_queue, dcache, page_cache, page_lists, io_request, journal, count, none = count };
inline constexpr std::size_t kLocks = static_cast<std::size_t>(Lock::count);
inline constexpr std::array<std::string_view, kLocks + 1> kLockNames = {
    "run_queue", "dcache", "page_cache", "page_lists", "io_request", "journal", "big_kernel"};

// The kernel image. Assumed: a 2.4 kernel with network and file system has 1.2 to 2 MB, two thirds of it text.
inline constexpr u32 kKernelTextPages = 256, kKernelDataPages = 128;

// Cache lines that follow each other in one page of the image.
struct ImageLines {
  u32 offset = 0;  // from the beginning of its text, or of its data
  u32 count = 0;
};

struct Path {
  u32 instructions = 0;
  u32 locks = 0;            // locked bus operations that a kernel for several processors executes on it
  u32 interrupt_pairs = 0;  // times it turns interrupts off and on again
  u32 plain_pairs = 0;      // of these, without asking before whether they were on [spin_lock_irq, not _irqsave]
  u32 held = 0;             // percent of it in which a kernel for several processors has `lock`
  Lock lock = Lock::none;   // as its sources say, see the table in path.cpp
  // Where its code begins in the kernel image, in instructions: the image is laid out in the order of the table, so
  // that short neighbours share a page.
  u32 home = 0;
  std::vector<ImageLines> text, data;  // of the image that it uses, which follows from its home and its length
  bool driver = false;                 // a device driver's: accounted apart
};

struct KernelFile : model::ParameterTable {
  // Both throw model::ParameterError.
  static KernelFile load(const std::string& path);
  static KernelFile parse(const model::ParameterText& text);
  static const KernelFile& linux24();  // workloads/kernel/linux24.json, loaded once

  // Overrides one value, in the unit of its entry: "kernel.fork.instructions". What the file leaves out cannot be set.
  void set(std::string_view key, double value);

  // A path's code and the data that it uses fill so many pages of the image as its length says, with so many cache
  // lines in each; beyond `distinct_instructions` it goes over the same ones again. Assumed: functions of the 2.4
  // kernel are some tens to a hundred instructions and scattered over the image.
  u32 instructions_per_text_page = 0, instructions_per_data_page = 0, lines_per_page = 0, distinct_instructions = 0;
  std::array<u32, kLocks + 1> lock_lines{};  // cache lines written under a lock, its own included, that move with it
  u32 process_lines = 0;  // cache lines of a process's own that the kernel uses when it runs; at most a page of them
  std::array<ObjectShape, kObjectKinds> objects{};
  HistoryShape history;

  struct Paths {
    // Entries and interrupts.
    Path system_call;         // entry and exit code around a call: registers, table, pending work
    Path exception;           // the same around an exception
    Path event_dispatch;      // Xen: upcall entry to the handler of one event, and back
    Path interrupt_dispatch;  // generic IRQ code and the interrupt controller
    Path soft_interrupt;      // one run of the deferred work
    Path timer_tick;          // one tick: times, accounting, due timers

    // Scheduling.
    Path schedule;       // picking the next task
    Path schedule_task;  // per runnable task looked at
    Path switch_task;    // stacks, segments; the address space comes on top
    Path wake_task;
    Path wait_queue;  // a process put on a wait queue, or taken off

    // Processes.
    Path fork, exec, exit, wait;  // without memory and files
    Path fork_refused;            // a fork that finds too many processes
    Path identity;                // getpid, getppid

    // Memory.
    Path page_fault;     // finding the area, deciding what kind of fault it is
    Path fault_zero;     // a page of zeros: beyond allocation and zeroing
    Path fault_file;     // a page of the page cache mapped
    Path fault_copy;     // copy on write: beyond allocation and copying
    Path page_allocate;  // one page taken from the allocator and given back
    Path space_create, space_release;
    Path table_create;  // one page table
    Path area_map;      // mmap: finding room, making the area
    Path area_unmap;    // munmap, per area, beyond its pages
    Path area_protect;  // mprotect, per area
    Path area_copy;     // fork, per area
    Path area_release;  // exit, exec: per area, beyond its pages
    Path entry_scan;    // per page-table entry looked at by fork, unmap, protect
    Path entry_copy;    // fork, per present entry, beyond the scan
    Path entry_clear;   // unmap, per present entry, beyond the scan
    Path break_set;     // brk
    Path update_queue;  // Xen: queueing one page-table request for the hypervisor

    // Signals.
    Path signal_action, signal_send, signal_deliver, signal_return;
    Path signal_force;  // what is done before one is sent that may not be blocked
    Path alarm;         // the process's timer set or stopped

    // Files.
    Path user_copy;        // one copy from or to user memory, beyond its bytes
    Path descriptor;       // descriptor to open file, and its reference given back
    Path path_component;   // one name of a path looked up in the directory cache
    Path path_name;        // the path's string fetched from the user and given back
    Path directory_entry;  // one entry of a directory's blocks looked at
    Path stat, open, close, duplicate;
    Path read, write;                // beyond descriptor and what lies behind
    Path device_read, device_write;  // /dev/zero, /dev/null
    Path pipe_create, pipe_read, pipe_write;
    Path select;             // beyond its descriptors
    Path select_descriptor;  // one descriptor polled, beyond its file's own answer
    Path socket_poll;
    Path page_cache;      // finding a page of a file in memory
    Path file_lock;       // a record lock of a file taken or given back
    Path file_create;     // a new inode and its name, in one transaction
    Path file_delete;     // and away with it
    Path block_allocate;  // one block for a file that grows, with its buffer
    Path block_free;
    Path write_page;     // preparing and committing one page of a write, beyond blocks and bytes
    Path journal_block;  // one block of metadata in a transaction that is committed

    // Network.
    Path socket_receive;  // receive call from its entry to the data, or to sleeping
    Path socket_send;     // send call from its entry to the protocol
    Path socket_option;   // getsockname, setsockopt: beyond the descriptor
    Path udp_receive;     // one packet from the driver to the socket queue: IP, UDP
    Path udp_send;        // one packet from the socket to the driver: UDP, IP, route, neighbour
    Path driver_receive;  // one packet through the network driver
    Path driver_transmit;
    Path driver_refill;     // one receive buffer made ready
    Path driver_interrupt;  // the driver's handler, without packets
    Path bridge;            // a host's: one packet from one interface to the queue of another

    // Block devices.
    Path block_submit;    // one buffer for a block device, up to the elevator
    Path block_elevator;  // per waiting request looked at
    Path block_merge;     // a buffer added to a request
    Path block_request;   // a new request, filled in and queued
    Path block_release;   // and given back
    Path block_end;       // one buffer unlocked at its completion, beyond waking
    Path scsi_request;    // one command through the SCSI layer and its host adapter's driver
    Path scsi_buffer;     // per buffer in a command
    Path scsi_complete;   // one command completed
    Path scsi_interrupt;  // the host adapter's handler, without commands
    Path vbd_request;     // Xen: one entry of the block ring, beyond its buffers
    Path vbd_buffer;      // per buffer in an entry
    Path vbd_response;    // one response taken from the ring
    Path vbd_interrupt;   // the block event's handler, without responses
    Path raw_io;          // one read or write of a raw device, beyond its pages
    Path raw_page;        // per page of the user's buffer

    // TCP.
    Path tcp_write_buffer;  // one segment built in a write: its buffer allocated and queued, beyond the copy
    Path tcp_send_data;     // one segment with payload from its connection to the driver: TCP, IP, route, queue
    Path tcp_send_ack;      // one without
    Path tcp_receive_data;  // one segment with payload from the driver to the receive queue: IP, TCP
    Path tcp_receive_ack;   // one without: windows, round trip, congestion
    Path tcp_read_buffer;   // one buffer's turn in a read, and freeing it, beyond the copy
    Path buffer_free;       // one buffer of acknowledged data freed
    Path tcp_open, tcp_close;
    Path tcp_timer;  // one timer that ran out
    // Files on a disk.
    Path read_page;       // one page of a file that is read from the disk, beyond its buffer and waiting
    Path write_back;      // one dirty block found, and written beyond its buffer
    Path page_reclaim;    // one page of the inactive list looked at when memory is low
    Path swap_out;        // one page taken away from a process, beyond looking at its entry and what is written
    Path swap_in;         // one page that comes back, beyond the fault, its buffer and waiting
    Path kill_score;      // one process looked at for one to kill
    Path journal_commit;  // one transaction, beyond its blocks
    Path file_sync;       // fsync, beyond what is written and committed
    Path seek;            // lseek
    // Directories and names.
    Path directory_read;      // getdents, beyond its entries
    Path directory_list;      // one entry given to the user
    Path file_system_status;  // statfs
    Path set_times;           // utime, beyond the block in the transaction
    Path rename;
    // Between processes.
    Path local_connect, local_accept;  // of stream sockets of the Unix domain
    Path local_send, local_receive;    // one buffer, beyond its copy
    Path semaphore;                    // semop
    Path control;                      // an ioctl that is refused
  } paths;
};

// Of the kernels on a host.
inline const KernelFile& kernel_file(const HostSpec& spec) {
  return spec.kernel_file != nullptr ? *spec.kernel_file : KernelFile::linux24();
}

}  // namespace guest

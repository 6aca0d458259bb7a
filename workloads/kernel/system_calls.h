// What a program may ask of its kernel, and the work it does between two requests.
//
// One object per process. A call costs what its kernel paths cost; user memory that it names is really touched, and
// faults in if it must. Failures that a benchmark would abort on are a KernelPanic that says what was wrong; those that
// programs meet (no such file, no child) are results.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "model/code_map.h"
#include "workloads/kernel/descriptors.h"
#include "workloads/kernel/kernel.h"
#include "workloads/kernel/network/datagram.h"

namespace guest {

class TcpSocket;
struct UdpSocket;

struct FileStatus {
  u32 bytes = 0;
  u32 blocks = 0;  // of 4 KB that it occupies, with those that list the others
};

struct Mapping {
  u32 bytes = 0;
  Protection protection;
  std::optional<u32> address;  // page-aligned, over what is there; none: the kernel finds room
  Descriptor file = -1;        // none: anonymous
  u32 file_page = 0;
  bool shared = false;
};

class SystemCalls {
 public:
  SystemCalls(Kernel& kernel, Process& process) : kernel_{kernel}, process_{process} {}

  // --- user mode ----------------------------------------------------------------------------------------------------
  // Preemptible work in user mode; the footprint must outlive it.
  model::Task<> compute(sim::Cycles work, const model::Footprint* footprint = nullptr);
  // Goes once through memory, line by line, while it does `work`.
  model::Task<> access(model::Sweep sweep, sim::Cycles work = sim::Cycles{0});
  model::Task<> access(std::span<const model::Sweep> sweeps, sim::Cycles work);  // the span outlives it

  // --- processes ----------------------------------------------------------------------------------------------------
  model::Task<ProcessId> parent_id();  // getppid
  // The child runs `child` and then exits with 0. 0: there is none, see error().
  model::Task<ProcessId> fork(UserCode child);
  // Does not return: the process goes on with the executable's code and exits when that ends. Panics if there is none.
  model::Task<> exec(std::string path);
  model::Task<> exit(u32 status);                           // does not return
  model::Task<std::optional<u32>> wait(ProcessId child);    // its exit status; nothing if it is no child
  model::Task<std::optional<ProcessId>> take_dead_child();  // waitpid of any, WNOHANG
  model::Task<> pause();                                    // until a signal
  model::Task<> sleep(u64 ticks);

  // --- signals ------------------------------------------------------------------------------------------------------
  model::Task<> signal_action(Signal signal, UserCode handler);             // empty: the default action
  model::Task<bool> kill(ProcessId process, std::optional<Signal> signal);  // none: only asks whether it is there
  // Signal::alarm comes in so many seconds, 0: not at all; what was left of the one before.
  model::Task<u32> alarm(u32 seconds);

  // --- memory -------------------------------------------------------------------------------------------------------
  model::Task<u32> map(Mapping mapping);  // mmap; the address; 0: not so much memory, or no room for it
  model::Task<> unmap(u32 address, u32 bytes);
  model::Task<> protect(u32 address, u32 bytes, Protection protection);
  model::Task<u32> grow_heap(u32 bytes);  // sbrk; the old end; 0: not so much memory

  // --- files --------------------------------------------------------------------------------------------------------
  model::Task<Descriptor> open(std::string path);
  model::Task<Descriptor> open(std::string path, OpenFlags flags);
  model::Task<Descriptor> create(std::string path);  // creat: made if it is not there, else truncated
  model::Task<> close(Descriptor file);
  model::Task<Descriptor> duplicate(Descriptor file);
  model::Task<u32> read(Descriptor file, u32 address, u32 bytes);
  model::Task<u32> write(Descriptor file, u32 address, u32 bytes);
  model::Task<u32> write(Descriptor file, std::span<const Piece> pieces);  // writev; the span outlives it
  // At `offset` [pread64, pwrite64]; nothing: an error.
  model::Task<std::optional<u32>> read_at(Descriptor file, u64 offset, u32 address, u32 bytes);
  model::Task<std::optional<u32>> write_at(Descriptor file, u64 offset, u32 address, u32 bytes);
  model::Task<bool> seek(Descriptor file, u32 position);  // lseek; false: it has no places
  // Everything of it is on the disk, as far as the disk says (fsync; fdatasync of Linux 2.4 is the same). False: not.
  model::Task<bool> sync(Descriptor file);
  model::Task<> sync_all();                       // sync
  Error error() const { return process_.error; }  // of the last of these calls (errno)
  model::Task<std::optional<FileStatus>> stat(std::string path);
  model::Task<std::optional<FileStatus>> status(Descriptor file);  // fstat
  model::Task<bool> unlink(std::string path);
  model::Task<bool> rename(std::string from, std::string to);
  model::Task<bool> set_times(std::string path);                        // utime
  model::Task<bool> file_system_status(std::string path);               // statfs
  model::Task<u32> list(Descriptor directory, u32 address, u32 bytes);  // getdents; bytes of entries, 0 at the end
  model::Task<> control(Descriptor file);                               // an ioctl that its file refuses
  model::Task<bool> make_directory(std::string path);
  struct PipeEnds {
    Descriptor read, write;
  };
  model::Task<PipeEnds> pipe();
  // How many of `files` can be written (or, `for_writing` false, read) at once. Polls every one; when there is none it
  // waits so many ticks for one, or for a signal; no number: for ever. The span outlives it.
  model::Task<u32> select(std::span<const Descriptor> files, bool for_writing, std::optional<u64> ticks = 0);
  // The whole file, with all others who ask for it (fcntl F_SETLKW). False: it has no inode.
  model::Task<bool> lock_file(Descriptor file);
  model::Task<bool> unlock_file(Descriptor file);

  // --- semaphores of System V ---------------------------------------------------------------------------------------
  model::Task<u32> semaphore(u32 value);            // semget of one, set to a value; its number
  model::Task<> semaphore_add(u32 number, s32 by);  // semop; negative: waits until it can

  // --- network ------------------------------------------------------------------------------------------------------
  model::Task<UdpSocket*> udp_socket(std::uint16_t port);
  model::Task<Datagram> receive_from(UdpSocket& socket);  // waits for one
  model::Task<bool> send_to(UdpSocket& socket, SocketAddress to, Datagram contents);
  model::Task<Descriptor> tcp_socket();
  model::Task<> set_socket_buffers(Descriptor socket, u32 send, u32 receive);    // setsockopt SO_SNDBUF, SO_RCVBUF
  model::Task<bool> listen(Descriptor socket, std::uint16_t port, u32 backlog);  // with bind; false: the port is taken
  model::Task<Descriptor> accept(Descriptor socket, SocketAddress* peer = nullptr);
  model::Task<> set_no_delay(Descriptor socket);                             // setsockopt TCP_NODELAY
  model::Task<std::optional<SocketAddress>> socket_name(Descriptor socket);  // getsockname; nothing: not connected
  model::Task<bool> connect(Descriptor socket, SocketAddress to);            // false: refused, or nobody answers
  model::Task<> shut_down(Descriptor socket);                                // no more will be written
  model::Task<Descriptor> local_listen(std::string path);   // a stream socket of the Unix domain, bound, listening
  model::Task<Descriptor> local_connect(std::string path);  // socket and connect; negative: nobody listens
  model::Task<Descriptor> local_connection();  // one end of a connection to ourselves, established, nothing in flight

  model::Machine& machine() { return kernel_.machine(); }
  Kernel& kernel() { return kernel_; }
  Process& process() { return process_; }

 private:
  u32 poll(std::span<const Descriptor> files, bool for_writing, std::vector<WaitQueue*>& waiters);
  std::shared_ptr<TcpSocket> tcp_socket_of(Descriptor descriptor);  // charged; null: it is none

  Kernel& kernel_;
  Process& process_;
};

}  // namespace guest

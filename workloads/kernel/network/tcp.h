// TCP of one kernel: its sockets, its connections and their timers.
//
// The protocol is TcpConnection's. Here are its surroundings: who a segment is for, what the path costs, the copies
// between connection and user, who sleeps and who is woken. A segment is handled in deferred work, unless a process is
// in a call on its connection: then it waits for that process, which handles it before it sleeps and before it leaves,
// so that acknowledgements go out no faster than the process works. [Linux 2.4: the socket's lock, backlog and
// prequeue]
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <utility>

#include "model/task.h"
#include "workloads/kernel/file.h"
#include "workloads/kernel/kernel_objects.h"
#include "workloads/kernel/network/neighbours.h"
#include "workloads/kernel/network/tcp_connection.h"
#include "workloads/kernel/wait_queue.h"

namespace guest {

class TcpLayer;
struct TcpListener;

// A buffer of the kernel's [sk_buff, and the data behind it].
struct PacketBuffer {
  KernelObject head, data;
};

// A connection and who waits for it. Lives on after its socket is closed, until its peer knows.
struct TcpEndpoint {
  TcpConnection connection;
  MacAddress peer_mac = 0;
  TcpListener* listener = nullptr;  // that it is to be given to when it is established
  bool orphaned = false;            // no socket any more
  WaitQueue readers, writers;       // the latter also wait for the connection to be made
  u32 calls = 0;                    // in which processes are, that will handle what is held
  std::deque<TcpSegment> held;
  u32 freed = 0;                     // of its buffers that were charged
  std::deque<PacketBuffer> buffers;  // with what is sent and not acknowledged, and what is to be sent
  KernelObject object;               // the socket in the kernel's memory
  u64 armed = 0;                     // jiffy of its entry in the timers; 0: none
};

struct TcpListener {
  TcpSettings settings;  // of the connections that it gets
  u32 backlog = 0;
  u32 opening = 0;  // connections that are not established yet
  std::deque<std::shared_ptr<TcpEndpoint>> ready;
  WaitQueue acceptors;
};

class TcpSocket final : public OpenFile {
 public:
  explicit TcpSocket(TcpLayer& layer);
  TcpSocket(TcpLayer& layer, std::shared_ptr<TcpEndpoint> accepted) : TcpSocket{layer} {
    endpoint_ = std::move(accepted);
  }

  // --- OpenFile -----------------------------------------------------------------------------------------------------
  model::Task<u32> read(Kernel& kernel, u32 address, u32 bytes) override;
  model::Task<u32> write(Kernel& kernel, u32 address, u32 bytes) override;
  model::Task<u32> write_pieces(Kernel& kernel, std::span<const Piece> pieces) override;
  Ready poll(Kernel& kernel) override;
  WaitQueue* waiters(bool for_writing) override;
  model::Task<> release(Kernel& kernel) override;

  // --- the calls that only sockets have -----------------------------------------------------------------------------
  void set_buffers(u32 send, u32 receive);       // SO_SNDBUF, SO_RCVBUF: the kernel doubles what is asked for
  void set_no_delay();                           // TCP_NODELAY
  bool listen(std::uint16_t port, u32 backlog);  // false: the port is taken
  model::Task<std::shared_ptr<TcpSocket>> accept(Kernel& kernel);
  model::Task<bool> connect(Kernel& kernel, SocketAddress to);
  model::Task<> shut_down(Kernel& kernel);                         // for writing
  const TcpEndpoint* endpoint() const { return endpoint_.get(); }  // null: not connected

 private:
  model::Task<u32> append(Kernel& kernel, Piece piece);

  TcpLayer& layer_;
  TcpSettings settings_;
  std::uint16_t listening_ = 0;  // port; 0: does not
  std::shared_ptr<TcpEndpoint> endpoint_;
};

class TcpLayer {
 public:
  TcpLayer(Kernel& kernel, IpAddress address, Neighbours& neighbours)
      : kernel_{kernel}, address_{address}, neighbours_{neighbours} {}

  model::Task<> receive(sim::Packet packet);  // a frame with TCP in it
  bool work_due(u64 jiffy) const { return !deferred_.empty() || (!timers_.empty() && timers_.begin()->first <= jiffy); }
  model::Task<> work();                   // what is due: timers, and what could not be sent where it arose
  std::optional<u64> next_timer() const;  // jiffy

  void set_mtu(u32 mtu) { mtu_ = mtu; }  // of the interface
  u32 mtu() const { return mtu_; }

  // What connections did, those that are gone included.
  TcpConnection::Counts counts() const;
  u64 rejected() const { return rejected_; }    // malformed, or not for us
  u64 no_socket() const { return no_socket_; }  // answered with a reset

 private:
  friend class TcpSocket;
  using Key = std::pair<std::uint16_t, SocketAddress>;  // own port, peer

  std::shared_ptr<TcpEndpoint> open(const TcpSettings& settings, std::uint16_t port, SocketAddress peer,
                                    MacAddress mac);
  std::shared_ptr<TcpEndpoint> answer(const TcpSegment& syn);  // null: no listener, or its backlog is full
  std::uint16_t free_port();
  model::Task<> handle(std::shared_ptr<TcpEndpoint> endpoint, TcpSegment segment);
  void charge_received(const TcpSegment& segment);
  void use(TcpEndpoint& endpoint);
  void add_buffer(TcpEndpoint& endpoint);    // a new one that is to be sent
  void free_buffers(TcpEndpoint& endpoint);  // those that were acknowledged
  void release(PacketBuffer& buffer);
  // Around a call, or a part of it without sleep.
  void enter(TcpEndpoint& endpoint) {
    ++endpoint.calls;
    use(endpoint);
  }
  model::Task<> handle_held(std::shared_ptr<TcpEndpoint> endpoint);
  model::Task<> leave(std::shared_ptr<TcpEndpoint> endpoint);
  model::Task<> transmit(TcpSegment segment, MacAddress to);
  model::Task<> send(std::shared_ptr<TcpEndpoint> endpoint);  // what the connection wants sent now
  void wake(TcpEndpoint& endpoint);
  void establish(const std::shared_ptr<TcpEndpoint>& endpoint);
  void abandon(const std::shared_ptr<TcpEndpoint>& endpoint);  // by its socket
  void stop_listening(std::uint16_t port);
  void arm(const std::shared_ptr<TcpEndpoint>& endpoint);
  void forget_if_over(const std::shared_ptr<TcpEndpoint>& endpoint);
  sim::Time now() const;
  // Between the user and a buffer.
  model::Task<> copy_from_user(u32 address, u32 bytes);
  model::Task<> copy_to_user(u32 address, u32 bytes);
  void charge_lines_of_card(u32 bytes);
  void charge_checksum(u32 bytes);  // that is summed while it is copied, unless the card does it

  Kernel& kernel_;
  IpAddress address_;
  Neighbours& neighbours_;
  u32 mtu_ = 1500;
  u32 sequence_ = 0;  // where the last connection's numbers began
  std::map<Key, std::shared_ptr<TcpEndpoint>> connections_;
  std::map<std::uint16_t, TcpListener> listeners_;
  std::multimap<u64, std::shared_ptr<TcpEndpoint>> timers_;  // by jiffy
  std::deque<std::shared_ptr<TcpEndpoint>> deferred_;        // have something to send
  std::uint16_t last_port_ = 32'767;                         // Linux 2.4: the first it gives away is 32768
  TcpConnection::Counts gone_;
  u64 rejected_ = 0, no_socket_ = 0;
};

}  // namespace guest

#include "workloads/kernel/network/socket.h"

#include "workloads/kernel/kernel.h"

namespace guest {

model::Task<u32> TcpConnection::read(Kernel& kernel, u32, u32) { kernel.panic("TCP carries no data in this model"); }

model::Task<u32> TcpConnection::write(Kernel& kernel, u32, u32) { kernel.panic("TCP carries no data in this model"); }

OpenFile::Ready TcpConnection::poll(Kernel& kernel) {
  kernel.charge(kernel.paths().socket_poll);
  return {.write = true};  // its send buffer is empty, and so is the receive buffer
}

}  // namespace guest

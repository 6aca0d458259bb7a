#include "workloads/kernel/network/local_connection.h"

#include "workloads/kernel/kernel.h"

namespace guest {

model::Task<u32> LocalConnection::read(Kernel& kernel, u32, u32) {
  kernel.panic("a connection to ourselves carries no data in this model");
}

model::Task<u32> LocalConnection::write(Kernel& kernel, u32, u32) {
  kernel.panic("a connection to ourselves carries no data in this model");
}

OpenFile::Ready LocalConnection::poll(Kernel& kernel) {
  kernel.charge(kernel.paths().socket_poll);
  return {.write = true};  // its send buffer is empty, and so is the receive buffer
}

}  // namespace guest

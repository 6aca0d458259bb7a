#include "workloads/kernel/file.h"

namespace guest {

model::Task<u32> OpenFile::write_pieces(Kernel& kernel, std::span<const Piece> pieces) {
  u32 done = 0;
  for (const Piece& piece : pieces) {
    const u32 written = co_await write(kernel, piece.address, piece.bytes);
    done += written;
    if (written < piece.bytes) break;
  }
  co_return done;
}

}  // namespace guest

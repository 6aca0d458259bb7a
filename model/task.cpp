#include "model/task.h"

#include <array>
#include <memory>
#include <vector>

namespace model::detail {

namespace {

constexpr std::size_t kClassBytes = 64;
constexpr std::size_t kClasses = 32;  // frames up to 2 kB are recycled

struct FrameDelete {
  void operator()(void* frame) const { ::operator delete(frame); }
};
using OwnedFrame = std::unique_ptr<void, FrameDelete>;

// Freed frames by size class; what is left goes back to the heap at exit.
std::array<std::vector<OwnedFrame>, kClasses>& free_frames() {
  static std::array<std::vector<OwnedFrame>, kClasses> lists;
  return lists;
}

constexpr std::size_t size_class(std::size_t bytes) { return (bytes + kClassBytes - 1) / kClassBytes; }

}  // namespace

void* FramePool::take(std::size_t bytes) {
  const std::size_t wanted = size_class(bytes);
  if (wanted >= kClasses) return ::operator new(bytes);
  auto& list = free_frames()[wanted];
  if (list.empty()) return ::operator new(wanted* kClassBytes);
  void* frame = list.back().release();
  list.pop_back();
  return frame;
}

void FramePool::give(void* frame, std::size_t bytes) {
  const std::size_t wanted = size_class(bytes);
  if (wanted >= kClasses) {
    ::operator delete(frame);
    return;
  }
  free_frames()[wanted].emplace_back(frame);
}

}  // namespace model::detail

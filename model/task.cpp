#include "model/task.h"

#include <array>
#include <new>

namespace model::detail {

namespace {

constexpr std::size_t kClassBytes = 64;
constexpr std::size_t kClasses = 32;  // frames up to 2 kB are recycled

// A freed frame: its own memory links it to the next one of its size class. They are kept as long as the process runs.
struct FreeFrame {
  FreeFrame* next;
};
constinit std::array<FreeFrame*, kClasses> free_frames{};

constexpr std::size_t size_class(std::size_t bytes) { return (bytes + kClassBytes - 1) / kClassBytes; }

}  // namespace

void* FramePool::take(std::size_t bytes) {
  const std::size_t wanted = size_class(bytes);
  if (wanted >= kClasses) return ::operator new(bytes);
  FreeFrame* const frame = free_frames[wanted];
  if (frame == nullptr) return ::operator new(wanted* kClassBytes);
  free_frames[wanted] = frame->next;
  return frame;
}

void FramePool::give(void* frame, std::size_t bytes) {
  const std::size_t wanted = size_class(bytes);
  if (wanted >= kClasses) {
    ::operator delete(frame);
    return;
  }
  free_frames[wanted] = ::new (frame) FreeFrame{free_frames[wanted]};
}

}  // namespace model::detail

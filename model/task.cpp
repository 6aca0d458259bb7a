#include "model/task.h"

namespace model::detail {

constinit std::array<FramePool::FreeFrame*, FramePool::kClasses> FramePool::free_{};

void* FramePool::fresh(std::size_t bytes) {
  const std::size_t wanted = size_class(bytes);
  return ::operator new(wanted < kClasses ? wanted * kClassBytes : bytes);
}

}  // namespace model::detail

#include "model/code_map.h"

#include <utility>

namespace model {

std::uint32_t CodeMap::take() {
  if (free_.empty()) {
    places_.emplace_back();
    return static_cast<std::uint32_t>(places_.size() - 1);
  }
  const std::uint32_t index = free_.back();
  free_.pop_back();
  return index;
}

std::uint32_t CodeMap::add_entry(std::function<void(Cpu&)> enter) {
  const std::uint32_t index = take();
  places_[index].kind = CodePlace::Kind::entry;
  places_[index].enter = std::move(enter);
  return kFirst + index * kStride;
}

std::uint32_t CodeMap::suspend(std::coroutine_handle<> coroutine, const Burst& burst) {
  const std::uint32_t index = take();
  CodePlace& place = places_[index];
  place.kind = CodePlace::Kind::suspended;
  place.coroutine = coroutine;
  place.burst = burst;
  return kFirst + index * kStride;
}

void CodeMap::release(std::uint32_t eip) {
  const std::uint32_t index = (eip - kFirst) / kStride;
  places_[index].kind = CodePlace::Kind::free;  // suspend() sets all the rest anew
  free_.push_back(index);
}

CodePlace* CodeMap::find(std::uint32_t eip) {
  if (eip < kFirst || (eip - kFirst) % kStride != 0) return nullptr;
  const std::uint32_t index = (eip - kFirst) / kStride;
  if (index >= places_.size() || places_[index].kind == CodePlace::Kind::free) return nullptr;
  return &places_[index];
}

}  // namespace model

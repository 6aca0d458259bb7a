// The real-time alarms set on one CPU, earliest first: a binary heap of vCPUs, each of which knows its place in it, so
// that setting and cancelling take O(log n) however many domains there are.
#pragma once

#include "base/arena.h"
#include "base/types.h"
#include "vcpu.h"

namespace hv {

class AlarmQueue {
 public:
  AlarmQueue() = default;
  AlarmQueue(Arena& arena, u32 capacity) : heap_{arena.make<Vcpu*>(capacity)} {}

  Vcpu* first() const { return count_ == 0 ? nullptr : heap_[0]; }
  SystemTime earliest() const { return count_ == 0 ? kNever : heap_[0]->alarm_real; }

  void insert(Vcpu& vcpu) {  // by vcpu.alarm_real; not in a queue yet
    place(vcpu, count_);
    sift_up(count_++);
  }
  void remove(Vcpu& vcpu) {
    const u32 hole = vcpu.alarm_position;
    Vcpu& last = *heap_[--count_];
    if (hole == count_) return;
    place(last, hole);
    sift_up(hole);
    sift_down(last.alarm_position);
  }

 private:
  // Alarms of one instant in the order of domain and vCPU: nothing may depend on the heap's history.
  static bool before(const Vcpu& a, const Vcpu& b);
  void place(Vcpu& vcpu, u32 position) {
    heap_[position] = &vcpu;
    vcpu.alarm_position = position;
  }
  void exchange(u32 a, u32 b) {
    Vcpu& moved = *heap_[a];
    place(*heap_[b], a);
    place(moved, b);
  }
  void sift_up(u32 position) {
    while (position != 0) {
      const u32 parent = (position - 1) / 2;
      if (!before(*heap_[position], *heap_[parent])) return;
      exchange(position, parent);
      position = parent;
    }
  }
  void sift_down(u32 position) {
    for (;;) {
      u32 smallest = position;
      for (u32 child = 2 * position + 1; child <= 2 * position + 2 && child < count_; ++child)
        if (before(*heap_[child], *heap_[smallest])) smallest = child;
      if (smallest == position) return;
      exchange(position, smallest);
      position = smallest;
    }
  }

  Vcpu** heap_ = nullptr;
  u32 count_ = 0;
};

}  // namespace hv

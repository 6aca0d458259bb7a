// Coroutines of guest software: Task<T> is a call that may stop in the middle and go on later.
//
// A Task starts when it is awaited and hands control back to its caller when it ends. What is suspended is always the
// innermost one; the CPU resumes that through the code map (model/code_map.h). Destroying a Task destroys what it
// awaits. Frames come from a free list, so that a call allocates nothing once the program is warm.
//
// Two things g++ 12 compiles wrongly, and tests/coroutines.sh looks for:
//  - `while (co_await x)`, and the like of if, do and switch, in a coroutine that has no variable of its own: the
//    condition's temporary is put before the frame's header, and the first resume() jumps to nowhere. Give the
//    condition's value a name.
//  - A temporary without a constructor of its own (a lambda, an aggregate) whose members have destructors, or the
//    result of `?:`, in an operand of co_await: it is destroyed twice. Give it a name and move from that.
#pragma once

#include <array>
#include <coroutine>
#include <cstddef>
#include <cstdlib>
#include <new>
#include <optional>
#include <utility>

namespace model {

namespace detail {

// Recycles coroutine frames by size class. One thread.
class FramePool {
 public:
  static void* take(std::size_t bytes) {
    const std::size_t wanted = size_class(bytes);
    if (wanted >= kClasses || free_[wanted] == nullptr) return fresh(bytes);
    FreeFrame* const frame = free_[wanted];
    free_[wanted] = frame->next;
    return frame;
  }
  static void give(void* frame, std::size_t bytes) {
    const std::size_t wanted = size_class(bytes);
    if (wanted >= kClasses) {
      ::operator delete(frame);
    } else {
      free_[wanted] = ::new (frame) FreeFrame{free_[wanted]};
    }
  }

 private:
  // A freed frame: its own memory links it to the next one of its size class. They are kept as long as the process
  // runs.
  struct FreeFrame {
    FreeFrame* next;
  };
  static constexpr std::size_t kClassBytes = 64;
  static constexpr std::size_t kClasses = 32;  // frames up to 2 kB are recycled

  static constexpr std::size_t size_class(std::size_t bytes) { return (bytes + kClassBytes - 1) / kClassBytes; }
  static void* fresh(std::size_t bytes);

  static constinit std::array<FreeFrame*, kClasses> free_;
};

struct PromiseBase {
  std::coroutine_handle<> caller = std::noop_coroutine();

  static void* operator new(std::size_t bytes) { return FramePool::take(bytes); }
  static void operator delete(void* frame, std::size_t bytes) { FramePool::give(frame, bytes); }

  struct ReturnToCaller {
    bool await_ready() const noexcept { return false; }
    template <class Promise>
    std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> ended) const noexcept {
      return ended.promise().caller;
    }
    void await_resume() const noexcept {}
  };
  std::suspend_always initial_suspend() const noexcept { return {}; }
  ReturnToCaller final_suspend() const noexcept { return {}; }
  void unhandled_exception() const { throw; }  // up through resume() to whoever runs the simulation
};

}  // namespace detail

template <class T = void>
class [[nodiscard]] Task {
 public:
  struct promise_type : detail::PromiseBase {
    std::optional<T> value;
    Task get_return_object() { return Task{std::coroutine_handle<promise_type>::from_promise(*this)}; }
    void return_value(T result) { value = std::move(result); }
  };
  Task() = default;  // of a call that has nothing to wait for: done before it is awaited; without a value only
  Task(Task&& other) noexcept : coroutine_{std::exchange(other.coroutine_, nullptr)} {}
  Task& operator=(Task&& other) noexcept {
    std::swap(coroutine_, other.coroutine_);
    return *this;
  }
  ~Task() {
    if (coroutine_) coroutine_.destroy();
  }

  bool await_ready() const { return !coroutine_; }
  std::coroutine_handle<> await_suspend(std::coroutine_handle<> caller) {
    coroutine_.promise().caller = caller;
    return coroutine_;
  }
  T await_resume() { return std::move(*coroutine_.promise().value); }

  std::coroutine_handle<> handle() const { return coroutine_; }  // of a root task, to start it
  bool done() const { return !coroutine_ || coroutine_.done(); }

 private:
  explicit Task(std::coroutine_handle<promise_type> coroutine) : coroutine_{coroutine} {}
  std::coroutine_handle<promise_type> coroutine_ = nullptr;
};

template <>
struct Task<void>::promise_type : detail::PromiseBase {
  Task get_return_object() { return Task{std::coroutine_handle<promise_type>::from_promise(*this)}; }
  void return_void() const {}
};
template <>
inline void Task<void>::await_resume() {}

}  // namespace model

#include "workloads/kernel/signals.h"

#include <bit>

#include "model/execution.h"
#include "workloads/kernel/kernel.h"
#include "workloads/kernel/system_calls.h"

namespace guest {

namespace {

// FS and GS, which sigreturn loads; DS and ES are loaded on every return.
constexpr u32 kSegmentsRestored = 2;

}  // namespace

void Kernel::signal(Process& process, Signal signal) {
  charge(paths().signal_send);
  if (!process.signal_handlers[number_of(signal)] && ignored_by_default(signal)) return;
  process.pending_signals |= bit_of(signal);
  if (process.blocked_signals & bit_of(signal)) return;
  if (process.state != Process::State::sleeping || (process.waits_in == nullptr && !process.wakes_at)) return;
  if (process.waits_in != nullptr) process.waits_in->remove(process);
  timers_.remove(process);
  wake(process);
}

// It cannot be put off, because the instruction that caused it cannot go on.
void Kernel::force_signal(Process& process, Signal signal) {
  charge(paths().signal_force);
  if (process.blocked_signals & bit_of(signal)) {
    process.signal_handlers[number_of(signal)] = nullptr;
    process.blocked_signals &= ~bit_of(signal);
  }
  this->signal(process, signal);
}

bool Kernel::signal_pending() {
  const Process& process = current();
  return (process.pending_signals & ~process.blocked_signals) != 0;
}

model::Task<> Kernel::deliver_signals() {
  Process& process = current();
  while (signal_pending()) {
    const auto number = static_cast<u32>(std::countr_zero(process.pending_signals & ~process.blocked_signals));
    const auto signal = static_cast<Signal>(number);
    process.pending_signals &= ~bit_of(signal);
    if (process.signal_handlers[number]) {
      co_await handle_signal(process, signal);
    } else if (!ignored_by_default(signal)) {
      co_await life_.exit(number);
    }
  }
}

// Goes to user mode for the handler, and comes back by a system call to the frame that was there before.
model::Task<> Kernel::handle_signal(Process& process, Signal signal) {
  const UserFrame interrupted = user_frame();
  charge(paths().signal_deliver);
  UserFrame frame = interrupted;
  frame.esp -= kSignalFrameBytes;
  co_await use_user_memory(frame.esp, kSignalFrameBytes, model::Use::write);
  port_.did(Operation::signal_frame);
  const u32 blocked = process.blocked_signals;
  process.blocked_signals |= bit_of(signal);
  enter_user_mode(frame);

  const UserCode handler = process.signal_handlers[number_of(signal)];  // which may replace itself
  SystemCalls calls{*this, process};
  co_await handler(calls);

  enter_system_call();
  charge(paths().signal_return);
  co_await use_user_memory(frame.esp, kSignalFrameBytes, model::Use::read);
  port_.did(Operation::load_segment, kSegmentsRestored);
  port_.did(Operation::signal_return);
  process.blocked_signals = blocked;
  set_user_frame(interrupted);
}

UserFrame Kernel::user_frame() {
  UserFrame frame;
  if (!cpu().read(current().kernel_stack - static_cast<u32>(sizeof frame), &frame, sizeof frame)) {
    panic("the kernel stack is not there");
  }
  return frame;
}

void Kernel::set_user_frame(const UserFrame& frame) {
  model::Cpu& here = cpu();
  here.registers().esp = current().kernel_stack - static_cast<u32>(sizeof frame);
  if (!here.write(here.registers().esp, &frame, sizeof frame)) panic("the kernel stack is not there");
}

void Kernel::enter_user_mode(const UserFrame& frame) {
  set_user_frame(frame);
  if (!port_.return_to_user()) panic("the kernel stack is not there");
}

}  // namespace guest

#include "workloads/kernel/process_life.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "workloads/kernel/descriptors.h"
#include "workloads/kernel/executable.h"
#include "workloads/kernel/kernel.h"
#include "workloads/kernel/system_calls.h"

namespace guest {

// Leaves the present image for good and goes to the beginning of the process's other one.
class ProcessLife::EnterImage {
 public:
  EnterImage(ProcessLife& life, const Process& process) : life_{life}, process_{process} {}
  bool await_ready() const { return false; }
  void await_suspend(std::coroutine_handle<>) { life_.set_start(life_.kernel_.cpu().registers(), process_); }
  void await_resume() const {}

 private:
  ProcessLife& life_;
  const Process& process_;
};

ProcessLife::ProcessLife(Kernel& kernel, Port& port, Scheduler& scheduler, u32 processors)
    : kernel_{kernel}, port_{port}, scheduler_{scheduler}, processors_(processors) {
  start_image_ =
      kernel.machine().code().add_entry([&kernel](model::Cpu&) { kernel.current().image->main->handle().resume(); });
}

Process* ProcessLife::find(ProcessId id) {
  Process* const found = find_from(id);
  return found == nullptr || found->id != id ? nullptr : found;
}

Process* ProcessLife::find_from(ProcessId id) {
  const auto found =
      std::partition_point(processes_.begin(), processes_.end(), [&](const auto& p) { return p->id < id; });
  return found == processes_.end() ? nullptr : found->get();
}

// --- birth -----------------------------------------------------------------------------------------------------------

Process& ProcessLife::add(std::string name, UserId user) {
  processes_.push_back(std::make_unique<Process>(next_id_++, std::move(name)));
  Process& process = *processes_.back();
  process.started = kernel_.ticks();
  process.user = user;
  ++of_user_[user];
  process.counter = Scheduler::slice_ticks(process.nice);
  scheduler_.add_process(process);
  // 8 kB as on i386, with the process's own structure below the stack.
  process.kernel_pages = {kernel_.take_page(), kernel_.take_page()};
  process.kernel_stack = process.kernel_pages[1].kernel_address() + hv::kPageSize;
  return process;
}

void ProcessLife::set_start(hw::Registers& registers, const Process& process) const {
  const Selectors selectors = port_.selectors();
  registers.eip = start_image_;
  registers.cs = selectors.kernel_cs;
  registers.ss = registers.ds = registers.es = selectors.kernel_ds;
  registers.esp = process.kernel_stack;
}

void ProcessLife::make_ready(Process& process, model::Task<> main) {
  process.image->main.emplace(std::move(main));
  process.registers = hw::Registers{};
  set_start(process.registers, process);
  kernel_.wake(process);
}

model::Task<> ProcessLife::spawn(std::string name, UserCode code) {
  Process& process = add(std::move(name), next_user_++);
  process.space = std::make_shared<AddressSpace>();
  co_await port_.create_space(*process.space);
  process.image->code = std::move(code);
  make_ready(process, run_image(process, false));
}

void ProcessLife::start_thread(std::string name, model::Task<> main) {
  make_ready(add(std::move(name), kSuperUser), std::move(main));
}

u32 ProcessLife::most_processes() const {
  constexpr u32 kPagesPerProcess = 16;
  return kernel_.pages().frames() / kPagesPerProcess;
}

bool ProcessLife::may_fork(const Process& parent) const {
  if (parent.user != kSuperUser && of_user_.at(parent.user) >= most_of_user()) return false;
  return processes_.size() < most_processes();
}

model::Task<ProcessId> ProcessLife::fork(UserCode code) {
  Process& parent = kernel_.current();
  if (!may_fork(parent)) {
    kernel_.charge(kernel_.paths().fork_refused);
    co_return 0;
  }
  kernel_.forked();
  kernel_.charge(kernel_.paths().fork);
  co_await kernel_.reclaim().make_room(PageUse::kernel);
  Process& child = add(parent.name, parent.user);
  child.parent = &parent;
  parent.children.push_back(&child);
  child.nice = parent.nice;
  child.processor = parent.processor;
  child.descriptors = parent.descriptors;
  child.signal_handlers = parent.signal_handlers;
  child.blocked_signals = parent.blocked_signals;
  // What is left of the time slice is shared, so that forking gains nobody time.
  child.counter = (parent.counter + 1) / 2;
  parent.counter /= 2;
  if (parent.counter == 0) scheduler_.set_need_reschedule(port_.processor());

  kernel_.charge(kernel_.paths().space_create);
  child.space = std::make_shared<AddressSpace>();
  co_await port_.create_space(*child.space);
  co_await kernel_.memory().copy(*parent.space, *child.space);
  child.image->code = std::move(code);
  make_ready(child, run_image(child, true));
  co_return child.id;
}

model::Task<> ProcessLife::run_image(Process& process, bool forked) {
  co_await finish_switch();
  co_await port_.enable_events();  // the switch to here had them off
  if (forked) co_await port_.start_child(*process.space);
  co_await run_user(process);
}

model::Task<> ProcessLife::run_new_image(Process& process) {
  process.replaced_image.reset();
  co_await run_user(process);
}

model::Task<> ProcessLife::run_user(Process& process) {
  kernel_.enter_user_mode();
  SystemCalls calls{kernel_, process};
  co_await process.image->code(calls);
  co_await calls.exit(0);
}

// --- another program -------------------------------------------------------------------------------------------------

model::Task<> ProcessLife::exec(std::shared_ptr<Inode> file) {
  Process& process = kernel_.current();
  const std::shared_ptr<const Executable> executable = file->executable;
  if (!executable) kernel_.panic(process.name + " executes a file that is no program");
  kernel_.charge(kernel_.paths().exec);
  AddressSpace& space = *process.space;  // its own, so it is used again
  co_await kernel_.memory().clear(space);
  co_await port_.activate_space(space);
  for (UserCode& handler : process.signal_handlers) handler = nullptr;
  space.break_start = space.break_end = executable->break_start;
  co_await kernel_.memory().map_stack(space);
  co_await load_segments(process, file);
  if (!executable->interpreter.empty()) {
    const std::shared_ptr<Inode> interpreter = co_await kernel_.file_system().find(executable->interpreter);
    if (!interpreter || !interpreter->executable) kernel_.panic("no loader " + executable->interpreter);
    co_await load_segments(process, interpreter);
  }

  process.replaced_image = std::exchange(process.image, std::make_unique<Process::Image>());
  process.image->code = executable->code;
  process.image->main.emplace(run_new_image(process));
  co_await EnterImage{*this, process};
}

model::Task<> ProcessLife::load_segments(Process& process, const std::shared_ptr<Inode>& file) {
  MemoryMap& memory = kernel_.memory();
  for (const Segment& segment : file->executable->segments) {
    const u32 file_end = segment.start + segment.file_bytes;
    if (segment.file_bytes > 0) {
      Area of_file{.start = segment.start, .end = whole_pages(file_end), .protection = segment.protection};
      of_file.file = file;
      of_file.file_page = segment.file_page;
      co_await memory.map(*process.space, std::move(of_file));
    }
    Area of_zeros{.start = whole_pages(file_end), .end = whole_pages(segment.start + segment.bytes)};
    of_zeros.protection = segment.protection;
    if (of_zeros.end > of_zeros.start) co_await memory.map(*process.space, std::move(of_zeros));
    // The rest of the last page of the file is no longer the file's.
    if (segment.bytes > segment.file_bytes && file_end % hv::kPageSize != 0) {
      co_await kernel_.clear_user(file_end, whole_pages(file_end) - file_end);
    }
  }
}

// --- death -----------------------------------------------------------------------------------------------------------

model::Task<> ProcessLife::exit(u32 status) {
  Process& process = kernel_.current();
  co_await kernel_.big_lock().take();
  kernel_.charge(kernel_.paths().exit);
  kernel_.set_alarm(process, 0);
  co_await kernel_.big_lock().release();
  co_await kernel_.memory().clear(*process.space);
  process.space.reset();  // this processor has it loaded until the next switch to another
  co_await kernel_.big_lock().take();
  co_await close_all(kernel_, process);
  leave_family(process);
  co_await kernel_.big_lock().release();
  process.exit_status = status;
  process.state = Process::State::zombie;
  if (process.parent == nullptr) {
    processors_[port_.processor()].dead = &process;
  } else {
    kernel_.signal(*process.parent, Signal::child);
    if (Process* waiting = process.parent->child_exited.take_first()) kernel_.wake(*waiting);
  }
  co_await kernel_.schedule();
}

// Its children have only the kernel now.
void ProcessLife::leave_family(Process& process) {
  for (Process* child : std::exchange(process.children, {})) {
    child->parent = nullptr;
    if (child->state == Process::State::zombie) reap(*child);
  }
}

model::Task<std::optional<u32>> ProcessLife::wait(ProcessId id) {
  Process& parent = kernel_.current();
  kernel_.charge(kernel_.paths().wait);
  while (true) {
    const auto found = std::find_if(parent.children.begin(), parent.children.end(),
                                    [&](const Process* child) { return child->id == id; });
    if (found == parent.children.end()) co_return std::nullopt;
    Process& child = **found;
    if (child.state == Process::State::zombie && !child.on_processor) {
      const u32 status = child.exit_status;
      parent.counter = std::min(parent.counter + child.counter, Scheduler::kMostTicks);
      parent.children.erase(found);
      reap(child);
      co_return status;
    }
    if (kernel_.signal_pending()) co_return std::nullopt;
    co_await kernel_.sleep_on(parent.child_exited);
  }
}

std::optional<ProcessId> ProcessLife::take_dead_child() {
  Process& parent = kernel_.current();
  kernel_.charge(kernel_.paths().wait);
  const auto found = std::find_if(parent.children.begin(), parent.children.end(), [](const Process* child) {
    return child->state == Process::State::zombie && !child->on_processor;
  });
  if (found == parent.children.end()) return std::nullopt;
  Process& child = **found;
  parent.counter = std::min(parent.counter + child.counter, Scheduler::kMostTicks);
  parent.children.erase(found);
  const ProcessId id = child.id;
  reap(child);
  return id;
}

void ProcessLife::reap(Process& process) {
  scheduler_.remove_process(process);
  --of_user_.at(process.user);
  for (const GuestFrame page : process.kernel_pages) kernel_.pages().give(page);
  processes_.erase(
      std::partition_point(processes_.begin(), processes_.end(), [&](const auto& p) { return p->id < process.id; }));
}

model::Task<> ProcessLife::finish_switch() {
  Processor& processor = processors_[port_.processor()];
  if (Process* dead = std::exchange(processor.dead, nullptr)) reap(*dead);
  const std::shared_ptr<AddressSpace>& own = kernel_.current().space;
  if (!own || own == processor.loaded) co_return;
  const std::shared_ptr<AddressSpace> left = std::exchange(processor.loaded, own);
  if (!left || left.use_count() > 1) co_return;
  kernel_.charge(kernel_.paths().space_release);
  co_await port_.release_space(*left);
}

}  // namespace guest

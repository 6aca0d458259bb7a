#include "metal/guest/kernel.h"

#include "metal/guest_image.h"
#include "metal/image/probe_calls.h"

extern "C" {
extern const hv::u32 trap_stubs[32];
extern char load_place[], store_place[], try_failed[], trap_stack_top[];
extern char event_callback[], failsafe_callback[], system_call_entry[], leave_to_kernel[];
extern volatile hv::u32 kernel_stack;
hv::u32 run_in_ring3(hv::u32 eip, hv::u32 esp, hv::u32 eax, hv::u32 ecx);
void guest_trap(guest::TrapFrame& frame);
}

namespace guest {

Trap last_trap;
volatile u32 traps_taken[32];
volatile u32 events_taken, failsafes_taken, system_calls;
volatile Handler trap_handler;
volatile u32 port_events[64];
const StartInfo* start_info;

namespace {

u32 user_result;
bool user_faulted;

}  // namespace

s32 control(ControlCommand command, ControlOp& op) {
  op.command = static_cast<u32>(command);
  op.version = kControlVersion;
  return hypercall(Hypercall::dom0_op, address_of(&op));
}

s32 event_op(EventChannelCommand command, EventChannelOp& op) {
  op.command = static_cast<u32>(command);
  return hypercall(Hypercall::event_channel_op, address_of(&op));
}

s32 mmu_update(const MmuUpdate* list, u32 count, u32* done) {
  return hypercall(Hypercall::mmu_update, address_of(list), count, address_of(done));
}

void shut_down(u32 reason) {
  for (;;) (void)hypercall(Hypercall::sched_op, static_cast<u32>(SchedOp::shutdown) | reason << 8);
}

Line::~Line() {
  text_[used_++] = '\n';
  (void)hypercall(Hypercall::console_io, 0, used_, address_of(text_));
}

void Line::put(char c) {
  if (used_ + 1 < sizeof text_) text_[used_++] = c;
}

Line& Line::operator<<(const char* text) {
  while (*text != '\0') put(*text++);
  return *this;
}

Line& Line::operator<<(u32 value) {
  char digits[10];
  u32 count = 0;
  do digits[count++] = static_cast<char>('0' + value % 10);
  while ((value /= 10) != 0);
  while (count != 0) put(digits[--count]);
  return *this;
}

Line& Line::operator<<(s32 value) {
  if (value >= 0) return *this << static_cast<u32>(value);
  put('-');
  return *this << 0u - static_cast<u32>(value);
}

Line& Line::hex(u32 value) {
  bool leading = true;
  for (u32 shift = 32; shift != 0;) {
    const u32 digit = value >> (shift -= 4) & 15;
    leading = leading && digit == 0 && shift != 0;
    if (!leading) put("0123456789abcdef"[digit]);
  }
  return *this;
}

namespace {

u32 exchange(u32& word, u32 value) {
  asm volatile("xchgl %0, %1" : "+r"(value), "+m"(word)::"memory");
  return value;
}
void clear_bit(u32& word, u32 bit) { asm volatile("lock btrl %1, %0" : "+m"(word) : "Ir"(bit) : "memory"); }

// What an event handler does: takes what is pending, then lets upcalls through again, and looks once more.
void take_events() {
  SharedInfo& page = shared();
  SharedVcpu& vcpu = page.vcpu[0];
  events_taken = events_taken + 1;
  do {
    while (exchange(vcpu.upcall_pending, 0) != 0) {
      for (u32 words = exchange(vcpu.pending_selector, 0), word = 0; words != 0; ++word, words >>= 1) {
        if ((words & 1) == 0) continue;
        for (u32 bit = 0; bit < 32; ++bit) {
          if (((page.ports_pending[word] & ~page.ports_mask[word]) >> bit & 1) == 0) continue;
          clear_bit(page.ports_pending[word], bit);
          const u32 port = word * 32 + bit;
          if (port < 64) port_events[port] = port_events[port] + 1;
        }
      }
    }
    (void)exchange(vcpu.upcall_mask, 0);
  } while (static_cast<volatile SharedVcpu&>(vcpu).upcall_pending != 0);
}

u64 read_time(u32 SharedTime::*low, u32 SharedTime::*high) {
  volatile SharedTime& time = shared().time[0];
  for (;;) {
    const u32 version = time.version2;
    const u64 value = join_words(time.*low, time.*high);
    if (time.version1 == version) return value;
  }
}

}  // namespace

u64 system_time() { return read_time(&SharedTime::system_time_low, &SharedTime::system_time_high); }
u64 virtual_time() { return read_time(&SharedTime::virtual_time_low, &SharedTime::virtual_time_high); }

void set_alarm(u64 time) { (void)hypercall(Hypercall::set_timer_op, high_word(time), low_word(time)); }

void block() { (void)hypercall(Hypercall::sched_op, static_cast<u32>(SchedOp::block)); }

void wait_until(u64 time) {
  while (system_time() < time) {
    set_alarm(time);
    block();
  }
}

u32 bind_virq(Virq virq) {
  EventChannelOp op{};
  op.number = static_cast<u32>(virq);
  return event_op(EventChannelCommand::bind_virq, op) == 0 ? op.port1 : 0;
}

u32 channel() {
  for (u32 port = 1; port < 8; ++port) {
    EventChannelOp op{};
    op.dom1 = kDomainSelf;
    op.port1 = port;
    if (event_op(EventChannelCommand::status, op) == 0 && op.state == static_cast<u32>(PortState::interdomain))
      return port;
  }
  return 0;
}

void send_event(u32 port) {
  EventChannelOp op{};
  op.port1 = port;
  (void)event_op(EventChannelCommand::send, op);
}

u32 probe(u32 what, u32 frame, u32 index) {
  u32 result;
  asm volatile("int %[vector]"
               : "=a"(result)
               : [vector] "i"(metal::kProbeVectorOfTests), "0"(what), "b"(frame), "c"(index)
               : "memory");
  return result;
}

u64 divide(u64 dividend, u32 divisor) {
  u32 high = high_word(dividend) / divisor, rest = high_word(dividend) % divisor, low = low_word(dividend);
  asm("divl %2" : "+a"(low), "+d"(rest) : "rm"(divisor) : "cc");
  return join_words(low, high);
}

bool user_run(u32 eip, u32 esp, u32 eax, u32 ecx, u32* result) {
  user_faulted = false;
  (void)run_in_ring3(eip, esp, eax, ecx);
  if (user_faulted) return false;
  if (result != nullptr) *result = user_result;
  return true;
}

const char* command_line() { return at<char>(metal::guest_page_address(metal::kGuestLinePage)); }

namespace {

const char* find_option(const char* name) {
  const char* line = command_line();
  for (const char* place = line; *place != '\0'; ++place) {
    if (place != line && place[-1] != ' ') continue;
    u32 i = 0;
    while (name[i] != '\0' && place[i] == name[i]) ++i;
    if (name[i] == '\0' && place[i] == '=') return place + i + 1;
  }
  return nullptr;
}

}  // namespace

u32 option(const char* name, u32 otherwise) {
  const char* digit = find_option(name);
  if (digit == nullptr) return otherwise;
  u32 value = 0;
  for (; *digit >= '0' && *digit <= '9'; ++digit) value = value * 10 + static_cast<u32>(*digit - '0');
  return value;
}

bool option_is(const char* name, const char* value) {
  const char* given = find_option(name);
  if (given == nullptr) return false;
  for (; *value != '\0'; ++value, ++given)
    if (*given != *value) return false;
  return *given == '\0' || *given == ' ';
}

void set_up_kernel() {
  TrapEntry traps[34] = {};
  u32 count = 0;
  for (u32 vector = 0; vector < 32; ++vector)
    if (vector != 2 && vector != 8)
      traps[count++] = {static_cast<u8>(vector), static_cast<u8>(vector == 3 ? 3 : 0), hw::kRing1Cs,
                        trap_stubs[vector]};
  traps[count++] = {kSystemCall, 3, hw::kRing1Cs, address_of(system_call_entry)};
  (void)hypercall(Hypercall::set_trap_table, address_of(traps));
  (void)hypercall(Hypercall::set_callbacks, hw::kRing1Cs, address_of(event_callback), hw::kRing1Cs,
                  address_of(failsafe_callback));
  (void)hypercall(Hypercall::stack_switch, hw::kRing1Ds, address_of(trap_stack_top));
  (void)hypercall(Hypercall::set_fast_trap, kSystemCall);
}

}  // namespace guest

// What a trap means here: the end of a visit to ring 3, the result of an instruction that was tried, an event, or the
// end of the test.
void guest_trap(guest::TrapFrame& frame) {
  using namespace guest;
  const hv::u32 vector = frame.vector;
  if (vector == kEvent) {
    return take_events();
  }
  if (vector == kFailsafe) {  // with null selectors, which load
    failsafes_taken = failsafes_taken + 1;
    return;
  }
  if (vector < 32) traps_taken[vector] = traps_taken[vector] + 1;
  if (const Handler handler = trap_handler; handler != nullptr && handler(frame)) return;
  last_trap = {vector, frame.error_code, frame.fault_address, frame.eip, frame.ring()};
  if (frame.ring() == 3) {
    user_faulted = vector != kSystemCall;
    if (!user_faulted) {
      system_calls = system_calls + 1;
      user_result = frame.eax;
    }
    frame.eip = address_of(leave_to_kernel);  // in ring 1, on the stack that was left there: nothing more is popped
    asm volatile("jmp leave_to_kernel");
    __builtin_unreachable();
  }
  if (frame.eip == address_of(load_place) || frame.eip == address_of(store_place)) {
    frame.eip = address_of(try_failed);
    return;
  }
  if (kernel_stack != 0) {
    asm volatile("xorl %eax, %eax; jmp leave_to_kernel");
    __builtin_unreachable();
  }
  (Line{} << "trap " << vector << " error ").hex(frame.error_code) << " nobody expected it";
  (Line{} << "  at ").hex(frame.eip) << " address " << frame.fault_address;
  shut_down(99);
}

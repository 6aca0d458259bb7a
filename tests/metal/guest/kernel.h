// What the test kernel's programs stand on: hypercalls, the console, traps as results, ring 3, and its start info.
#pragma once

#include "base/types.h"
#include "hardware/registers.h"
#include "interface/control.h"
#include "interface/events.h"
#include "interface/hypercalls.h"
#include "interface/layout.h"
#include "interface/memory.h"
#include "interface/shared_info.h"
#include "interface/start_info.h"

namespace guest {

using namespace hv;  // NOLINT

// --- hypercalls ------------------------------------------------------------------------------------------------------
extern "C" u32 hypercall5(u32 number, u32 a, u32 b, u32 c, u32 d, u32 e);
inline s32 hypercall(Hypercall number, u32 a = 0, u32 b = 0, u32 c = 0, u32 d = 0, u32 e = 0) {
  return static_cast<s32>(hypercall5(static_cast<u32>(number), a, b, c, d, e));
}
inline u32 address_of(const void* object) { return static_cast<u32>(reinterpret_cast<std::uintptr_t>(object)); }
template <class T>
T* at(u32 address) {
  return reinterpret_cast<T*>(static_cast<std::uintptr_t>(address));
}
s32 control(ControlCommand command, ControlOp& op);  // fills in command and version
s32 event_op(EventChannelCommand command, EventChannelOp& op);
s32 mmu_update(const MmuUpdate* list, u32 count, u32* done = nullptr);
inline s32 mmu_update(MmuUpdate request) { return mmu_update(&request, 1); }
constexpr MmuUpdate command(MmuCommand what, u32 pointer, u32 argument = 0) {
  return {pointer | static_cast<u32>(MmuRequest::extended), static_cast<u32>(what) | argument << 8};
}
[[noreturn]] void shut_down(u32 reason);

// --- the console -----------------------------------------------------------------------------------------------------
class Line {  // printed whole when it goes out of scope
 public:
  Line() = default;
  Line(const Line&) = delete;
  Line& operator=(const Line&) = delete;
  ~Line();
  Line& operator<<(const char* text);
  Line& operator<<(u32 value);
  Line& operator<<(s32 value);
  Line& hex(u32 value);

 private:
  void put(char c);
  char text_[250];
  u32 used_ = 0;
};

// --- traps -----------------------------------------------------------------------------------------------------------
struct TrapFrame {
  u32 edi, esi, ebp, unused, ebx, edx, ecx, eax;
  u32 vector, fault_address, error_code;
  u32 eip, cs, eflags, esp, ss;  // the last two only from ring 3
  u32 ring() const { return cs & 3; }
};
inline constexpr u32 kEvent = 0x100, kFailsafe = 0x101, kSystemCall = 0x80;  // vectors that are none
struct Trap {
  u32 vector = 0, error_code = 0, fault_address = 0, eip = 0, ring = 0;
};
extern Trap last_trap;                // the last that was a result
extern volatile u32 traps_taken[32];  // by vector
extern volatile u32 events_taken, failsafes_taken, system_calls;
using Handler = bool (*)(TrapFrame& frame);  // true: done with it
extern volatile Handler trap_handler;        // asked first; null: nobody
extern volatile u32 port_events[64];         // events taken, by port

// Results of single instructions. False: it faulted, and last_trap says how.
extern "C" bool try_load(u32 address, u32* value);
extern "C" bool try_store(u32 address, u32 value);
extern "C" bool try_code(void (*code)());

// --- ring 3 ----------------------------------------------------------------------------------------------------------
// Ends with a system call (true; EAX in *result) or a fault (false; last_trap says which).
bool user_run(u32 eip, u32 esp, u32 eax, u32 ecx, u32* result);
extern "C" {
extern char user_code[], user_load[], user_store[], user_call[], user_code_end[];
}

// --- this domain -----------------------------------------------------------------------------------------------------
extern const StartInfo* start_info;
inline SharedInfo& shared() { return *at<SharedInfo>(start_info->shared_info_address); }
inline u32 page_address(u32 page) { return kGuestKernelStart + (page << kPageShift); }
inline u32 frame_of_page(u32 page) { return at<u32>(start_info->frame_list_address)[page]; }
// Machine address of the entry that maps a page of the kernel's map.
inline u32 entry_of_page(u32 page) {
  return (frame_of_page(start_info->table_first + page / 1024) << kPageShift) + page % 1024 * 4;
}
inline u32 directory_address() { return start_info->directory_frame << kPageShift; }
extern "C" char image_start[], image_data_end[], image_end[];
inline u32 first_page_behind_image() { return (address_of(image_end) - kGuestKernelStart) >> kPageShift; }
// A line that the loader was given.
const char* command_line();
u32 option(const char* name, u32 otherwise);
bool option_is(const char* name, const char* value);

// --- time and events -------------------------------------------------------------------------------------------------
u64 system_time();   // ns since the hypervisor booted, as the time page had it last
u64 virtual_time();  // ns that this vCPU has run
void set_alarm(u64 time);
void block();  // until an event
// Blocks until something holds that an event tells of. Looking and sleeping must be one step, so upcalls wait
// meanwhile.
template <class F>
void sleep_until(F holds) {
  for (volatile u32& mask = shared().vcpu[0].upcall_mask;; block()) {
    mask = 1;
    if (!holds()) continue;
    mask = 0;
    (void)hypercall(Hypercall::xen_version);  // what came meanwhile is delivered on the way out
    return;
  }
}
void wait_until(u64 time);  // blocked; the timer's port must be bound
u32 bind_virq(Virq virq);   // its port
u32 channel();              // the port of the one channel that somebody has made to this domain; 0: none
void send_event(u32 port);
u64 divide(u64 dividend, u32 divisor);  // the quotient

u32 probe(u32 what, u32 frame = 0, u32 index = 0);  // image/probe_calls.h

// Traps, callbacks, stack, system-call gate.
void set_up_kernel();

inline constexpr u32 kP = kEntryPresent, kW = kEntryWritable, kU = kEntryUser;

}  // namespace guest

// How a guest kernel reaches its machine: everything that differs between bare hardware, a hypervisor that it knows of,
// a virtual machine monitor that it does not know of, and a host kernel.
//
// The kernel above is the same on every system, so what differs between the bars of a figure is only what is behind
// this interface. The page-table calls are those of Linux 2.4 (its name in brackets), called at the same places, so
// that a port can do what its original did there: a store, a queued request, a host system call. What may need a
// hypercall or take long is a Task: after it the code may be on another physical CPU.
#pragma once

#include <optional>

#include "model/code_map.h"
#include "model/task.h"
#include "sim/time.h"
#include "workloads/kernel/address_space.h"
#include "workloads/kernel/network/ip.h"

namespace guest {

struct Process;

// A network card or a virtual interface, as the IP layer sees it.
class NetworkInterface {
 public:
  virtual MacAddress mac_address() const = 0;
  virtual bool computes_checksums() const = 0;  // else the kernel sums every payload in software
  // A card reads and writes the kernel's buffers itself, so that their lines are not the cache's own afterwards; else
  // a processor has copied them.
  virtual bool reaches_memory() const = 0;
  // Bytes of the buffers that it lends for packets: 1536 and two for alignment in drivers of cards, and 16 of the
  // kernel's own.
  virtual u32 receive_buffer() const { return 1536 + 2 + 16; }
  // Called by the kernel's TransmitQueue alone, which learns from completed() that the driver is done with a packet.
  // False: no room for it now [the queue is stopped]; completed() says when there is.
  virtual model::Task<bool> transmit(const sim::Packet& packet) = 0;

 protected:
  ~NetworkInterface() = default;
};

// Memory that a kernel gives back to the hypervisor and gets back from it, in pages; how many it were. In a process;
// may sleep. It gives what it can spare without killing anybody.
class Balloon {
 public:
  virtual model::Task<u32> give_back(u32 pages) = 0;
  virtual model::Task<u32> take(u32 pages) = 0;
  virtual u32 pages() const = 0;  // that it has given back

 protected:
  ~Balloon() = default;
};

struct Selectors {
  u32 kernel_cs, kernel_ds;
};

// Where the kernel's text and static data begin in its address space; whole pages, mapped.
struct KernelImage {
  u32 text = 0;
  u32 data = 0;
};

// What the kernel does besides its paths that is dear on some systems and nearly free on others. On bare hardware what
// they cost is part of the path that contains them, unless said otherwise.
enum class Operation : u8 {
  user_copy,      // one call that copies to or from user memory (its bytes are charged by the kernel)
  load_segment,   // a data segment register loaded; everywhere a hardware operation
  signal_frame,   // a signal frame built on the user's stack, with the state of the FPU
  signal_return,  // and taken down
  clock_read,     // the time of day
  page_taken,     // a page taken from the allocator
  count,
};

class Port {
 public:
  virtual Selectors selectors() const = 0;
  virtual KernelImage image() const = 0;
  virtual u32 processor() const = 0;  // of the kernel's processors, the one that runs this code

  // --- entries and returns ------------------------------------------------------------------------------------------
  // INT 0x80 of the user code at the present place, up to the first instruction of the kernel's handler; and the return
  // to user mode by the frame on the kernel stack. False: that stack is not there.
  virtual bool enter_system_call() = 0;
  virtual bool return_to_user() = 0;

  // --- code ---------------------------------------------------------------------------------------------------------
  // The kernel has executed `work` of its own code, turning interrupts off and on `interrupt_pairs` times in it,
  // `plain_pairs` of these without saving before whether they were on. The work itself is charged; what the system
  // makes of it beyond that is charged here.
  virtual void executed(sim::Cycles work, u32 interrupt_pairs, u32 plain_pairs) = 0;
  virtual void did(Operation operation, u32 times = 1) = 0;

  // Interrupts, or the hypervisor's events, wait from disable to enable; enable handles what came meanwhile.
  virtual void disable_events() = 0;
  virtual model::Task<> enable_events() = 0;
  // A processor that spins for a lock lets others have its time, if there are others.
  virtual model::Task<> yield() { return {}; }
  // While a processor spins for a lock it has interrupts on, if the kernel's code has them off otherwise.
  virtual void let_interrupts_in(bool) {}
  // At the end of a system call, before the return to user mode: what came while the kernel ran and was not let in.
  virtual model::Task<> take_interrupts() { return {}; }

  // --- page tables --------------------------------------------------------------------------------------------------
  virtual model::Task<> create_space(AddressSpace& space) = 0;   // [pgd_alloc, init_new_context]
  virtual model::Task<> release_space(AddressSpace& space) = 0;  // [pgd_free] its tables are gone, no CPU uses it
  virtual model::Task<> create_table(AddressSpace& space, u32 slot) = 0;   // [pte_alloc] into space.tables, all absent
  virtual model::Task<> release_table(AddressSpace& space, u32 slot) = 0;  // [free_one_pmd] out of space.tables
  // A plain load. What was set may not be seen before the next flush. The table must exist.
  virtual PageEntry entry(const AddressSpace& space, u32 address) = 0;
  virtual model::Task<> set_entry(AddressSpace& space, u32 address, PageEntry entry) = 0;  // [set_pte]
  // The fault handler has set the entry that an access needs [update_mmu_cache]; `replaced`: another present entry was
  // there, whose translation may be in the TLB [establish_pte flushes the page].
  virtual model::Task<> entry_installed(AddressSpace& space, u32 address, bool replaced) = 0;
  virtual model::Task<> flush_page(AddressSpace& space, u32 address) = 0;          // [flush_tlb_page]
  virtual model::Task<> flush_range(AddressSpace& space, u32 start, u32 end) = 0;  // [flush_tlb_range]
  virtual model::Task<> flush_space(AddressSpace& space) = 0;                      // [flush_tlb_mm]
  // After some were. Those of a space without areas, which is at its end, were flushed before.
  virtual model::Task<> tables_released(AddressSpace& space) = 0;  // [clear_page_tables' end, flush_tlb_pgtables]

  // --- user memory --------------------------------------------------------------------------------------------------
  // Where the kernel, about to read or write the page of the current process that holds `address`, finds that address:
  // there, unless it runs in an address space of its own. Then what was missing has faulted in.
  virtual model::Task<u32> reach_user(u32 address, model::Use) { co_return address; }

  // --- processes ----------------------------------------------------------------------------------------------------
  // Address space and kernel stack of `next`, while still in the registers of the process before it. Events are
  // disabled [switch_mm, switch_to].
  virtual model::Task<> switch_process(const Process& next) = 0;
  // The running process begins a new program in `space`, which is loaded unless it was before [exec_mmap].
  virtual model::Task<> activate_space(AddressSpace& space) = 0;
  // In a child of fork, before its first return to user mode [ret_from_fork].
  virtual model::Task<> start_child(AddressSpace& space) = 0;

  // The idle process has nothing to do: until an interrupt. `timer_ticks`: when the next kernel timer is due.
  virtual model::Task<> wait_for_interrupt(std::optional<u64> timer_ticks) = 0;
  virtual void send_reschedule(u32 processor) = 0;

  virtual NetworkInterface* network() = 0;        // null: none
  virtual Balloon* balloon() { return nullptr; }  // null: nobody takes memory back
  virtual u32 memory_pages() const { return 0; }  // that the machine was started with, where there is a balloon

 protected:
  ~Port() = default;
};

}  // namespace guest

// Steps of the core that one hardware call hides or that no hardware call marks.
//
// The core reports them through Cpu::work(step, n). The model charges each with a path length from the machine's cost
// file; metal ignores them. A step's cost covers the instructions between it and the next hardware call, so no two
// steps charge the same work.
#pragma once

#include "base/types.h"

namespace hw {

enum class Step : hv::u32 {
  hypercall_dispatch,   // entry, table look-up, exit; once per hypercall
  multicall_entry,      // per entry of a multicall
  exception_bounce,     // building a guest frame for an exception
  upcall,               // building a guest frame for an event upcall
  interrupt_dispatch,   // per hardware interrupt
  page_table_update,    // one request of mmu_update or update_va_mapping, decoded and checked
  page_table_validate,  // per entry scanned when a table is validated or released
  mmu_extended,         // one extended mmu command (pin, new base, flush)
  schedule,             // one run of the scheduler
  schedule_scan,        // per queue element that the scheduler looked at
  context_switch,       // saving one vCPU and loading another, without the CR3 load
  event_send,           // setting one port pending
  event_channel_op,     // one event-channel operation
  timer_run,            // one expired software timer
  time_update,          // one refresh of a shared time record
  vif_transmit,         // one transmit descriptor checked, header copied, rules run
  vif_receive,          // one packet demultiplexed and its page exchanged
  vif_post_buffer,      // one receive buffer taken from a domain
  rule_match,           // per rule of the firewall-router looked at
  control_op,           // one domain-0 operation
  copy_word,            // per word copied from or to a guest
  count,
};

// As parameter files and reports call them.
inline constexpr const char* kStepNames[] = {
    "hypercall_dispatch", "multicall_entry",     "exception_bounce", "upcall",     "interrupt_dispatch",
    "page_table_update",  "page_table_validate", "mmu_extended",     "schedule",   "schedule_scan",
    "context_switch",     "event_send",          "event_channel_op", "timer_run",  "time_update",
    "vif_transmit",       "vif_receive",         "vif_post_buffer",  "rule_match", "control_op",
    "copy_word"};
static_assert(sizeof kStepNames / sizeof *kStepNames == static_cast<hv::u32>(Step::count), "every step has a name");

}  // namespace hw

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
  multicall,            // one multicall, beside its entries
  multicall_entry,      // per entry of it
  exception_bounce,     // building a guest frame for an exception; with entry and exit
  upcall,               // building a guest frame for an event upcall
  interrupt_dispatch,   // per hardware interrupt: entry and exit
  card_poll,            // one interrupt of the network card: its completions asked for
  exit_work,            // one way out with something to do: a timer armed, others interrupted
  vcpu_state,           // one hypercall that sets what a vCPU is entered or loaded with
  mmu_call,             // one mmu_update, beside its requests, or one change of descriptors
  va_update,            // one update_va_mapping: its entry found and exchanged
  mmu_request,          // one request decoded
  page_table_update,    // one entry found and exchanged
  plain_store,          // what it costs more if its frame is no table
  m2p_update,           // one entry of the machine-to-physical table set
  page_table_validate,  // per entry looked at when a page table, or a page of descriptors, is validated
  page_table_release,   // per entry looked at when a page table is released
  directory_validate,   // per entry of a page directory, validated or released
  mapping_take,         // one reference to a page taken, for an entry that comes to map it
  mapping_drop,         // one given back by a read-only entry
  writable_drop,        // one given back by a writable entry
  table_take,           // one reference to a page table taken, for an entry of a directory
  table_drop,           // one given back
  base_load,            // one page-table base loaded: a flush
  mmu_extended,         // one extended command that changes what a frame is used as: pin, unpin, new base
  reservation_call,     // one call that changes how much memory a domain has
  reservation_take,     // one frame that a domain gets
  reservation_give,     // one that it gives back
  schedule,             // one run of the scheduler
  schedule_scan,        // per queue element that the scheduler looked at
  context_switch,       // saving one vCPU and loading another, without the CR3 load
  event_send,           // setting one port pending
  event_notify,         // and its vCPU told of it: woken, or its CPU kicked
  event_channel_op,     // one event-channel operation
  timer_run,            // one run of the timers that are due
  time_update,          // one refresh of a shared time record, mostly for a tick or an alarm
  alarm_set,            // one alarm of a guest set
  vif_push,             // one look at the rings of a VIF
  vif_transmit,         // one transmit descriptor checked, header copied, rules run
  vif_complete,         // one transmitted packet that the card is done with
  packet_arrive,        // one packet from the card: header copied, rules run, its frame replaced
  vif_receive,          // one packet for a VIF: its page exchanged
  vif_post_buffer,      // one receive buffer taken from a domain
  rule_match,           // per rule of the firewall-router looked at
  packet_word,          // per word of a packet copied from one VIF to another
  disk_poll,            // one interrupt of the disk's adapter: its completions asked for
  block_push,           // one look at the block ring of a domain
  block_request,        // one block request taken and its VBD found
  block_wait,           // one write that had to wait for a barrier, or as one, taken up
  block_segment,        // one page of it checked, held and named to the disk
  block_piece,          // one part of it, consecutive on the disk, put into the order in which they go there
  block_scan,           // per other part looked at on the way
  block_overlap,        // per earlier write looked at, which must end first if it has a sector in common
  block_command,        // one command of such parts given to the disk
  block_done,           // one that the disk has completed
  block_release,        // one page let go
  block_answer,         // one request answered
  control_op,           // one domain-0 operation
  count,
};

// As parameter files and reports call them.
inline constexpr const char* kStepNames[] = {
    "hypercall_dispatch",  "multicall",          "multicall_entry",    "exception_bounce", "upcall",
    "interrupt_dispatch",  "card_poll",          "exit_work",          "vcpu_state",       "mmu_call",
    "va_update",           "mmu_request",        "page_table_update",  "plain_store",      "m2p_update",
    "page_table_validate", "page_table_release", "directory_validate", "mapping_take",     "mapping_drop",
    "writable_drop",       "table_take",         "table_drop",         "base_load",        "mmu_extended",
    "reservation_call",    "reservation_take",   "reservation_give",   "schedule",         "schedule_scan",
    "context_switch",      "event_send",         "event_notify",       "event_channel_op", "timer_run",
    "time_update",         "alarm_set",          "vif_push",           "vif_transmit",     "vif_complete",
    "packet_arrive",       "vif_receive",        "vif_post_buffer",    "rule_match",       "packet_word",
    "disk_poll",           "block_push",         "block_request",      "block_wait",       "block_segment",
    "block_piece",         "block_scan",         "block_overlap",      "block_command",    "block_done",
    "block_release",       "block_answer",       "control_op"};
static_assert(sizeof kStepNames / sizeof *kStepNames == static_cast<hv::u32>(Step::count), "every step has a name");

// Locked read-modify-writes among a step's instructions, which no count of instructions prices: of page-table entries,
// in which the MMU may set bits at the same time, and of the event words that a domain shares.
constexpr hv::u32 locked_operations(Step step) {
  switch (step) {
    case Step::va_update:
    case Step::page_table_update:
    case Step::event_send:
    case Step::event_notify:
      return 1;
    default:
      return 0;
  }
}

}  // namespace hw

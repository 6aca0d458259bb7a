// What the monitor costs and how large it is: VMware Workstation 3.2 on a 32-bit host, from
// workloads/ports/vmware/workstation32.json.
//
// Costs are per event. How often each event happens follows from the mechanism (shadow_tables.h, monitor.h), so that
// the few fitted ones decide whole tables.
#pragma once

#include <string>
#include <string_view>

#include "model/parameter_file.h"
#include "workloads/kernel/memory.h"
#include "workloads/spec.h"

namespace guest {

struct WorkstationFile : model::ParameterTable {
  // Both throw model::ParameterError.
  static WorkstationFile load(const std::string& path);
  static WorkstationFile parse(const model::ParameterText& text);
  static const WorkstationFile& workstation32();  // workstation32.json, loaded once

  void set(std::string_view key, double value);  // overrides one value, in the unit of its entry

  // Between direct execution and translated code.
  sim::Cycles transition;  // into the guest's kernel and back, beyond the hardware's entry and return

  // Shadow page tables. The price of a fault passed on, and what part of it a hidden fault and an emulated store to a
  // traced table take: of this product only their sum was published. Beyond the hardware's exception.
  sim::Cycles shadow_event;
  u32 hidden_fault_percent = 0, traced_write_percent = 0;
  sim::Cycles load_address_space;  // CR3 loaded by the guest, with what its switch of processes does around it
  sim::Cycles invalidate_page;
  u32 shadow_pages = 0;  // that all shadow tables together may have
  u32 share_large = 0;   // 1: directories with the same entry for a large page share its shadow; 0: each has its own

  // Translated kernel code.
  sim::Cycles indirect_branch;           // a return, beyond the native one
  sim::Cycles work_per_indirect_branch;  // of kernel code, between two of them
  sim::Cycles load_segment;              // the shadow descriptor looked up
  sim::Cycles read_clock;                // the cycle counter, in the translation
  sim::Cycles port_access;               // a device register that the monitor itself emulates
  u32 port_accesses_per_tick = 0;        // interrupt controller and timer
  u32 port_accesses_per_interrupt = 0;   // of a device, at the interrupt controller

  // The emulated network card: emulated_nic.h.
  sim::Cycles card_address;  // an access to its address register
  sim::Cycles card_data;     // one to its data register, as far as the monitor deals with it
  u32 status_switches = 0;   // 1: every one goes to the other world; 0: those that start a transmission
  u32 combined_sends = 0;    // frames that may wait in the ring for each other; 1: none waits
  u32 combining_rate = 0;    // switches to the other world in a tick of the host, from which frames wait
  sim::Cycles card_frame;    // the process's own work for one frame, beyond its system call
  sim::Cycles vmnet_frame;   // the process's call that sends or receives one, with all that the host does in it
  sim::Cycles process_look;  // at the devices, whenever it has the CPU
  u32 bridge_frames = 0;     // that wait in the host for the process

  // The emulated disk: emulated_disk.h.
  u32 disk_ports_per_request = 0, disk_ports_per_interrupt = 0;  // accesses to the controller's registers
  u32 disk_thread_switches = 0;  // processes switched in the host, for the thread that makes the call
  u32 disk_notice_ticks = 0;     // of the host, before the process sees that a call is over
  u32 cache_pages = 0;           // of the host's cache, among host_pages

  // The other world.
  sim::Cycles world_switch;  // to the host and back
  sim::Cycles host_wake;     // the host's process that waits for the virtual machine's next interrupt
  u32 host_pages = 0;        // of memory that stay with the host and the monitor, beside the shadow tables
};

inline const WorkstationFile& workstation_file(const HostSpec& spec) {
  return spec.workstation_file != nullptr ? *spec.workstation_file : WorkstationFile::workstation32();
}

}  // namespace guest

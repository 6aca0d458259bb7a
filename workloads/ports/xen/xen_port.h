// The Linux 2.4 port to the hypervisor: ring 1, page tables that only the hypervisor writes, events for interrupts.
//
// It follows what the XenLinux of 2003 did, call by call: updates are queued and flushed at stated points, a process
// switch is one multicall, system calls come straight from ring 3, an idle kernel blocks until its next timer.
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "interface/events.h"
#include "interface/hypercalls.h"
#include "interface/start_info.h"
#include "workloads/kernel/kernel.h"
#include "workloads/ports/port.h"
#include "workloads/ports/xen/balloon.h"
#include "workloads/ports/xen/event_page.h"
#include "workloads/ports/xen/guest_layout.h"
#include "workloads/ports/xen/update_queue.h"
#include "workloads/ports/xen/vbd_driver.h"
#include "workloads/ports/xen/vif_driver.h"
#include "workloads/programs/program.h"

namespace guest {

class XenPort final : public Port {
 public:
  // Programs become processes when the domain boots. They, the machine and the spec's files outlive the port. `disks`:
  // names of its VBDs, in their order.
  XenPort(std::string name, model::Machine& machine, const HostSpec& spec, IpAddress address,
          std::vector<NamedProgram> programs, std::vector<std::string> disks = {}, u32 vcpus = 1);

  u32 boot_entry() const { return boot_entry_; }  // EIP of a fresh domain
  Kernel& kernel() { return kernel_; }
  const Kernel& kernel() const { return kernel_; }
  UpdateQueue& updates() { return here().updates; }  // of the virtual CPU that runs this code
  u64 page_table_requests() const;                   // of all of them,
  u64 page_table_batches() const;                    // and the hypercalls of their own that took these
  const VifDriver& vif() const { return vif_; }
  const VbdDriver& vbds() const { return vbds_; }
  void without_barriers(std::size_t disk) { vbds_.without_barriers(disk); }  // before it boots
  const XenBalloon& held_pages() const { return balloon_; }

  const hv::StartInfo& start_info() const { return start_; }
  const ImageLayout& layout() const { return layout_; }
  hv::MachineFrame machine_frame(GuestFrame frame) const { return frames_[frame.number()]; }
  void set_machine_frame(GuestFrame frame, hv::MachineFrame machine);
  // Of the entry that maps a page of the kernel's map: where the entry is mapped, and where it is in machine memory.
  u32 entry_virtual_address(u32 address) const;
  u32 entry_machine_address(u32 address) const;

  u32 free_pages() { return kernel_.pages().free_frames() + kept_pages(); }
  std::optional<std::string> audit();  // of the pages that its processes map

  // As local_irq_save and _restore.
  bool save_and_disable_events();
  model::Task<> restore_events(bool were_disabled);

  // --- Port --------------------------------------------------------------------------------------------------------
  Selectors selectors() const override { return {hw::kRing1Cs, hw::kRing1Ds}; }
  u32 processor() const override {
    return processors_.size() == 1 ? 0 : machine_.supervisor().virtual_processor(machine_.running());
  }
  void disable_events() override;
  model::Task<> enable_events() override;
  model::Task<> take_interrupts() override { return send_reschedules(); }
  model::Task<> yield() override;
  KernelImage image() const override;
  bool enter_system_call() override { return machine_.running().system_call_entry(); }
  bool return_to_user() override { return machine_.running().interrupt_return(); }
  void executed(sim::Cycles, u32 interrupt_pairs, u32 plain_pairs) override;
  void did(Operation operation, u32 times) override;
  model::Task<> create_space(AddressSpace& space) override;
  model::Task<> release_space(AddressSpace& space) override;
  model::Task<> create_table(AddressSpace& space, u32 slot) override;
  model::Task<> release_table(AddressSpace& space, u32 slot) override;
  PageEntry entry(const AddressSpace& space, u32 address) override;
  model::Task<> set_entry(AddressSpace& space, u32 address, PageEntry entry) override;
  model::Task<> entry_installed(AddressSpace& space, u32 address, bool replaced) override;
  model::Task<> flush_page(AddressSpace& space, u32 address) override;
  model::Task<> flush_range(AddressSpace& space, u32 start, u32 end) override;
  model::Task<> flush_space(AddressSpace& space) override;
  model::Task<> tables_released(AddressSpace& space) override;
  model::Task<> switch_process(const Process& next) override;
  model::Task<> activate_space(AddressSpace& space) override;
  model::Task<> start_child(AddressSpace&) override { return {}; }
  model::Task<> wait_for_interrupt(std::optional<u64> timer_ticks) override;
  // At the end of the present call or handler: a hypercall may end on another CPU, or much later.
  void send_reschedule(u32 processor) override { here().reschedules_due |= 1u << processor; }
  NetworkInterface* network() override { return vif_.open() ? &vif_ : nullptr; }
  Balloon* balloon() override { return &balloon_; }
  u32 memory_pages() const override { return start_.pages; }

 private:
  // What a virtual CPU has of its own.
  struct Processor {
    explicit Processor(Kernel& kernel) : updates{kernel} {}
    UpdateQueue updates;
    GuestFrame loaded_directory{0};
    bool flush_due = false;                                 // of what is loaded, before it is used again
    std::vector<GuestFrame> kept_tables, kept_directories;  // freed: of tables all entries are absent
    std::vector<GuestFrame> unprotected;                    // no longer tables once the queue is flushed
    u32 timer_port = 0, reschedule_port = 0;
    u32 reschedules_due = 0;  // of others, as a mask
    s64 accounted_time = 0;   // system time up to which ticks were counted
  };
  Processor& here() { return processors_[processor()]; }
  const Processor& here() const { return processors_[processor()]; }

  model::Task<> boot();
  model::Task<> start_processors();
  model::Task<> start_processor();
  model::Task<> bind_own_ports();
  model::Task<> send_reschedules();
  model::Task<> send_due_reschedules();
  void read_start_info(u32 address);
  model::Task<> install_traps();
  model::Task<> set_entries();                                         // where the hypervisor enters this virtual CPU
  model::Task<u32> bind(hv::EventChannelCommand command, u32 number);  // the port

  model::Task<> event_upcall();
  model::Task<> page_fault();
  model::Task<> return_from(hw::Registers interrupted);
  model::Task<> dispatch_events();
  model::Task<> take_pending_events();
  void timer_event();

  u32 frame_list_address(GuestFrame frame) const {
    return start_.frame_list_address + frame.number() * static_cast<u32>(sizeof(u32));
  }
  hv::MachineFrame look_up_machine_frame(GuestFrame frame);
  u32 slot_machine_address(const AddressSpace& space, u32 slot) const;
  model::Task<> flush();
  model::Task<> load(const AddressSpace& space);  // queued
  GuestFrame fresh_table();                       // a page of zeros
  // The next four queue requests: with events disabled.
  model::Task<> protect_table(GuestFrame table, hv::MmuCommand pin);
  model::Task<> unprotect_table(GuestFrame table);
  model::Task<> keep(std::vector<GuestFrame>& kept, GuestFrame table);
  void give_unprotected_tables();
  u32 kept_pages() const;
  void flush_elsewhere(const AddressSpace& space);
  model::Task<> flush_here();
  model::Task<> trim_tables();
  model::Task<> expect_success(const char* what, hv::Hypercall number, u32 a = 0, u32 b = 0, u32 c = 0, u32 d = 0);

  model::Machine& machine_;
  std::vector<NamedProgram> programs_;
  u64 seed_;
  Kernel kernel_;
  KernelMemory memory_;
  std::deque<Processor> processors_;
  EventPage events_;
  VifDriver vif_;
  std::vector<std::string> disk_names_;
  VbdDriver vbds_;
  XenBalloon balloon_{*this};
  u32 boot_entry_, other_entry_, upcall_entry_, page_fault_entry_, unexpected_entry_;

  hv::StartInfo start_{};
  ImageLayout layout_{0};
  std::vector<hv::MachineFrame> frames_;  // the physical-to-machine array
  GuestFrame last_read_{0};               // of the entry that was read last
  u32 network_port_ = 0, block_port_ = 0;
  s64 accounted_time_ = 0;  // the same of the kernel's time
};

}  // namespace guest

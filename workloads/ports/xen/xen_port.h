// The Linux 2.4 port to the hypervisor: ring 1, page tables that only the hypervisor writes, events for interrupts.
//
// It follows what the XenLinux of 2003 did, call by call: updates are queued and flushed at stated points, a process
// switch is one multicall, system calls come straight from ring 3, an idle kernel blocks until its next timer.
#pragma once

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
          std::vector<NamedProgram> programs, std::vector<std::string> disks = {});

  u32 boot_entry() const { return boot_entry_; }  // EIP of a fresh domain
  Kernel& kernel() { return kernel_; }
  const Kernel& kernel() const { return kernel_; }
  UpdateQueue& updates() { return updates_; }
  const UpdateQueue& updates() const { return updates_; }
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
  u32 processor() const override { return 0; }  // domains have one virtual CPU
  void disable_events() override;
  model::Task<> enable_events() override;
  KernelImage image() const override;
  bool enter_system_call() override { return machine_.running().system_call_entry(); }
  bool return_to_user() override { return machine_.running().interrupt_return(); }
  void executed(sim::Cycles, u32 interrupt_pairs) override;
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
  model::Task<> start_child(AddressSpace&) override { co_return; }
  model::Task<> wait_for_interrupt(std::optional<u64> timer_ticks) override;
  void send_reschedule(u32) override {}  // there is nobody else
  NetworkInterface* network() override { return vif_.open() ? &vif_ : nullptr; }
  Balloon* balloon() override { return &balloon_; }
  u32 memory_pages() const override { return start_.pages; }

 private:
  model::Task<> boot();
  void read_start_info(u32 address);
  model::Task<> install_traps();
  model::Task<u32> bind_virq(hv::Virq virq);

  model::Task<> event_upcall();
  model::Task<> page_fault();
  model::Task<> return_from(hw::Registers interrupted);
  model::Task<> dispatch_events();
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
  u32 kept_pages() const {
    return static_cast<u32>(kept_tables_.size() + kept_directories_.size() + unprotected_.size());
  }
  model::Task<> trim_tables();
  model::Task<> expect_success(const char* what, hv::Hypercall number, u32 a = 0, u32 b = 0, u32 c = 0, u32 d = 0);

  model::Machine& machine_;
  std::vector<NamedProgram> programs_;
  u64 seed_;
  Kernel kernel_;
  KernelMemory memory_;
  UpdateQueue updates_;
  EventPage events_;
  VifDriver vif_;
  std::vector<std::string> disk_names_;
  VbdDriver vbds_;
  XenBalloon balloon_{*this};
  u32 boot_entry_, upcall_entry_, page_fault_entry_, unexpected_entry_;

  hv::StartInfo start_{};
  ImageLayout layout_{0};
  std::vector<hv::MachineFrame> frames_;  // the physical-to-machine array
  GuestFrame loaded_directory_{0};
  GuestFrame last_read_{0};                                 // of the entry that was read last
  std::vector<GuestFrame> kept_tables_, kept_directories_;  // freed: of tables all entries are absent
  std::vector<GuestFrame> unprotected_;                     // no longer tables once the queue is flushed
  u32 timer_port_ = 0, network_port_ = 0, block_port_ = 0;
  s64 accounted_time_ = 0;  // system time up to which ticks were counted
};

}  // namespace guest

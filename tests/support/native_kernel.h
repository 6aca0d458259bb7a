// A guest kernel that has the machine to itself, on bare hardware or what takes its place, with programs that a test
// writes down as coroutines.
#pragma once

#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "model/machine.h"
#include "sim/outside/fifo_wire.h"
#include "support/guest_host.h"
#include "workloads/kernel/system_calls.h"
#include "workloads/ports/native/native_port.h"
#include "workloads/programs/program.h"

namespace test {

template <class Port, guest::System kSystem>
class KernelOn {
 public:
  explicit KernelOn(std::vector<guest::UserCode> programs, std::uint32_t cpus = 1,
                    const model::MachineFile& machine = dell2650(), const DiskOfKernel* disk = nullptr) {
    spec_ = host_of(kSystem, {}, cpus);
    if (disk != nullptr) {
      guest::GuestSpec guest;
      guest.name = "native";
      guest.disks = {{"disk", disk->disk_bytes}};
      guest.disks.front().data = disk->data;
      if (disk->swap_bytes > 0) guest.disks.push_back({"swap", disk->swap_bytes, guest::DiskSpec::Access::swap});
      spec_.guests.push_back(std::move(guest));
      spec_.drive = disk->drive;
    }
    std::vector<guest::NamedProgram> named;
    for (guest::UserCode& code : programs) {
      programs_.push_back(std::make_unique<Written>(std::move(code)));
      named.push_back({"program " + std::to_string(named.size()), programs_.back().get()});
    }
    machine_.emplace(machine, cpus, model::CoalescingProfile::linux24_napi, queue_, fingerprint_);
    machine_->nic().connect(wire_);
    if (disk != nullptr) machine_->install_drive(*disk->drive, disk->bad_sectors);
    port_ = std::make_unique<Port>(spec_, *machine_, guest::guest_address(0), std::move(named));
    port_->power_on();
  }

  guest::Kernel& kernel() { return port_->kernel(); }
  model::Machine& machine() { return *machine_; }
  Port& port() { return *port_; }

  // Until every program has done what is written in it, which they must within `limit` of simulated time.
  void run(sim::Duration limit = sim::Duration::seconds(100)) {
    for (const auto& program : programs_) {
      while (!program->done()) {
        if (!sim::run_next(queue_, wire_, sim::Time::at(limit))) throw std::runtime_error{"the programs are not done"};
      }
    }
  }
  void run_for(sim::Duration duration) { sim::run_until(queue_, wire_, queue_.now() + duration); }

 private:
  class Written final : public guest::Program {
   public:
    explicit Written(guest::UserCode code) : code_{std::move(code)} {}
    bool done() const { return done_; }
    model::Task<> run(guest::SystemCalls& calls) override {
      started();
      co_await code_(calls);
      done_ = true;
    }

   private:
    guest::UserCode code_;
    bool done_ = false;
  };

  guest::HostSpec spec_;
  sim::EventQueue queue_;
  sim::Fingerprint fingerprint_;
  sim::FifoWire wire_{queue_, sim::SwitchSettings{}};
  std::vector<std::unique_ptr<Written>> programs_;
  std::optional<model::Machine> machine_;
  std::unique_ptr<Port> port_;
};

using NativeKernel = KernelOn<guest::NativePort, guest::System::native>;

// Page frames that are free or would be if the files from before any program began were given up.
inline guest::u32 available_frames(guest::Kernel& kernel) {
  return kernel.pages().free_frames() + kernel.history().cached_pages();
}

// Gives up the pages of files that were read before any program began.
inline void forget_history(guest::SystemCalls& calls) {
  calls.kernel().enter_system_call();
  while (calls.kernel().history().cached_pages() > 0) calls.kernel().reclaim().drop_clean(guest::PageUse::user, 1);
  calls.kernel().port().return_to_user();
}

// `bytes` of a program's own memory, with its pages there.
inline model::Task<guest::u32> buffer(guest::SystemCalls& calls, guest::u32 bytes) {
  guest::Mapping mapping;
  mapping.bytes = bytes;
  mapping.protection = {.write = true};
  const guest::u32 address = co_await calls.map(mapping);
  co_await calls.access(model::Sweep{address, bytes, model::Use::write});
  co_return address;
}

}  // namespace test

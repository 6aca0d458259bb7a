// A guest kernel in a domain, with programs that a test writes down as coroutines.
#pragma once

#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "support/guest_host.h"
#include "workloads/kernel/system_calls.h"
#include "workloads/ports/xen/xen_port.h"
#include "workloads/programs/program.h"

namespace test {

class XenKernel {
 public:
  using Before = std::function<void(model::Machine& machine, guest::XenPort& port)>;

  // `before` sees the machine and the domain's kernel before they run.
  explicit XenKernel(std::vector<guest::UserCode> programs, const model::MachineFile& machine = dell2650(),
                     std::uint64_t megabytes = 64, const DiskOfKernel* disk = nullptr, Before before = {}) {
    guest::GuestSpec domain;
    domain.name = "domain";
    domain.memory_bytes = megabytes << 20;
    std::vector<std::string> disks;
    if (disk != nullptr) {
      disks = {"disk"};
      domain.disks = {{disks.front(), disk->disk_bytes}};
      if (disk->swap_bytes > 0) {
        disks.emplace_back("swap");
        domain.disks.push_back({"swap", disk->swap_bytes, guest::DiskSpec::Access::swap});
      }
    }
    guest::HostSpec spec = host_of(guest::System::xen, {domain});
    spec.machine = &machine;
    if (disk != nullptr) {
      spec.drive = disk->drive;
      spec.bad_sectors = disk->bad_sectors;
    }
    std::vector<guest::NamedProgram> named;
    for (guest::UserCode& code : programs) {
      programs_.push_back(std::make_unique<Written>(std::move(code)));
      named.push_back({"program " + std::to_string(named.size()), programs_.back().get()});
    }
    spec.guests[0].kernel = [this, spec, named, disks, before](model::Machine& on) {
      port_ = std::make_unique<guest::XenPort>("domain", on, spec, guest::guest_address(0), named, disks);
      port_->kernel().use_as_swap("swap");
      if (before) before(on, *port_);
      return port_->boot_entry();
    };
    host_ = std::make_unique<guest::Host>(spec);
    host_->boot();
  }

  guest::XenPort& port() { return *port_; }
  guest::Kernel& kernel() { return port_->kernel(); }
  guest::Host& host() { return *host_; }
  std::optional<std::string> audit() {
    if (auto wrong = host_->audit()) return wrong;
    return port_->audit();
  }

  // Until every program has done what is written in it.
  void run(sim::Duration limit = sim::Duration::seconds(100)) {
    const sim::Time end = host_->now() + limit;
    for (const auto& program : programs_) {
      while (!program->done()) {
        if (host_->now() > end) throw std::runtime_error{"the programs are not done"};
        host_->run_for(sim::Duration::milliseconds(10));
      }
    }
  }

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

  std::vector<std::unique_ptr<Written>> programs_;
  std::unique_ptr<guest::Host> host_;
  std::unique_ptr<guest::XenPort> port_;  // what it has suspended is on the host's machine: first to go
};

}  // namespace test

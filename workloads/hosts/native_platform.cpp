#include "workloads/hosts/native_platform.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

namespace guest {

namespace {

// The kernel itself, page tables, stacks and network buffers.
constexpr std::uint64_t kKernelPages = 16'384;

void check(const HostSpec& spec, const std::vector<GuestPrograms>& programs, std::uint64_t frames) {
  std::uint64_t pages = kKernelPages;
  std::set<std::uint16_t> ports;
  for (std::size_t i = 0; i < spec.guests.size(); ++i) {
    pages += programs[i].resident_pages();
    if (pages > frames) {
      throw SpecError{spec.guests[i].name,
                      fmt::format("its programs do not fit the machine's {} MiB of memory any more", frames / 256)};
    }
    for (const ProgramSpec& program : spec.guests[i].programs) {
      const auto* echo = std::get_if<UdpEchoSettings>(&program);
      if (echo != nullptr && !ports.insert(echo->port).second) {
        throw SpecError{spec.guests[i].name,
                        fmt::format("UDP port {} is taken by another process of the same kernel", echo->port)};
      }
    }
  }
}

}  // namespace

NativePlatform::NativePlatform(const HostSpec& spec, model::Machine& machine) {
  std::vector<NativePort::NamedProgram> processes;
  for (const GuestSpec& guest : spec.guests) {
    if (guest.kernel) throw SpecError{guest.name, "a kernel that is not ours needs a domain: system xen"};
    programs_.emplace_back(guest, machine.clock());
    for (const GuestPrograms::Entry& entry : programs_.back().entries()) {
      processes.push_back({guest.name + "/" + entry.name, entry.program.get()});
    }
  }
  check(spec, programs_, machine.memory().frame_count());
  port_ = std::make_unique<NativePort>("native", machine, kernel_file(spec), guest_address(0), std::move(processes));
  machine.set_supervisor(*port_);
}

bool NativePlatform::up() const {
  return port_->kernel().up() &&
         std::all_of(programs_.begin(), programs_.end(), [](const GuestPrograms& guest) { return guest.running(); });
}

void NativePlatform::add_metrics(std::vector<Metric>& metrics) const {
  const NicDriver& driver = port_->driver();
  const auto add = [&](const char* name, std::uint64_t value, const char* unit) {
    metrics.push_back({name, static_cast<std::int64_t>(value), unit});
  };
  add("kernel.ticks", port_->kernel().ticks(), "");
  add("kernel.packets_received", driver.received(), "packets");
  add("kernel.packets_transmitted", driver.transmitted(), "packets");
  add("kernel.transmit_dropped", driver.transmit_dropped(), "packets");
  add("kernel.socket_dropped", port_->kernel().udp().buffer_full(), "packets");
}

// Every page is free, or somebody's.
std::optional<std::string> NativePlatform::audit() {
  std::size_t private_pages = 0;
  std::set<GuestFrame> seen;
  for (const auto& process : port_->kernel().processes()) {
    if (!process->space) continue;
    private_pages += process->space->pages.size();
    seen.insert(process->space->pages.begin(), process->space->pages.end());
  }
  if (seen.size() != private_pages) return "a page belongs to two processes of the native kernel";
  return std::nullopt;
}

}  // namespace guest

#include "model/machine.h"

#include <fmt/format.h>

namespace model {

namespace {

constexpr hv::u32 kNicLine = hw::kFirstDeviceLine;
constexpr hv::u32 kDiskLine = kNicLine + 1;
constexpr hv::u64 kNicMac = 0x00'06'5b'00'00'01;  // in Dell's range, as the card of a PowerEdge 2650
constexpr hv::u64 kPowerOnDate = 1'065'700'000;   // seconds since 1970: 9 October 2003; any date would do

}  // namespace

Machine::Machine(const MachineFile& file, std::uint32_t cpus, CoalescingProfile driver, sim::EventQueue& queue,
                 sim::Fingerprint& fingerprint)
    : file_{file},
      clock_{file.cpu.clock},
      queue_{queue},
      fingerprint_{fingerprint},
      memory_{static_cast<hv::u32>(file.memory.size / hv::kPageSize),
              [this] {
                if (running_ != nullptr) running_->charge(file_.memory.map_frame, Cause::tlb);
              }},
      router_{[this](hv::CpuId cpu, hv::u32 line, bool pending) {
        pending ? cpus_[cpu]->raise(line) : cpus_[cpu]->lower(line);
      }} {
  for (hv::CpuId id = 0; id < cpus; ++id) cpus_.push_back(std::make_unique<Cpu>(*this, id));
  nic_ = std::make_unique<Nic>(file, driver, kNicLine, kNicMac, queue, memory_, router_, *this);
}

Machine::~Machine() = default;

void Machine::install_drive(const DriveFile& drive, std::vector<std::uint64_t> bad_sectors) {
  disk_ = std::make_unique<HostAdapter>(file_, drive, std::move(bad_sectors), kDiskLine, queue_, router_, *this);
}

hv::u64 Machine::cycles_per_second() const { return static_cast<hv::u64>(clock_.hertz()); }

hv::u64 Machine::wall_clock_seconds() {
  return kPowerOnDate + static_cast<hv::u64>(queue_.now().since_start() / sim::Duration::seconds(1));
}

void Machine::stop(const char* reason) {
  throw BrokenInvariant(fmt::format("{} (at {} ps of simulated time, after {} events)", reason,
                                    queue_.now().picoseconds(), queue_.executed()));
}

sim::Time Machine::local_time() const { return running_ != nullptr ? running_->now() : queue_.now(); }

void Machine::charge(sim::Cycles cycles) {
  if (running_ != nullptr) running_->charge(cycles);
}

void Machine::write(const char* text, hv::u32 bytes) {
  for (hv::u32 i = 0; i < bytes; ++i) {
    if (text[i] != '\n') {
      console_line_ += text[i];
      continue;
    }
    console_lines_.push_back(fmt::format("[{:.6f}] {}", local_time().since_start().to_seconds(), console_line_));
    console_line_.clear();
  }
}

}  // namespace model

#include "workloads/hosts/guest_programs.h"

#include <algorithm>

#include "workloads/programs/compute.h"
#include "workloads/programs/lmbench/lmbench.h"
#include "workloads/programs/udp_echo.h"
#include "workloads/programs/udp_flood.h"

namespace guest {

GuestPrograms::GuestPrograms(const GuestSpec& spec, const sim::Clock& clock) {
  for (const ProgramSpec& program : spec.programs) {
    if (const auto* compute = std::get_if<ComputeSettings>(&program)) {
      try {
        const ComputeProfile profile = load_profile(compute->profile, compute->values);
        entries_.push_back({"compute", std::make_unique<ComputeProgram>(profile, clock)});
        resident_pages_ += profile.resident_pages;
      } catch (const ProfileError& error) {
        throw SpecError{spec.name, error.what()};
      }
    } else if (const auto* lmbench = std::get_if<LmbenchSettings>(&program)) {
      try {
        entries_.push_back({"lmbench", std::make_unique<Lmbench>(*lmbench, clock)});
        resident_pages_ += Lmbench::kResidentPages;
      } catch (const std::invalid_argument& error) {
        throw SpecError{spec.name, error.what()};
      }
    } else if (const auto* flood = std::get_if<UdpFloodSettings>(&program)) {
      entries_.push_back({"udp_flood", std::make_unique<UdpFlood>(*flood)});
    } else {
      const auto& echo = std::get<UdpEchoSettings>(program);
      entries_.push_back({"udp_echo", std::make_unique<UdpEcho>(echo.port)});
    }
  }
}

bool GuestPrograms::running() const {
  return std::all_of(entries_.begin(), entries_.end(), [](const Entry& entry) { return entry.program->running(); });
}

bool GuestPrograms::finished() const {
  return std::all_of(entries_.begin(), entries_.end(), [](const Entry& entry) { return entry.program->finished(); });
}

std::vector<ProgramResult> GuestPrograms::results() const {
  std::vector<ProgramResult> results;
  for (const Entry& entry : entries_) {
    for (ProgramResult& result : entry.program->results()) {
      results.push_back({entry.name + '.' + result.name, result.value, std::move(result.unit)});
    }
  }
  return results;
}

std::int64_t GuestPrograms::useful_cycles() const {
  std::int64_t sum = 0;
  for (const Entry& entry : entries_) sum += entry.program->useful_cycles();
  return sum;
}

}  // namespace guest

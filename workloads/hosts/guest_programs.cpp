#include "workloads/hosts/guest_programs.h"

#include <fmt/format.h>

#include <algorithm>

#include "hardware/block_device.h"
#include "workloads/kernel/kernel.h"
#include "workloads/programs/balloon.h"
#include "workloads/programs/bursts.h"
#include "workloads/programs/compute.h"
#include "workloads/programs/dbench/dbench.h"
#include "workloads/programs/file_io.h"
#include "workloads/programs/hogs/dd.h"
#include "workloads/programs/hogs/fork_bomb.h"
#include "workloads/programs/hogs/memory_hog.h"
#include "workloads/programs/hogs/small_files.h"
#include "workloads/programs/kernel_build/kernel_build.h"
#include "workloads/programs/lmbench/lmbench.h"
#include "workloads/programs/osdb/osdb.h"
#include "workloads/programs/raw_disk.h"
#include "workloads/programs/services/services.h"
#include "workloads/programs/spec_int/spec_int.h"
#include "workloads/programs/ttcp.h"
#include "workloads/programs/udp_echo.h"
#include "workloads/programs/udp_flood.h"
#include "workloads/programs/web99/apache.h"

namespace guest {

namespace {

std::unique_ptr<RawDisk> make_raw_disk(const GuestSpec& spec, const RawDiskSettings& settings, std::size_t index,
                                       std::uint64_t seed) {
  if (spec.disks.empty()) throw SpecError{spec.name, "raw_disk needs a disk, and the guest has none"};
  const auto disk = settings.disk.empty()
                        ? spec.disks.begin()
                        : std::find_if(spec.disks.begin(), spec.disks.end(),
                                       [&](const DiskSpec& candidate) { return candidate.name == settings.disk; });
  if (disk == spec.disks.end()) {
    throw SpecError{spec.name, fmt::format("raw_disk on \"{}\", which is none of its disks", settings.disk)};
  }
  if (settings.block_bytes == 0 || settings.block_bytes % hw::kSectorBytes != 0 ||
      settings.block_bytes > std::min<std::uint64_t>(disk->bytes, RawDisk::kMostBytes)) {
    throw SpecError{spec.name, fmt::format("raw_disk with blocks of {} bytes: expected whole sectors of {}, at most "
                                           "the disk and {}",
                                           settings.block_bytes, hw::kSectorBytes, RawDisk::kMostBytes)};
  }
  try {
    return std::make_unique<RawDisk>(settings, spec.name + '/' + disk->name, disk->bytes,
                                     fmt::format("{}.raw_disk.{}", spec.name, index), sim::Random{seed});
  } catch (const DiskWorkloadError& error) {
    throw SpecError{spec.name, error.what()};
  }
}

// The disk that has the file system, with room for a file of so many bytes.
void check_file_system(const GuestSpec& spec, const char* program, std::uint64_t file_bytes) {
  const auto disk = std::find_if(spec.disks.begin(), spec.disks.end(), [](const DiskSpec& candidate) {
    return candidate.access == DiskSpec::Access::read_write;
  });
  if (disk == spec.disks.end()) {
    throw SpecError{spec.name, fmt::format("{} needs a disk that it may write, and has none", program)};
  }
  // A twentieth is more than what lists the blocks and what mke2fs has put on a disk, but for the smallest ones.
  const std::uint64_t most = disk->bytes - disk->bytes / 20;
  if (file_bytes > most) {
    throw SpecError{spec.name, fmt::format("{} with a file of {} bytes: expected at most {}, for the disk \"{}\"",
                                           program, file_bytes, most, disk->name)};
  }
}

std::unique_ptr<FileIo> make_file_io(const GuestSpec& spec, const FileIoSettings& settings, std::size_t index,
                                     std::uint64_t seed) {
  check_file_system(spec, "file_io", settings.file_bytes);
  if (settings.block_bytes == 0 || settings.block_bytes > settings.file_bytes) {
    throw SpecError{spec.name, fmt::format("file_io with blocks of {} bytes: expected at most the file, {}",
                                           settings.block_bytes, settings.file_bytes)};
  }
  return std::make_unique<FileIo>(settings, fmt::format("{}.file_io.{}", spec.name, index), sim::Random{seed});
}

std::unique_ptr<Dbench> make_dbench(const GuestSpec& spec, const DbenchSettings& settings, std::size_t index) {
  try {
    return std::make_unique<Dbench>(settings, fmt::format("/{}.dbench.{}", spec.name, index));
  } catch (const LoadFileError& error) {
    const char* const advice = settings.load.empty() ? "; Debian's package dbench has it" : "";
    throw SpecError{spec.name, fmt::format("dbench: {}{}", error.what(), advice)};
  }
}

}  // namespace

GuestPrograms::GuestPrograms(const GuestSpec& spec, const sim::Clock& clock, std::uint64_t seed)
    : start_{spec.programs_start} {
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
    } else if (const auto* bursts = std::get_if<BurstSettings>(&program)) {
      entries_.push_back({"bursts", std::make_unique<Bursts>(*bursts, clock)});
      resident_pages_ += Bursts::kResidentPages;
    } else if (const auto* flood = std::get_if<UdpFloodSettings>(&program)) {
      entries_.push_back({"udp_flood", std::make_unique<UdpFlood>(*flood)});
    } else if (const auto* raw = std::get_if<RawDiskSettings>(&program)) {
      auto raw_disk = make_raw_disk(spec, *raw, entries_.size(), seed);
      resident_pages_ += raw_disk->resident_pages();
      entries_.push_back({"raw_disk", std::move(raw_disk)});
    } else if (const auto* file = std::get_if<FileIoSettings>(&program)) {
      auto file_io = make_file_io(spec, *file, entries_.size(), seed);
      resident_pages_ += file_io->resident_pages();
      entries_.push_back({"file_io", std::move(file_io)});
    } else if (const auto* dd = std::get_if<DdSettings>(&program)) {
      check_file_system(spec, "dd", dd->file_bytes);
      resident_pages_ += dd->block_bytes / hv::kPageSize;
      entries_.push_back({"dd", std::make_unique<Dd>(*dd, fmt::format("/{}.dd.{}", spec.name, entries_.size()))});
    } else if (const auto* small = std::get_if<SmallFilesSettings>(&program)) {
      check_file_system(spec, "small_files", small->file_bytes);
      entries_.push_back({"small_files", std::make_unique<SmallFiles>(
                                             *small, fmt::format("/{}.files.{}.", spec.name, entries_.size()))});
    } else if (const auto* bomb = std::get_if<ForkBombSettings>(&program)) {
      entries_.push_back({"fork_bomb", std::make_unique<ForkBomb>(*bomb)});
    } else if (const auto* hog = std::get_if<MemoryHogSettings>(&program)) {
      entries_.push_back({"memory_hog", std::make_unique<MemoryHog>(*hog)});
    } else if (const auto* balloon = std::get_if<BalloonSettings>(&program)) {
      entries_.push_back({"balloon", std::make_unique<BalloonProgram>(*balloon)});
    } else if (std::holds_alternative<ServicesSettings>(program)) {
      entries_.push_back({"services", std::make_unique<Services>(ServiceShapes::redhat72())});
    } else if (const auto* ttcp = std::get_if<TtcpSettings>(&program)) {
      if (!spec.network) throw SpecError{spec.name, "ttcp needs a network interface"};
      entries_.push_back({"ttcp", std::make_unique<Ttcp>(*ttcp)});
    } else if (const auto* spec_int = std::get_if<SpecIntSettings>(&program)) {
      auto made = std::make_unique<SpecInt>(*spec_int, clock);
      resident_pages_ += made->resident_pages();
      entries_.push_back({"spec_int", std::move(made)});
    } else if (const auto* dbench = std::get_if<DbenchSettings>(&program)) {
      entries_.push_back({"dbench", make_dbench(spec, *dbench, entries_.size())});
      resident_pages_ += Dbench::kResidentPages;
    } else if (const auto* build = std::get_if<KernelBuildSettings>(&program)) {
      entries_.push_back({"kernel_build", std::make_unique<KernelBuild>(*build)});
      resident_pages_ += KernelBuild::kResidentPages;
    } else if (const auto* osdb = std::get_if<OsdbSettings>(&program)) {
      const std::string name = fmt::format("{}.osdb.{}", spec.name, entries_.size());
      auto made = std::make_unique<Osdb>(*osdb, name, sim::Random{seed});
      resident_pages_ += made->resident_pages();
      entries_.push_back({"osdb", std::move(made)});
    } else if (const auto* web = std::get_if<Web99Settings>(&program)) {
      if (!spec.network) throw SpecError{spec.name, "web99 needs a network interface"};
      auto apache = std::make_unique<Apache>(*web, spec.name);
      resident_pages_ += apache->resident_pages();
      entries_.push_back({"web99", std::move(apache)});
    } else {
      const auto& echo = std::get<UdpEchoSettings>(program);
      entries_.push_back({"udp_echo", std::make_unique<UdpEcho>(echo.port)});
    }
  }
}

std::vector<NamedProgram> GuestPrograms::processes(const std::string& prefix) const {
  constexpr std::int64_t kTickPicoseconds = kTickNanoseconds * 1000;
  const auto ticks = static_cast<std::uint64_t>((start_.picoseconds() + kTickPicoseconds - 1) / kTickPicoseconds);
  std::vector<NamedProgram> processes;
  for (const Entry& entry : entries_) processes.push_back({prefix + entry.name, entry.program.get(), ticks});
  return processes;
}

bool GuestPrograms::running() const {
  if (start_ > sim::Duration{}) return true;
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

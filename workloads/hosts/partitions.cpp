#include "workloads/hosts/partitions.h"

#include <fmt/format.h>

#include <algorithm>

#include "hardware/block_device.h"
#include "model/disk/drive_file.h"
#include "workloads/kernel/kernel.h"

namespace guest {

namespace {

std::string size_text(std::uint64_t sectors) {
  return fmt::format("{:.2f} GiB", static_cast<double>(sectors) * hw::kSectorBytes / (1 << 30));
}

bool overlap(const Partition& a, const Partition& b) {
  return a.first_sector < b.first_sector + b.sectors && b.first_sector < a.first_sector + a.sectors;
}

std::uint64_t whole_sectors(const GuestSpec& guest, const DiskSpec& disk, std::uint64_t bytes, const char* what) {
  if (bytes % hw::kSectorBytes == 0) return bytes / hw::kSectorBytes;
  throw SpecError{guest.name, fmt::format("the {} of disk \"{}\" is {} bytes: expected whole sectors of {}", what,
                                          disk.name, bytes, hw::kSectorBytes)};
}

class Layout {
 public:
  explicit Layout(const HostSpec& spec) : spec_{spec} {}

  Partition place(const GuestSpec& guest, const DiskSpec& disk) {
    Partition partition{guest.name + '/' + disk.name,
                        disk.offset ? whole_sectors(guest, disk, *disk.offset, "offset") : next_,
                        whole_sectors(guest, disk, disk.bytes, "size"),
                        disk.access != DiskSpec::Access::read_only,
                        disk.access == DiskSpec::Access::swap,
                        disk.data == DiskSpec::Data::ordered};
    check(guest, disk, partition);
    next_ = partition.first_sector + partition.sectors;
    placed_.push_back(partition);
    return partition;
  }

 private:
  void check(const GuestSpec& guest, const DiskSpec& disk, const Partition& partition) const {
    if (spec_.drive == nullptr) {
      throw SpecError{guest.name, fmt::format("disk \"{}\" needs a drive, and the host has none", disk.name)};
    }
    if (partition.sectors == 0) throw SpecError{guest.name, fmt::format("disk \"{}\" is empty", disk.name)};
    const std::uint64_t room = spec_.drive->geometry.sectors;
    if (partition.first_sector > room || partition.sectors > room - partition.first_sector) {
      throw SpecError{guest.name, fmt::format("disk \"{}\" of {} at {} does not fit: the drive {} has {}", disk.name,
                                              size_text(partition.sectors), size_text(partition.first_sector),
                                              spec_.drive->name, size_text(room))};
    }
    for (const Partition& other : placed_) {
      if (other.name == partition.name) {
        throw SpecError{guest.name, fmt::format("two disks have the name \"{}\"", disk.name)};
      }
      if ((other.writable || partition.writable) && overlap(other, partition)) {
        throw SpecError{guest.name,
                        fmt::format("disk \"{}\" overlaps {}, and only read-only disks may", disk.name, other.name)};
      }
    }
  }

  const HostSpec& spec_;
  std::uint64_t next_ = 0;
  std::vector<Partition> placed_;
};

}  // namespace

std::vector<std::vector<Partition>> lay_out_disks(const HostSpec& spec) {
  Layout layout{spec};
  std::vector<std::vector<Partition>> disks;
  for (const GuestSpec& guest : spec.guests) {
    auto& of_guest = disks.emplace_back();
    for (const DiskSpec& disk : guest.disks) of_guest.push_back(layout.place(guest, disk));
  }
  return disks;
}

void announce_disks(Kernel& kernel, const std::vector<std::vector<Partition>>& disks) {
  for (const std::vector<Partition>& of_guest : disks) {
    for (const Partition& disk : of_guest) {
      if (disk.swap) kernel.use_as_swap(disk.name);
      if (!disk.ordered_data) kernel.mount_with_writeback(disk.name);
    }
  }
}

void add_disks(Kernel& kernel, BlockDriver& driver, const std::vector<std::vector<Partition>>& disks) {
  announce_disks(kernel, disks);
  for (const std::vector<Partition>& of_guest : disks) {
    for (const Partition& disk : of_guest) {
      kernel.add_disk(disk.name, driver, disk.first_sector, disk.sectors, disk.writable);
    }
  }
}

}  // namespace guest

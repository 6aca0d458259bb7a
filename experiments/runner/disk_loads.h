// Synthetic loads on a modelled drive, and what another simulator got for the same loads.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "model/disk/drive_file.h"

namespace runner {

struct DiskLoad {
  // What the drive is: `clean`, no cache of any kind and a bus of 0.0032 ms a sector; `asis`, as its file has it behind
  // its host path.
  std::string config;
  std::string locus;   // where the requests wait: device, with their drive; host, which gives the drive one at a time
  std::string policy;  // FCFS, CLOOK, SSTF, SPTF; of a host: one of the first two
  std::string input;   // rand4k_R: uniform, aligned, over the whole drive; also 8k and W; seq64k_outer_R, middle, inner
  std::string mode;    // closed: `amount` requests outstanding; open: `amount` a second arrive, exponentially spaced
  double amount = 0;
};

struct DiskLoadResult {
  double mean_ms = 0, median_ms = 0, p90_ms = 0, p99_ms = 0;
  double per_second = 0;
  double mean_square_ms2 = 0;  // not of a reference
};

struct DiskLoadRow {
  DiskLoad load;
  std::uint32_t counted = 0;  // requests; before them a twentieth more, or a ninth if sequential, are not
  DiskLoadResult reference;
};

// A table with the columns of tests/oracle/disk/atlas10k_disksim_synthetic.csv. Throws InputError.
std::vector<DiskLoadRow> load_disk_loads(const std::string& file);

DiskLoadResult run_disk_load(const model::DriveFile& drive, const DiskLoadRow& row);

}  // namespace runner

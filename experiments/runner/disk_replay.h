// Recorded disk requests, replayed on a modelled drive, and how near the response times come to those that were
// measured.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "model/disk/drive_file.h"
#include "sim/time.h"

namespace runner {

struct DiskRequest {
  bool write = false;
  std::uint64_t sector = 0;
  std::uint32_t sectors = 0;
  sim::Duration measured;  // zero where the recording has none
  sim::Duration think;     // from this one's completion until the next is given
};

struct DiskRecording {
  std::vector<DiskRequest> requests;
  bool measured = false;
};

// A CSV file with the columns rw, lbn, sectors and, where known, measured_response_us and think_us_after_completion,
// named in a first line that may start with #. Throws InputError, also for requests that the drive is too small for.
DiskRecording load_disk_recording(const std::string& file, const model::DriveFile& drive);

// The drive with the host path of its file, where it names one, in the place of its bus.
model::DriveFile behind_host_path(model::DriveFile drive);

// Response times, one per request. Closed loop: `outstanding` requests are with the drive, and each completion brings
// the next one after its think time, behind the host path.
std::vector<sim::Duration> replay(const model::DriveFile& drive, const std::vector<DiskRequest>& requests,
                                  std::uint32_t outstanding = 1);

// Reads that no cache can have helped: more than 20 000 sectors from each of the 20 requests before.
std::vector<std::size_t> far_reads(const std::vector<DiskRequest>& requests);

// One line per request: what was asked, whether it is a far read, how long it took, how long it was measured to take.
std::string replay_csv(const DiskRecording& recording, const std::vector<sim::Duration>& responses);

struct DiskComparison {
  std::size_t requests = 0;
  double mean_ms = 0, measured_ms = 0;
  // Root-mean-square horizontal distance between the two distributions of response times, in percent of the measured
  // mean (Ruemmler and Wilkes, "An introduction to disk drive modeling", 1994).
  double demerit_percent = 0;
};
// Of the requests with these numbers.
DiskComparison compare(const DiskRecording& recording, const std::vector<sim::Duration>& responses,
                       const std::vector<std::size_t>& which);

}  // namespace runner

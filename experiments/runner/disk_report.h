// What the report's page about the disk is drawn from: the model beside measurements and beside another simulator.
#pragma once

#include <filesystem>

namespace runner {

// Into `folder`, which is made: replay.csv, the recorded requests of the measured drive; replay.json, how near they
// came; loads.csv, its synthetic loads beside the reference's results and, without a reference, those of the paper's
// drive. Takes about two seconds.
void write_disk_comparison(const std::filesystem::path& folder);

}  // namespace runner

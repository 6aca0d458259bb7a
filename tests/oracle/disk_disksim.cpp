// DiskSim 4.0, the field's validated disk simulator, on the same drive under the same synthetic loads.
#include <doctest/doctest.h>

#include <cmath>
#include <fstream>
#include <map>
#include <sstream>
#include <string>

#include "sim/random.h"
#include "support/disk_load.h"

using hw::BlockOperation;
using model::DriveCommand, model::DriveFile;

namespace {

const std::string kRoot = RINGZERO_SOURCE_DIR;

struct Row {
  std::string config, locus, policy, input, mode;
  double depth, mean_ms, per_second;
};

std::vector<Row> rows() {
  std::ifstream file{kRoot + "/tests/oracle/disk/atlas10k_disksim_synthetic.csv"};
  std::vector<Row> rows;
  std::string line;
  std::getline(file, line);
  while (std::getline(file, line)) {
    std::vector<std::string> cells;
    std::istringstream stream{line};
    for (std::string cell; std::getline(stream, cell, ',');) cells.push_back(cell);
    rows.push_back({cells[1], cells[2], cells[3], cells[4], cells[5], std::stod(cells[6]), std::stod(cells[8]),
                    std::stod(cells[16])});
  }
  return rows;
}

// The reference's configuration `clean`: no cache of any kind, a bus of 0.0032 ms a sector.
DriveFile clean_drive() {
  DriveFile file = DriveFile::load(kRoot + "/model/drives/atlas10k.json");
  file.set("buffer.read_cache", 0);
  file.set("buffer.write_cache", 0);
  file.set("bus.rate", 160e6);
  return file;
}

double policy_number(const std::string& name) {
  return std::map<std::string, double>{{"FCFS", 0}, {"CLOOK", 1}, {"SSTF", 2}, {"SPTF", 3}}.at(name);
}

// Uniform over the aligned places for a request of this size.
ClosedLoop::Next uniform(const DriveFile& file, std::uint32_t sectors, BlockOperation operation) {
  const std::uint64_t places = file.geometry.sectors / sectors;
  return [=, stream = sim::Random{1}.stream("disk")]() mutable {
    return DriveCommand{.operation = operation, .sector = stream.below(places) * sectors, .sectors = sectors};
  };
}

}  // namespace

TEST_CASE("random requests, all policies, depths 1 to 64: mean response and throughput within 3 % of DiskSim's") {
  for (const Row& row : rows()) {
    if (row.config != "clean" || row.locus != "device" || row.mode != "closed" || row.input.substr(0, 4) != "rand") {
      continue;
    }
    CAPTURE(row.policy);
    CAPTURE(row.input);
    CAPTURE(row.depth);
    DriveFile file = clean_drive();
    file.set("queue.policy", policy_number(row.policy));
    ClosedLoop loop{file, uniform(file, row.input.substr(4, 1) == "4" ? 8 : 16,
                                  row.input.back() == 'R' ? BlockOperation::read : BlockOperation::write)};
    loop.run(static_cast<std::uint32_t>(row.depth), 20'000, 1'000);
    CHECK(loop.mean_ms() == doctest::Approx(row.mean_ms).epsilon(0.03));
    CHECK(loop.per_second() == doctest::Approx(row.per_second).epsilon(0.03));
  }
}

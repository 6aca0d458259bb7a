// The files of SPEC WEB99, and how often each is asked for.
//
// Directories of 36 files: four classes of nine, file i of class c with i x 102.4 x 10^c bytes, 4.88 MB together. There
// are 25 + 0.66 c directories for c connections. Directories are asked for by Zipf's law with exponent 1; classes have
// fixed shares; within a class Zipf again, over a fixed order of the files. (SPECweb99's white paper and run rules;
// shares of classes and order within one: workloads/profiles/web99.json.)
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "sim/random.h"

namespace guest {

struct WebFile {
  std::uint32_t directory = 0;
  std::uint8_t size_class = 0, number = 1;  // 0 to 3, 1 to 9
  friend bool operator==(const WebFile&, const WebFile&) = default;
};

class WebFileSet {
 public:
  static constexpr std::uint32_t kClasses = 4, kFilesPerClass = 9;

  explicit WebFileSet(std::uint32_t connections);

  std::uint32_t directories() const { return static_cast<std::uint32_t>(popularity_.size()); }
  static std::uint32_t bytes(std::uint32_t size_class, std::uint32_t number);
  static std::uint32_t bytes(const WebFile& file) { return bytes(file.size_class, file.number); }
  static std::string path(const std::string& root, const WebFile& file);  // "/web/dir00012/class2_5"

  std::uint32_t pick_directory(sim::RandomStream& random) const;

 private:
  std::vector<std::uint64_t> popularity_;  // sums of weights up to and with each directory
};

// The 36 files of a directory as one distribution, asked by a number that is even in 0 .. 2^64 - 1.
class WebFileChoice {
 public:
  using Shares = std::array<std::uint32_t, WebFileSet::kClasses>;

  // The classes' shares, in any unit.
  explicit WebFileChoice(const Shares& shares);

  WebFile by_requests(std::uint64_t even) const { return find(by_requests_, even); }
  // Weighted by size: the file that somebody who reads at a fixed rate is reading at a random time.
  WebFile by_bytes(std::uint64_t even) const { return find(by_bytes_, even); }
  double mean_bytes() const;
  double mean_square_bytes() const;

 private:
  struct Entry {
    WebFile file;
    double share;       // of the requests
    std::uint64_t end;  // of its part of the numbers, excluded
  };
  using Table = std::vector<Entry>;
  static Table make_table(const Shares& shares, bool weigh_by_size);
  static WebFile find(const Table& table, std::uint64_t even);

  Table by_requests_, by_bytes_;
};

}  // namespace guest

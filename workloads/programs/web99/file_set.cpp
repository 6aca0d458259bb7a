#include "workloads/programs/web99/file_set.h"

#include <fmt/format.h>

#include <algorithm>

namespace guest {

namespace {

constexpr std::uint32_t kDirectoriesToBegin = 25, kDirectoriesPer100 = 66;
constexpr std::uint64_t kWeight = std::uint64_t{1} << 40;  // of what is asked for most

// The files of a class, the most popular first.
constexpr std::array<std::uint8_t, WebFileSet::kFilesPerClass> kOrder{5, 4, 6, 3, 7, 2, 8, 1, 9};

}  // namespace

WebFileSet::WebFileSet(std::uint32_t connections) {
  const std::uint32_t count = kDirectoriesToBegin + connections * kDirectoriesPer100 / 100;
  std::uint64_t sum = 0;
  for (std::uint32_t rank = 1; rank <= count; ++rank) popularity_.push_back(sum += kWeight / rank);
}

std::uint32_t WebFileSet::bytes(std::uint32_t size_class, std::uint32_t number) {
  std::uint32_t tenths = 1024;
  for (; size_class > 0; --size_class) tenths *= 10;
  return number * tenths / 10;
}

std::string WebFileSet::path(const std::string& root, const WebFile& file) {
  return fmt::format("{}/dir{:05}/class{}_{}", root, file.directory, file.size_class, file.number);
}

std::uint32_t WebFileSet::pick_directory(sim::RandomStream& random) const {
  const std::uint64_t at = random.below(popularity_.back());
  return static_cast<std::uint32_t>(std::ranges::upper_bound(popularity_, at) - popularity_.begin());
}

WebFileChoice::WebFileChoice(const Shares& shares)
    : by_requests_{make_table(shares, false)}, by_bytes_{make_table(shares, true)} {}

// In order of size, so that neighbouring numbers are files alike.
WebFileChoice::Table WebFileChoice::make_table(const Shares& shares, bool weigh_by_size) {
  double harmonic = 0, all = 0;
  for (std::uint32_t rank = 1; rank <= WebFileSet::kFilesPerClass; ++rank) harmonic += 1.0 / rank;
  for (const std::uint32_t share : shares) all += share;
  Table table;
  for (std::uint8_t size_class = 0; size_class < WebFileSet::kClasses; ++size_class) {
    for (std::uint8_t number = 1; number <= WebFileSet::kFilesPerClass; ++number) {
      const auto rank = std::ranges::find(kOrder, number) - kOrder.begin() + 1;
      table.push_back({{0, size_class, number}, shares[size_class] / all / (harmonic * static_cast<double>(rank)), 0});
    }
  }
  const auto weight = [&](const Entry& entry) {
    return weigh_by_size ? entry.share * WebFileSet::bytes(entry.file) : entry.share;
  };
  double total = 0, sum = 0;
  for (const Entry& entry : table) total += weight(entry);
  for (Entry& entry : table) {
    sum += weight(entry);
    entry.end = static_cast<std::uint64_t>(std::min(sum / total, 1 - 0x1p-53) * 0x1p64);
  }
  table.back().end = UINT64_MAX;
  return table;
}

WebFile WebFileChoice::find(const Table& table, std::uint64_t even) {
  const auto entry = std::ranges::upper_bound(table, even, {}, &Entry::end);
  return entry == table.end() ? table.back().file : entry->file;
}

double WebFileChoice::mean_bytes() const {
  double sum = 0;
  for (const Entry& entry : by_requests_) sum += entry.share * WebFileSet::bytes(entry.file);
  return sum;
}

double WebFileChoice::mean_square_bytes() const {
  double sum = 0;
  for (const Entry& entry : by_requests_) {
    const double bytes = WebFileSet::bytes(entry.file);
    sum += entry.share * bytes * bytes;
  }
  return sum;
}

}  // namespace guest

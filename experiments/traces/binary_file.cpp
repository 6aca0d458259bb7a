#include "experiments/traces/binary_file.h"

#include <algorithm>
#include <array>
#include <stdexcept>

#include "experiments/runner/input_error.h"

namespace runner {

BinaryFile::BinaryFile(const std::filesystem::path& path) : path_{path}, stream_{path, std::ios::binary} {
  if (!stream_) throw InputError{{path.string(), ""}, "cannot be written"};
}

BinaryFile& BinaryFile::text(std::string_view text) {
  stream_.write(text.data(), static_cast<std::streamsize>(text.size()));
  return *this;
}

BinaryFile& BinaryFile::bytes(std::span<const std::uint8_t> bytes) {
  stream_.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  return *this;
}

BinaryFile& BinaryFile::zeros(std::size_t count) {
  static constexpr std::array<std::uint8_t, 256> kZeros{};
  for (std::size_t n; count > 0; count -= n) {
    n = std::min(count, kZeros.size());
    bytes(std::span{kZeros}.first(n));
  }
  return *this;
}

void BinaryFile::close() {
  stream_.close();
  if (!stream_) throw std::runtime_error{path_.string() + ": cannot be written to its end"};
}

void BinaryFile::remove() {
  stream_.close();
  std::filesystem::remove(path_);
}

}  // namespace runner

// A file of little-endian numbers, written as it comes.
#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <span>
#include <string_view>

namespace runner {

class BinaryFile {
 public:
  explicit BinaryFile(const std::filesystem::path& path);  // throws InputError when it cannot be made

  BinaryFile& u8(std::uint8_t value) { return number(value); }
  BinaryFile& u16(std::uint16_t value) { return number(value); }
  BinaryFile& u32(std::uint32_t value) { return number(value); }
  BinaryFile& u64(std::uint64_t value) { return number(value); }
  BinaryFile& text(std::string_view text);
  BinaryFile& bytes(std::span<const std::uint8_t> bytes);
  BinaryFile& zeros(std::size_t count);

  void close();   // throws std::runtime_error when not all could be written
  void remove();  // as if it had never been

 private:
  template <class Number>
  BinaryFile& number(Number value) {
    std::uint8_t digits[sizeof value];
    for (std::size_t i = 0; i < sizeof value; ++i) digits[i] = static_cast<std::uint8_t>(value >> 8 * i);
    return bytes(digits);
  }

  std::filesystem::path path_;
  std::ofstream stream_;
};

}  // namespace runner

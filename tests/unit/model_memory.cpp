#include "model/memory.h"

#include <doctest/doctest.h>

#include <array>

using hv::MachineFrame;
using model::PhysicalMemory;

TEST_CASE("a frame that nobody wrote reads as zeros and costs nothing") {
  PhysicalMemory memory{524'288};  // 2 GB
  CHECK(memory.load(0x7ffff000) == 0);
  std::array<unsigned char, 8192> bytes;
  bytes.fill(0xaa);
  memory.read_bytes(0x00123456, bytes.data(), 8192);
  for (const unsigned char byte : bytes) CHECK(byte == 0);
  memory.zero(MachineFrame{7});
  memory.store(0x7000, 0);
  CHECK(memory.bytes_resident() == 0);
}

TEST_CASE("a written frame costs 4096 bytes once and keeps its contents") {
  PhysicalMemory memory{16};
  memory.store(0x3004, 0x12345678);
  memory.store(0x3008, 1);
  CHECK(memory.bytes_resident() == 4096);
  CHECK(memory.load(0x3004) == 0x12345678);
  CHECK(memory.frame(MachineFrame{3}).load(1) == 0x12345678);
  memory.zero(MachineFrame{3});
  CHECK(memory.load(0x3004) == 0);
  CHECK(memory.bytes_resident() == 4096);  // Words handed out stay valid for ever
}

TEST_CASE("words handed out see later stores, and stores through them are seen") {
  PhysicalMemory memory{4};
  const hw::Words words = memory.frame(MachineFrame{2});
  memory.store(0x2010, 9);
  CHECK(words.load(4) == 9);
  words.store(5, 77);
  CHECK(memory.load(0x2014) == 77);
  CHECK(memory.bytes_resident() == 4096);
}

TEST_CASE("bytes cross frame boundaries") {
  PhysicalMemory memory{4};
  const std::array<unsigned char, 6> written = {1, 2, 3, 4, 5, 6};
  memory.write_bytes(0x1ffd, written.data(), 6);
  CHECK(memory.load(0x1ffc) == 0x03020100);
  CHECK(memory.load(0x2000) == 0x00060504);
  std::array<unsigned char, 6> read{};
  memory.read_bytes(0x1ffd, read.data(), 6);
  CHECK(read == written);
}

TEST_CASE("beyond RAM loads give ones, stores are lost, frames are refused") {
  PhysicalMemory memory{4};
  memory.store(0x4000, 5);
  const unsigned char byte = 5;
  memory.write_bytes(0xfee00000, &byte, 1);
  CHECK(memory.load(0x4000) == 0xffffffff);
  CHECK(memory.load(0xfffffffc) == 0xffffffff);
  unsigned char read = 0;
  memory.read_bytes(0xfee00000, &read, 1);
  CHECK(read == 0xff);
  CHECK_THROWS(memory.frame(MachineFrame{4}));
  CHECK(memory.bytes_resident() == 0);
}

TEST_CASE("compare-exchange stores only over what was expected") {
  PhysicalMemory memory{4};
  memory.store(0x1000, 3);
  hv::u32 expected = 4;
  CHECK_FALSE(memory.compare_exchange(0x1000, expected, 9));
  CHECK(expected == 3);
  CHECK(memory.compare_exchange(0x1000, expected, 9));
  CHECK(memory.load(0x1000) == 9);
}

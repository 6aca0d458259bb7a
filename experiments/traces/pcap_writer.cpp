#include "experiments/traces/pcap_writer.h"

#include <algorithm>

namespace runner {

namespace {

// Of the pcapng specification (draft-ietf-opsawg-pcapng).
constexpr std::uint32_t kSectionHeader = 0x0a0d0d0a;
constexpr std::uint32_t kByteOrderMagic = 0x1a2b3c4d;
constexpr std::uint32_t kInterfaceDescription = 1;
constexpr std::uint32_t kEnhancedPacket = 6;
constexpr std::uint16_t kLinkEthernet = 1;
constexpr std::uint16_t kOptionInterfaceName = 2;
constexpr std::uint16_t kOptionTimeResolution = 9;
constexpr std::uint8_t kNanoseconds = 9;  // 10^-9 s

// Blocks and options are filled up to whole words.
constexpr std::size_t padding(std::size_t bytes) { return (4 - bytes % 4) % 4; }

}  // namespace

PcapWriter::PcapWriter(const std::filesystem::path& path) : file_{path} {
  constexpr std::uint32_t kLength = 28;
  constexpr std::uint64_t kUnknownSectionLength = ~std::uint64_t{0};
  file_.u32(kSectionHeader).u32(kLength).u32(kByteOrderMagic).u16(1).u16(0).u64(kUnknownSectionLength).u32(kLength);
}

sim::PacketTrace::InterfaceId PcapWriter::add_interface(const std::string& name) {
  const std::size_t name_bytes = name.size() + padding(name.size());
  const auto length = static_cast<std::uint32_t>(20 + (4 + name_bytes) + 8 + 4);
  constexpr std::uint32_t kWholeFrames = 0;
  file_.u32(kInterfaceDescription).u32(length).u16(kLinkEthernet).u16(0).u32(kWholeFrames);
  file_.u16(kOptionInterfaceName).u16(static_cast<std::uint16_t>(name.size())).text(name).zeros(padding(name.size()));
  file_.u16(kOptionTimeResolution).u16(1).u8(kNanoseconds).zeros(3);
  file_.u32(0).u32(length);  // end of options, of the block
  return interfaces_++;
}

void PcapWriter::frame(InterfaceId interface, const sim::Packet& packet, sim::Time at) {
  frames_.add(at, {interface, packet});
}

void PcapWriter::passed(sim::Time now) {
  frames_.release(now, [this](sim::Time at, const Frame& frame) { write(at, frame); });
}

void PcapWriter::write(sim::Time at, const Frame& frame) {
  const std::uint32_t bytes = frame.packet.bytes;
  const auto known = std::min<std::size_t>(bytes, frame.packet.header.size());
  const auto length = static_cast<std::uint32_t>(32 + bytes + padding(bytes));
  const auto nanoseconds = static_cast<std::uint64_t>(at.since_start().nanoseconds());
  file_.u32(kEnhancedPacket).u32(length).u32(frame.interface);
  file_.u32(static_cast<std::uint32_t>(nanoseconds >> 32)).u32(static_cast<std::uint32_t>(nanoseconds));
  file_.u32(bytes).u32(bytes);  // captured, and on the wire
  file_.bytes(std::span{frame.packet.header}.first(known)).zeros(bytes - known + padding(bytes)).u32(length);
}

void PcapWriter::finish() {
  passed(sim::Time::never());
  file_.close();
}

}  // namespace runner

#include "workloads/kernel/network/tcp_segment.h"

namespace guest {

namespace {

constexpr std::size_t kChecksumOffset = 16;
enum Flag : std::uint8_t { kFin = 1, kSyn = 2, kRst = 4, kPsh = 8, kAck = 16 };
enum Option : std::uint8_t { kEnd = 0, kNothing = 1, kMaximumSize = 2, kWindowScale = 3, kSack = 4, kTimestamps = 8 };
// With their two bytes of kind and length.
constexpr std::uint8_t kMaximumSizeBytes = 4, kWindowScaleBytes = 3, kSackBytes = 2, kTimestampsBytes = 10;

// Two places in front of an option that is not a multiple of words, unless another fills them.
void put_options(FieldWriter& to, const TcpSegment& segment) {
  if (segment.maximum_size) to.put(kMaximumSize, 1).put(kMaximumSizeBytes, 1).put(*segment.maximum_size, 2);
  if (segment.sack_permitted) {
    to.put(kSack, 1).put(kSackBytes, 1);
    if (!segment.timestamps) to.put(kNothing, 1).put(kNothing, 1);
  }
  if (segment.timestamps) {
    if (!segment.sack_permitted) to.put(kNothing, 1).put(kNothing, 1);
    to.put(kTimestamps, 1).put(kTimestampsBytes, 1);
    to.put(segment.timestamps->value, 4).put(segment.timestamps->echo, 4);
  }
  if (segment.window_scale) {
    to.put(kNothing, 1).put(kWindowScale, 1).put(kWindowScaleBytes, 1).put(*segment.window_scale, 1);
  }
}

// False: malformed. Unknown ones are skipped.
bool take_options(std::span<const std::uint8_t> bytes, TcpSegment& segment) {
  while (!bytes.empty() && bytes[0] != kEnd) {
    if (bytes[0] == kNothing) {
      bytes = bytes.subspan(1);
      continue;
    }
    if (bytes.size() < 2 || bytes[1] < 2 || bytes[1] > bytes.size()) return false;
    FieldReader option{bytes.subspan(2)};
    const std::uint8_t kind = bytes[0], length = bytes[1];
    if (kind == kMaximumSize && length == kMaximumSizeBytes) segment.maximum_size = option.take16();
    if (kind == kWindowScale && length == kWindowScaleBytes) segment.window_scale = option.take8();
    if (kind == kSack && length == kSackBytes) segment.sack_permitted = true;
    if (kind == kTimestamps && length == kTimestampsBytes) {
      TcpSegment::Timestamps& timestamps = segment.timestamps.emplace(TcpSegment::Timestamps{});
      timestamps.value = option.take32();
      timestamps.echo = option.take32();
    }
    bytes = bytes.subspan(length);
  }
  return true;
}

}  // namespace

std::uint32_t TcpSegment::header_bytes() const {
  std::uint32_t bytes = kTcpHeader;
  if (maximum_size) bytes += 4;
  if (timestamps) {
    bytes += kTimestampOption;
  } else if (sack_permitted) {
    bytes += 4;
  }
  if (window_scale) bytes += 4;
  return bytes;
}

sim::Packet build_packet(const TcpSegment& segment) {
  const std::uint32_t header = segment.header_bytes();
  const IpPacket ip{segment.source_mac,
                    segment.destination_mac,
                    segment.source.address,
                    segment.destination.address,
                    segment.identification,
                    IpProtocol::tcp,
                    static_cast<std::uint16_t>(header + segment.payload_bytes)};
  sim::Packet frame = build_ip(ip);
  const auto tcp = behind_ip(frame);
  const int flags = (segment.fin ? kFin : 0) | (segment.syn ? kSyn : 0) | (segment.rst ? kRst : 0) |
                    (segment.psh ? kPsh : 0) | (segment.ack ? kAck : 0);
  FieldWriter writer{tcp};
  writer.put(segment.source.port, 2)
      .put(segment.destination.port, 2)
      .put(segment.sequence, 4)
      .put(segment.ack ? segment.acknowledgement : 0, 4)
      .put(header / 4 << 4, 1)
      .put(static_cast<std::uint8_t>(flags), 1)
      .put(segment.window, 2)
      .put(0, 2)   // checksum, below
      .put(0, 2);  // urgent pointer
  put_options(writer, segment);
  FieldWriter{tcp.subspan(kChecksumOffset)}.put(transport_checksum(frame, ip), 2);
  return frame;
}

PacketError parse_packet(const sim::Packet& frame, TcpSegment& segment) {
  IpPacket ip;
  if (const PacketError error = parse_ip(frame, ip); error != PacketError::none) return error;
  if (ip.protocol != IpProtocol::tcp) return PacketError::not_tcp;
  if (ip.bytes < kTcpHeader) return PacketError::bad_length;
  const auto bytes = behind_ip(frame);
  FieldReader tcp{bytes};
  TcpSegment parsed;
  parsed.source_mac = ip.source_mac;
  parsed.destination_mac = ip.destination_mac;
  parsed.identification = ip.identification;
  parsed.source = {ip.source, tcp.take16()};
  parsed.destination = {ip.destination, tcp.take16()};
  parsed.sequence = tcp.take32();
  parsed.acknowledgement = tcp.take32();
  const std::uint32_t header = tcp.take8() / 16u * 4;
  const std::uint8_t flags = tcp.take8();
  parsed.fin = (flags & kFin) != 0;
  parsed.syn = (flags & kSyn) != 0;
  parsed.rst = (flags & kRst) != 0;
  parsed.psh = (flags & kPsh) != 0;
  parsed.ack = (flags & kAck) != 0;
  parsed.window = tcp.take16();
  if (header < kTcpHeader || header > ip.bytes || header > bytes.size()) return PacketError::bad_length;
  if (transport_checksum(frame, ip) != 0) return PacketError::bad_checksum;
  if (!take_options(bytes.subspan(kTcpHeader, header - kTcpHeader), parsed)) return PacketError::bad_length;
  parsed.payload_bytes = static_cast<std::uint16_t>(ip.bytes - header);
  segment = parsed;
  return PacketError::none;
}

TcpSegment reset_for(const TcpSegment& segment) {
  TcpSegment answer;
  answer.source_mac = segment.destination_mac;
  answer.destination_mac = segment.source_mac;
  answer.source = segment.destination;
  answer.destination = segment.source;
  answer.rst = true;
  if (segment.ack) {
    answer.sequence = segment.acknowledgement;
  } else {
    answer.ack = true;
    answer.acknowledgement = segment.end();
  }
  return answer;
}

}  // namespace guest

// Constants of Linux 2.4's TCP: include/net/tcp.h, include/linux/skbuff.h on i386.
#pragma once

#include <cstdint>

#include "sim/time.h"

namespace guest::tcp {

inline constexpr auto kFirstTimeout = sim::Duration::seconds(3);         // TCP_TIMEOUT_INIT
inline constexpr auto kLeastTimeout = sim::Duration::milliseconds(200);  // TCP_RTO_MIN
inline constexpr auto kMostTimeout = sim::Duration::seconds(120);        // TCP_RTO_MAX
inline constexpr auto kLeastDelay = sim::Duration::milliseconds(40);     // TCP_ATO_MIN, TCP_DELACK_MIN
inline constexpr auto kMostDelay = sim::Duration::milliseconds(200);     // TCP_DELACK_MAX
inline constexpr auto kTimeWait = sim::Duration::seconds(60);            // TCP_TIMEWAIT_LEN
inline constexpr std::uint32_t kMostRetries = 15;                        // TCP_RETR2
inline constexpr std::uint32_t kMostQuick = 16;                          // TCP_MAX_QUICKACKS
inline constexpr std::uint32_t kInitialWindow = 3;                       // segments: tcp_init_cwnd
inline constexpr std::uint32_t kDuplicatesOfLoss = 3;                    // TCP_FASTRETRANS_THRESH
inline constexpr std::uint32_t kReordering = 3;                          // net.ipv4.tcp_reordering
inline constexpr std::uint32_t kMostSendBuffer = 131'072;                // net.ipv4.tcp_wmem
inline constexpr std::uint32_t kLeastPeerPayload = 536;                  // TCP_MIN_RCVMSS
inline constexpr std::uint32_t kInitialReceiveSegments = 4;              // tcp_select_initial_window
inline constexpr std::uint32_t kMostUnscaled = 0xffff;
inline constexpr std::uint8_t kMostScale = 14;

// Buffers: struct sk_buff is 160 bytes; MAX_TCP_HEADER and 15 bytes before the payload; whole cache lines (SMP_CACHE_
// BYTES of the Pentium 4 is 128, of the generic i386 build 32; data areas are rounded up to that).
inline constexpr std::uint32_t kBufferOverhead = 160, kHeaderRoom = 128 + 15, kBufferAlignment = 32;

// What comes before the payload in a received buffer: 16 bytes of the kernel's, 2 to align, Ethernet, IP, TCP with
// timestamps. A buffer that payload is collapsed into is one page with sk_buff, shared info (60 bytes) and these.
inline constexpr std::uint32_t kReceivedHeaders = 16 + 2 + 14 + 20 + 32;
inline constexpr std::uint32_t kCollapsedBytes = (4096 - kBufferOverhead - 60 - kReceivedHeaders - 31) / 16 * 16;

// net.ipv4.tcp_adv_win_scale 2: a quarter of the memory is taken to be overhead.
constexpr std::uint32_t window_from_space(std::uint32_t space) { return space - space / 4; }

}  // namespace guest::tcp

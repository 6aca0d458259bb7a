// A gigabit network card of 2003 (a Broadcom BCM570x as the tg3 driver sets it up): bounded descriptor rings, DMA into
// posted frames, and interrupt coalescing.
//
// Completions become visible to the driver, and an interrupt is due, only when the card publishes them: when enough
// frames have gathered or the oldest has waited long enough, with other limits while the driver is inside its handler.
// Serialisation on the wire is the outside world's; the card keeps its own FIFO, the transmit ring.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <string>

#include "hardware/network_device.h"
#include "model/interrupts.h"
#include "model/machine_file.h"
#include "model/memory.h"
#include "sim/event_queue.h"
#include "sim/outside/outside_world.h"
#include "sim/outside/packet_trace.h"
#include "sim/time.h"

namespace model {

// The CPU that executes the driver: its local time, which may be ahead of the queue's, and what it pays.
class DriverCpu {
 public:
  virtual sim::Time local_time() const = 0;
  virtual void charge(sim::Cycles cycles) = 0;

 protected:
  ~DriverCpu() = default;
};

struct NicCounts {
  std::uint64_t transmit_accepted = 0;   // descriptors taken
  std::uint64_t transmit_rejected = 0;   // no free descriptor
  std::uint64_t transmit_sent = 0;       // last bit is on the wire
  std::uint64_t transmit_collected = 0;  // completions taken by the driver
  std::uint64_t buffers_posted = 0;
  std::uint64_t arrived = 0;  // frames from the wire
  std::uint64_t dropped_no_buffer = 0;
  std::uint64_t received = 0;           // frames now in a posted buffer
  std::uint64_t receive_collected = 0;  // completions taken by the driver
  std::uint64_t interrupts = 0;
};

class Nic final : public hw::NetworkDevice, private sim::EventHandler, private sim::Endpoint {
 public:
  // `profile` names one of the file's coalescing profiles. All references outlive the card.
  Nic(const MachineFile& file, CoalescingProfile profile, hv::u32 line, hv::u64 mac, sim::EventQueue& queue,
      PhysicalMemory& memory, InterruptRouter& router, DriverCpu& driver);

  // Plugs the card in; before the first transmit().
  void connect(sim::OutsideWorld& world);

  hv::u32 interrupt_line() const override { return line_; }
  hv::u64 mac_address() const override { return mac_; }
  bool transmit(const hw::TransmitDescriptor& descriptor) override;
  bool next_transmitted(hv::u32& id) override;
  bool post_receive(hv::MachineFrame frame) override;
  bool next_received(hw::ReceiveCompletion& completion) override;
  void interrupt_done() override;

  // Every frame at the moment when its last bit leaves or has arrived; before the first one.
  void trace(sim::PacketTrace& to, const std::string& name) { tap_.attach(to, name); }

  const NicCounts& counts() const { return counts_; }
  // Every frame and buffer that went in came out or is still here.
  bool conserved() const;

 private:
  enum class Event : std::uint64_t { transmitted, publish };

  // Completions of one direction, oldest first; the driver sees the first `published`.
  template <class Completion>
  struct Completions {
    std::deque<Completion> waiting;
    std::size_t published = 0;
    sim::EventHandle timer;

    std::size_t unpublished() const { return waiting.size() - published; }
    bool take(Completion& completion);
  };

  void on_event(std::uint64_t word) override;
  void receive(const sim::Packet& packet, sim::Time at) override;
  sim::Packet packet_of(const hw::TransmitDescriptor& descriptor) const;
  const Coalescing& limits() const { return interrupting_ ? coalescing_.in_handler : coalescing_.normal; }
  template <class Completion>
  void coalesce(Completions<Completion>& completions, const CoalescingLimits& limits);
  void publish();
  void interrupt();

  const MachineFile& file_;
  const CoalescingSettings& coalescing_;
  sim::Cycles transmit_code_, receive_code_;  // of the driver, per packet, where no kernel's paths have it
  sim::Clock clock_;
  hv::u32 line_;
  hv::u64 mac_;
  sim::EventQueue& queue_;
  PhysicalMemory& memory_;
  InterruptRouter& router_;
  DriverCpu& driver_;
  sim::OutsideWorld* world_ = nullptr;
  sim::StationId station_ = 0;

  std::deque<hv::u32> on_wire_;           // ids, in the order of the wire
  std::deque<sim::Packet> traced_;        // their frames, as long as they are traced
  std::deque<hv::MachineFrame> buffers_;  // posted and empty
  Completions<hv::u32> transmitted_;
  Completions<hw::ReceiveCompletion> received_;
  bool interrupting_ = false;  // from the interrupt to interrupt_done()
  NicCounts counts_;
  sim::PacketTap tap_;
};

}  // namespace model

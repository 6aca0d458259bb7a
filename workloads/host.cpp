#include "workloads/host.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <stdexcept>

#include "model/disk/block_trace.h"
#include "model/machine.h"
#include "sim/outside/fifo_wire.h"
#include "sim/outside/packet_trace.h"
#include "sim/outside/simgrid_world.h"
#include "sim/random.h"
#include "workloads/clients/tcp_peer.h"
#include "workloads/hosts/activity_reporter.h"
#include "workloads/hosts/systems.h"

namespace guest {

namespace {

constexpr sim::Duration kBootLimit = sim::Duration::seconds(1800);     // 1024 domains, one after the other: about 700
constexpr sim::Duration kTraceStep = sim::Duration::milliseconds(10);  // so much is held back to be put in order
constexpr std::uint16_t kClientPort = 32'768;                          // first of Linux 2.4's range for clients
constexpr MacAddress kFirstClientMac = 0x02'00'00'00'00'01;            // locally administered

std::unique_ptr<sim::OutsideWorld> make_world(const HostSpec& spec, sim::EventQueue& queue) {
  sim::SwitchSettings settings;
  settings.forwarding_latency = spec.machine->network.forwarding_latency;
  settings.output_fifo_bytes = spec.machine->network.output_fifo;
  settings.lost_per_million = spec.frames_lost_per_million;
  settings.seed = spec.seed;
  if (spec.world == World::simgrid) return std::make_unique<sim::SimGridWorld>(queue, settings);
  return std::make_unique<sim::FifoWire>(queue, settings);
}

// Calls visit(number of the guest, settings) for each program of that kind.
template <class Settings, class Visit>
void for_each_program(HostSpec& spec, Visit visit) {
  for (std::size_t guest = 0; guest < spec.guests.size(); ++guest) {
    for (ProgramSpec& program : spec.guests[guest].programs) {
      if (auto* settings = std::get_if<Settings>(&program)) visit(guest, *settings);
    }
  }
}

void check(const HostSpec& spec) {
  if (spec.machine == nullptr) throw SpecError{"host", "no machine"};
  if (spec.cpus == 0 || spec.cpus > spec.machine->cpu.count) {
    throw SpecError{"host", fmt::format("{} CPUs: {} has {}", spec.cpus, spec.machine->name, spec.machine->cpu.count)};
  }
  if (spec.guests.size() > kMostAddresses) {
    throw SpecError{"host", fmt::format("{} guests: there are addresses for {}", spec.guests.size(), kMostAddresses)};
  }
  std::set<std::string> names;
  for (const GuestSpec& guest : spec.guests) {
    if (guest.name.empty()) throw SpecError{"host", "a guest has no name"};
    if (!names.insert(guest.name).second) throw SpecError{guest.name, "two guests have this name"};
  }
}

}  // namespace

struct Host::Parts {
  explicit Parts(HostSpec given);

  UdpClient::Addresses addresses(std::size_t station, const std::string& where, const std::string& target,
                                 std::uint16_t port) const;
  void make_clients();
  void run_until(sim::Time end);
  bool traced() const {
    return spec.packet_trace != nullptr || spec.block_trace != nullptr || !spec.activity_traces.empty();
  }
  void tell_traces() const;
  void make_peers();
  void make_web_users();
  std::vector<Metric> collect() const;
  void add_client_metrics(std::size_t index, std::vector<Metric>& metrics) const;
  void add_peer_metrics(std::size_t index, std::vector<Metric>& metrics) const;
  void add_web_metrics(std::size_t index, std::vector<Metric>& metrics) const;

  HostSpec spec;
  sim::EventQueue queue;
  sim::Fingerprint fingerprint;
  std::unique_ptr<sim::OutsideWorld> world;
  model::Machine machine;
  CpuReporter reporter{spec.activity_traces};
  std::unique_ptr<Platform> platform;
  std::vector<std::unique_ptr<UdpClient>> clients;
  std::vector<std::unique_ptr<UdpReceiver>> receivers;
  std::vector<std::unique_ptr<TcpPeer>> peers;       // of the guests' ttcp programs, in their order
  std::vector<std::unique_ptr<WebUsers>> web_users;  // of the guests' web99 programs, in their order
  std::vector<std::size_t> web_guests;               // whose they are
  std::size_t first_web_station = 0;
  std::optional<sim::Time> booted_at;
  std::vector<Metric> at_boot;
  std::vector<std::int64_t> useful_at_boot;
};

Host::Parts::Parts(HostSpec given)
    : spec{(check(given), std::move(given))},
      world{make_world(spec, queue)},
      machine{*spec.machine, spec.cpus, info_of(spec.system).network_driver, queue, fingerprint} {
  machine.nic().connect(*world);
  if (spec.packet_trace != nullptr) machine.nic().trace(*spec.packet_trace, "wire");
  if (!spec.activity_traces.empty()) machine.observe(&reporter);
  if (spec.drive != nullptr) machine.install_drive(*spec.drive, spec.bad_sectors);
  std::size_t station = spec.clients.size() + spec.receivers.size();
  for_each_program<TtcpSettings>(spec, [&](std::size_t, TtcpSettings& ttcp) {
    ttcp.peer = {client_address(station), kFirstClientMac + station};
    ++station;
  });
  first_web_station = station;
  std::uint16_t web_port = Web99Settings{}.port;
  for_each_program<Web99Settings>(spec, [&](std::size_t, Web99Settings& web) {
    web.requests = std::make_shared<WebRequests>();
    web.port = web_port++;
  });
  platform = info_of(spec.system).make(spec, machine);
  // The drive behind what guests have; one kernel alone on the machine shows its own requests as those of the drive.
  if (spec.block_trace != nullptr && machine.disk() != nullptr && spec.system != System::native) {
    machine.disk()->set_trace(*spec.block_trace, "sda");
  }
  make_clients();
  make_peers();
  make_web_users();
}

void Host::Parts::make_web_users() {
  const sim::Random random{spec.seed};
  const sim::LinkSettings link{machine.file().nic.line_rate, machine.file().network.cable_latency};
  std::size_t station = first_web_station;
  for_each_program<Web99Settings>(spec, [&](std::size_t guest, const Web99Settings& web) {
    const WebUsers::Addresses addresses{kFirstClientMac + station,
                                        machine.nic().mac_address(),
                                        client_address(station),
                                        {platform->address_of(guest), web.port}};
    web_users.push_back(std::make_unique<WebUsers>(web, addresses, link, queue, *world, random,
                                                   fmt::format("web99.{}", web_users.size())));
    web_guests.push_back(guest);
    ++station;
  });
}

void Host::Parts::make_peers() {
  const sim::LinkSettings link{machine.file().nic.line_rate, machine.file().network.cable_latency};
  for_each_program<TtcpSettings>(spec, [&](std::size_t guest, const TtcpSettings& ttcp) {
    const TcpPeer::Addresses addresses{ttcp.peer.mac, machine.nic().mac_address(), ttcp.peer.address,
                                       platform->address_of(guest)};
    peers.push_back(std::make_unique<TcpPeer>(ttcp, addresses, link, queue, *world));
  });
}

UdpClient::Addresses Host::Parts::addresses(std::size_t station, const std::string& where, const std::string& target,
                                            std::uint16_t port) const {
  const auto guest = std::find_if(spec.guests.begin(), spec.guests.end(),
                                  [&](const GuestSpec& candidate) { return candidate.name == target; });
  if (guest == spec.guests.end()) throw SpecError{where, fmt::format("no guest \"{}\"", target)};
  if (!guest->network) throw SpecError{where, fmt::format("guest \"{}\" has no network", target)};
  const auto index = static_cast<std::size_t>(guest - spec.guests.begin());
  return {kFirstClientMac + station,
          machine.nic().mac_address(),
          {client_address(station), kClientPort},
          {platform->address_of(index), port}};
}

void Host::Parts::make_clients() {
  const sim::Random random{spec.seed};
  const sim::LinkSettings link{machine.file().nic.line_rate, machine.file().network.cable_latency};
  for (std::size_t i = 0; i < spec.clients.size(); ++i) {
    const ClientSpec& client = spec.clients[i];
    clients.push_back(std::make_unique<UdpClient>(client,
                                                  addresses(i, fmt::format("client {}", i), client.target, client.port),
                                                  link, queue, *world, random.stream(fmt::format("client.{}", i))));
  }
  for (std::size_t i = 0; i < spec.receivers.size(); ++i) {
    const ReceiverSpec& receiver = spec.receivers[i];
    receivers.push_back(std::make_unique<UdpReceiver>(
        addresses(clients.size() + i, fmt::format("receiver {}", i), receiver.target, receiver.port), link, queue,
        *world));
  }
}

void Host::Parts::run_until(sim::Time end) {
  while (traced() && end - queue.now() > kTraceStep) {
    sim::run_until(queue, *world, queue.now() + kTraceStep);
    tell_traces();
  }
  sim::run_until(queue, *world, end);
  tell_traces();
}

void Host::Parts::tell_traces() const {
  if (spec.packet_trace != nullptr) spec.packet_trace->passed(queue.now());
  if (spec.block_trace != nullptr) spec.block_trace->passed(queue.now());
  for (ActivityTrace* trace : spec.activity_traces) trace->passed(queue.now());
}

Host::Host(HostSpec spec) : parts_{std::make_unique<Parts>(std::move(spec))} {}
Host::~Host() = default;

void Host::boot() {
  Parts& parts = *parts_;
  if (parts.booted_at) throw std::logic_error{"the host is up already"};
  parts.platform->power_on();
  const sim::Time limit = sim::Time::at(kBootLimit);
  while (!parts.platform->up()) {
    parts.platform->check_boot();
    if (!sim::run_next(parts.queue, *parts.world, limit)) {
      throw std::runtime_error{
          fmt::format("the guests are not up after {} simulated seconds", kBootLimit.to_seconds())};
    }
    parts.tell_traces();
  }
  parts.booted_at = parts.queue.now();
  parts.at_boot = parts.collect();
  for (std::size_t i = 0; i < parts.spec.guests.size(); ++i) {
    parts.useful_at_boot.push_back(parts.platform->programs(i).useful_cycles());
  }
  for (std::size_t i = 0; i < parts.clients.size(); ++i) {
    parts.clients[i]->start(parts.queue.now() + parts.spec.clients[i].start);
  }
  for (std::size_t i = 0; i < parts.receivers.size(); ++i) {
    parts.receivers[i]->start(parts.queue.now() + parts.spec.receivers[i].start);
  }
  for (const auto& peer : parts.peers) peer->start(parts.queue.now());
  for (const auto& users : parts.web_users) users->start(parts.queue.now());
}

void Host::change_client(std::size_t index, const ClientSpec& spec) {
  parts_->clients.at(index)->change(spec);
  parts_->spec.clients.at(index) = spec;
}

void Host::run_for(sim::Duration duration) { parts_->run_until(parts_->queue.now() + duration); }

sim::Time Host::now() const { return parts_->queue.now(); }
sim::Time Host::booted_at() const { return parts_->booted_at.value_or(sim::Time::never()); }
std::size_t Host::client_count() const { return parts_->clients.size(); }
const UdpClient& Host::client(std::size_t index) const { return *parts_->clients.at(index); }
const UdpReceiver& Host::receiver(std::size_t index) const { return *parts_->receivers.at(index); }
std::size_t Host::web_server_count() const { return parts_->web_users.size(); }
const WebUsers& Host::web_users(std::size_t index) const { return *parts_->web_users.at(index); }
std::size_t Host::guest_of_web_server(std::size_t index) const { return parts_->web_guests.at(index); }
std::uint64_t Host::core_bytes(std::size_t guest) const { return parts_->platform->core_bytes(guest); }
std::uint64_t Host::fingerprint() const { return parts_->fingerprint.value(); }
std::vector<sim::Fingerprint::Event> Host::recent_events() const { return parts_->fingerprint.recent(); }
std::uint64_t Host::events() const { return parts_->queue.executed(); }

std::int64_t Host::useful_cycles(std::size_t guest) const {
  return parts_->platform->programs(guest).useful_cycles() - (parts_->booted_at ? parts_->useful_at_boot.at(guest) : 0);
}

bool Host::finished() const {
  for (std::size_t i = 0; i < parts_->spec.guests.size(); ++i) {
    if (!parts_->platform->programs(i).finished()) return false;
  }
  return true;
}

std::vector<ProgramResult> Host::results(std::size_t guest) const {
  return parts_->platform->programs(guest).results();
}

std::array<std::int64_t, 4> Host::accounts(std::uint32_t cpu) const {
  const model::Accounts accounts = parts_->machine.physical_cpu(cpu).accounts();
  std::array<std::int64_t, 4> cycles{};
  std::transform(accounts.begin(), accounts.end(), cycles.begin(), [](sim::Cycles c) { return c.count(); });
  return cycles;
}

model::Causes Host::causes(std::uint32_t cpu) const { return parts_->machine.physical_cpu(cpu).causes(); }

model::StepCycles Host::step_cycles(std::uint32_t cpu) const { return parts_->machine.physical_cpu(cpu).step_cycles(); }

std::uint64_t Host::packets() const {
  const model::NicCounts& nic = parts_->machine.nic().counts();
  return nic.transmit_sent + nic.received;
}

// --- metrics ---------------------------------------------------------------------------------------------------------

void Host::Parts::add_client_metrics(std::size_t index, std::vector<Metric>& metrics) const {
  const UdpClient& client = *clients[index];
  const std::string prefix = fmt::format("client.{}.", index);
  const auto count = [&](const char* name, std::uint64_t value) {
    metrics.push_back({prefix + name, static_cast<std::int64_t>(value), "packets"});
  };
  count("sent", client.sent());
  count("replies", client.samples().size());
  count("lost", client.lost());
  count("late", client.late());
}

void Host::Parts::add_peer_metrics(std::size_t index, std::vector<Metric>& metrics) const {
  const std::string prefix = fmt::format("peer.{}.", index);
  const TcpConnection* connection = peers[index]->connection();
  const TcpConnection::Counts counts = connection != nullptr ? connection->counts() : TcpConnection::Counts{};
  const auto count = [&](const char* name, std::uint64_t value, const char* unit) {
    metrics.push_back({prefix + name, static_cast<std::int64_t>(value), unit});
  };
  count("bytes_read", peers[index]->bytes_read(), "B");
  count("segments_in", counts.segments_in, "packets");
  count("segments_out", counts.segments_out, "packets");
  count("retransmitted", counts.retransmitted, "packets");
}

void Host::Parts::add_web_metrics(std::size_t index, std::vector<Metric>& metrics) const {
  const WebUsers& users = *web_users[index];
  const auto count = [&](const char* name, std::uint64_t value, const char* unit) {
    metrics.push_back({fmt::format("web.{}.{}", index, name), static_cast<std::int64_t>(value), unit});
  };
  count("requests", users.counts().requests, "");
  count("answers", users.counts().answers, "");
  count("connections", users.counts().connections, "");
  count("failed", users.counts().failed, "connections");
  count("bytes_read", users.counts().bytes, "B");
  count("retransmitted", users.retransmitted(), "packets");
}

std::vector<Metric> Host::Parts::collect() const {
  std::vector<Metric> metrics;
  const auto add = [&](std::string name, std::int64_t value, const char* unit) {
    metrics.push_back({std::move(name), value, unit});
  };
  for (std::size_t i = 0; i < spec.guests.size(); ++i) {
    add("guest." + spec.guests[i].name + ".useful_cycles", platform->programs(i).useful_cycles(), "cycles");
  }
  platform->add_metrics(metrics);
  static constexpr std::array kAccounts = {"idle", "hypervisor", "guest_kernel", "guest_user"};
  for (hv::CpuId cpu = 0; cpu < spec.cpus; ++cpu) {
    const model::Accounts accounts = machine.physical_cpu(cpu).accounts();
    for (std::size_t a = 0; a < accounts.size(); ++a) {
      add(fmt::format("cpu.{}.{}", cpu, kAccounts[a]), accounts[a].count(), "cycles");
    }
  }
  const model::NicCounts& nic = machine.nic().counts();
  add("nic.received", static_cast<std::int64_t>(nic.received), "packets");
  add("nic.transmitted", static_cast<std::int64_t>(nic.transmit_sent), "packets");
  add("nic.dropped", static_cast<std::int64_t>(nic.dropped_no_buffer), "packets");
  add("nic.interrupts", static_cast<std::int64_t>(nic.interrupts), "");
  if (machine.disk() != nullptr) {
    const model::DriveCounts& drive = machine.disk()->drive().counts();
    add("drive.reads", static_cast<std::int64_t>(drive.reads), "commands");
    add("drive.writes", static_cast<std::int64_t>(drive.writes), "commands");
    add("drive.failed", static_cast<std::int64_t>(drive.failed), "commands");
    add("drive.arm_busy", drive.arm_busy.nanoseconds(), "ns");
  }
  add("simulation.events", static_cast<std::int64_t>(queue.executed()), "");
  for (std::size_t i = 0; i < clients.size(); ++i) add_client_metrics(i, metrics);
  for (std::size_t i = 0; i < receivers.size(); ++i) {
    add(fmt::format("receiver.{}.datagrams", i), static_cast<std::int64_t>(receivers[i]->datagrams()), "packets");
    add(fmt::format("receiver.{}.payload", i), static_cast<std::int64_t>(receivers[i]->payload_bytes()), "B");
  }
  add("wire.lost", static_cast<std::int64_t>(world->counts().dropped_for(sim::DropReason::lost_on_link)), "packets");
  for (std::size_t i = 0; i < peers.size(); ++i) add_peer_metrics(i, metrics);
  for (std::size_t i = 0; i < web_users.size(); ++i) add_web_metrics(i, metrics);
  return metrics;
}

std::vector<Metric> Host::metrics() const {
  std::vector<Metric> metrics = parts_->collect();
  for (std::size_t i = 0; i < parts_->at_boot.size(); ++i) metrics[i].value -= parts_->at_boot[i].value;
  return metrics;
}

std::optional<std::string> Host::audit() const {
  for (hv::CpuId i = 0; i < parts_->spec.cpus; ++i) {
    const model::Cpu& cpu = parts_->machine.physical_cpu(i);
    sim::Cycles sum;
    for (const sim::Cycles account : cpu.accounts()) sum += account;
    if (sum != cpu.accounted_until()) return fmt::format("the accounts of CPU {} do not sum to its time", i);
  }
  for (std::size_t i = 0; i < parts_->clients.size(); ++i) {
    const UdpClient& client = *parts_->clients[i];
    if (client.sent() != client.samples().size() + client.lost() + client.outstanding()) {
      return fmt::format("requests of client {} are not conserved", i);
    }
  }
  for (std::size_t i = 0; i < parts_->web_users.size(); ++i) {
    const WebUsers& users = *parts_->web_users[i];
    const WebUsers::Counts& counts = users.counts();
    if (counts.requests != counts.answers + counts.lost + users.waiting()) {
      return fmt::format("requests of the users of web server {} are not conserved", i);
    }
  }
  const sim::TrafficCounts& traffic = parts_->world->counts();
  std::uint64_t dropped = 0;
  for (const std::uint64_t count : traffic.dropped) dropped += count;
  if (traffic.sent + traffic.copied != traffic.delivered + dropped + traffic.in_flight) {
    return "frames on the wire are not conserved";
  }
  if (!parts_->machine.nic().conserved()) return "frames of the network card are not conserved";
  return parts_->platform->audit();
}

}  // namespace guest

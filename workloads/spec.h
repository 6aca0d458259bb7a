// What an experiment asks for: one modelled host, the guests on it and the clients outside, as plain data.
//
// Nothing here is checked until a Host is built from it; whatever cannot be built is a SpecError that names the guest
// or client and says what was wrong and what would fit.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <variant>
#include <vector>

#include "sim/time.h"

namespace sim {
class PacketTrace;
}  // namespace sim

namespace model {
class BlockTrace;
class Machine;
struct DriveFile;
struct MachineFile;
}  // namespace model

namespace guest {

class ActivityTrace;
struct BuildProfile;
struct DbenchProfile;
struct KernelFile;
struct OsdbProfile;
struct ProcessShapes;
struct SpecIntProfile;
struct UmlFile;
struct Web99Profile;
class WebRequests;
struct WorkstationFile;

class SpecError : public std::runtime_error {
 public:
  // `where` names the guest, client or part of the host.
  SpecError(const std::string& where, const std::string& message)
      : std::runtime_error{where + ": " + message}, where_{where} {}
  const std::string& where() const { return where_; }

 private:
  std::string where_;
};

// Values of a profile, by name, that differ from those of its file.
using ProfileValues = std::map<std::string, std::int64_t>;

// Computes for ever, with the memory behaviour of a profile of workloads/profiles/.
struct ComputeSettings {
  std::string profile = "cint2000";
  ProfileValues values = {};
};

// Answers every UDP datagram that reaches `port` with its own payload.
struct UdpEchoSettings {
  std::uint16_t port = 7;
};

// Runs tests of lmbench 3.0-a3, one after the other, and is finished then.
struct LmbenchSettings {
  std::vector<std::string> tests;               // by the names of the published values; none: all
  std::uint32_t samples = 3;                    // of every loop; the median counts
  std::shared_ptr<const ProcessShapes> shapes;  // null: programs/lmbench/shapes.json as it is
};

// Waits for a first datagram on `port` and then sends datagrams to where that came from, for ever.
struct UdpFloodSettings {
  std::uint16_t port = 5001;
  std::uint32_t payload_bytes = 1472;
  std::int64_t rate = 0;  // of payload, in bits per second, sent in a burst per tick; 0: as fast as it can
};

// Reads or writes a disk of its guest through the raw device, past the page cache.
struct RawDiskSettings {
  enum class Pattern : std::uint8_t { random, sequential };
  enum class Operation : std::uint8_t { read, write, mixed };  // mixed: each one by chance, half of them reads
  std::string disk;                                            // by its name; empty: the guest's first
  Pattern pattern = Pattern::random;
  Operation operation = Operation::read;
  std::uint32_t block_bytes = 4096;
  std::uint32_t depth = 1;  // processes, each with one request at a time
  sim::Duration think;      // of each process between two requests
  // It is finished when so many requests are done, or after so long, or when the trace ends; else never.
  std::optional<std::uint64_t> count;
  std::optional<sim::Duration> duration;
  std::string trace;         // a recorded workload instead of a pattern; empty: none
  std::string trace_device;  // of several in the trace
};

// Reads or writes one file of its guest's file system, which is on the first disk that may be written.
struct FileIoSettings {
  using Pattern = RawDiskSettings::Pattern;
  using Operation = RawDiskSettings::Operation;
  Pattern pattern = Pattern::sequential;
  Operation operation = Operation::write;
  std::uint64_t file_bytes = 16 << 20;
  std::uint32_t block_bytes = 4096;  // of one call
  bool overwrite = false;            // what is written is there before; what is read always is
  bool synchronous = false;          // opened with O_SYNC
  std::uint32_t sync_every = 0;      // calls from one fsync to the next; 0: none
  // It is finished after so many calls, or after so long; else never.
  std::optional<std::uint64_t> count;
  std::optional<sim::Duration> duration;
};

// Computes for `compute`, then sleeps until the kernel's `sleep_ticks`-th next tick of 10 ms, for ever.
struct BurstSettings {
  sim::Duration compute = sim::Duration::milliseconds(5);
  std::uint64_t sleep_ticks = 1;
};

// Streams to or from a machine outside that runs the other half; each of these programs has one of its own.
struct TtcpSettings {
  enum class Direction : std::uint8_t { transmit, receive };  // as the guest sees it
  Direction direction = Direction::transmit;
  std::int64_t bytes = 16 << 20;
  std::uint32_t mtu = 1500;  // of the interfaces at both ends
  // The other machine: CPU time for each segment that it sends or receives, and how long its card holds the first one
  // that comes while it has nothing to do. Assumed, see the settings' descriptions.
  sim::Duration peer_time = sim::Duration::microseconds(2);
  sim::Duration peer_interrupt_delay;
  struct {
    std::uint32_t address = 0;  // IP
    std::uint64_t mac = 0;
  } peer;  // given by the Host
};

// SPEC CINT2000, all twelve programs.
struct SpecIntSettings {
  std::shared_ptr<const SpecIntProfile> profile;  // null: profiles/spec_int.json as it is
};

// dbench with one client.
struct DbenchSettings {
  std::string load;                              // its load file; empty: that of Debian's package
  std::optional<std::uint32_t> operations;       // the first so many of it; none: as many as the profile says
  std::shared_ptr<const DbenchProfile> profile;  // null: profiles/dbench.json as it is
};

// A build of the Linux kernel, of which `files` C files are compiled.
struct KernelBuildSettings {
  std::uint32_t files = 12;
  std::shared_ptr<const BuildProfile> profile;  // null: profiles/kernel_build.json as it is
  std::shared_ptr<const ProcessShapes> shapes;  // of loader and C library; null: programs/lmbench/shapes.json as it is
};

// A database server and its users, measured for `duration`; they go on until the run ends.
struct OsdbSettings {
  enum class Query : std::uint8_t { cursor, plain, update, full_scan, new_connection };
  Query query = Query::new_connection;
  std::optional<std::uint32_t> users;  // none: as many as the profile says
  sim::Duration warmup = sim::Duration::seconds(1);
  sim::Duration duration = sim::Duration::seconds(4);
  std::shared_ptr<const OsdbProfile> profile;  // null: profiles/osdb.json as it is
};

// Physical CPUs that a guest may run on, or that somebody asks for.
struct CpuSet {
  std::uint32_t mask = 0;
  static CpuSet only(std::uint32_t cpu) { return {1u << cpu}; }
  friend bool operator==(const CpuSet&, const CpuSet&) = default;
};

// SEDF's guarantee: `slice` of CPU in every `period`. Without a period a share by `weight`: of the time that nobody has
// a guarantee for, or of extra time if the domain may have that.
struct SedfSettings {
  sim::Duration period;
  sim::Duration slice;
  sim::Duration latency;
  bool extra = true;
  std::uint32_t weight = 0;
};
// Writes a big file from its beginning to its end, over and over again.
struct DdSettings {
  std::uint64_t file_bytes = 1ull << 30;
  std::uint32_t block_bytes = 64 << 10;  // of one call
};

// Makes small files in big directories.
struct SmallFilesSettings {
  std::uint32_t file_bytes = 1024;
  std::uint32_t files_per_directory = 100'000;
};

// Forks for ever, and so does every child.
struct ForkBombSettings {
  std::uint32_t pages = 8;  // that a process has written in its image, in its libraries and of its stack, each
};

// Takes and uses memory until it gets no more, frees it and starts again.
struct MemoryHogSettings {
  std::uint64_t bytes = 3ull << 30;
  std::uint32_t chunk_bytes = 1 << 20;
};

// Gives memory of the domain back to the hypervisor, and takes it again. Xen only.
struct BalloonSettings {
  sim::Duration start = sim::Duration::seconds(1);
  std::uint64_t target_bytes = 0;  // of the domain; as far as it comes
  sim::Duration hold = sim::Duration::seconds(1);
};

// The services of an idle Red Hat 7.2 with sshd and Apache.
struct ServicesSettings {};

// The server of SPEC WEB99, with as many users outside as it may have connections.
struct Web99Settings {
  std::uint32_t connections = 100;
  std::shared_ptr<const Web99Profile> profile;  // null: workloads/profiles/web99.json as it is
  std::shared_ptr<WebRequests> requests;        // between the users and the server; given by the Host
  std::uint16_t port = 80;                      // given by the Host: one server's is not another's in one kernel
};

using ProgramSpec = std::variant<ComputeSettings, UdpEchoSettings, LmbenchSettings, UdpFloodSettings, RawDiskSettings,
                                 FileIoSettings, TtcpSettings, SpecIntSettings, DbenchSettings, KernelBuildSettings,
                                 OsdbSettings, DdSettings, SmallFilesSettings, ForkBombSettings, MemoryHogSettings,
                                 BalloonSettings, ServicesSettings, BurstSettings, Web99Settings>;

// BVT's warp: the domain is favoured by `value` of virtual time for at most `limit` at a stretch, then not for
// `unwarp`.
struct WarpSettings {
  std::uint32_t value = 0;  // virtual-time units: 10 are 100 us of CPU at weight 256
  sim::Duration limit;      // longest warped run; 0: no limit
  sim::Duration unwarp;     // shortest time between warps
};

// A kernel that is not ours: puts its code into the machine and returns the EIP where a domain with it begins, in the
// state that interface/start_info.h describes. What the code captures outlives the Host.
using ForeignKernel = std::function<std::uint32_t(model::Machine&)>;

// A part of the host's drive that a guest has as a disk: a VBD, or a partition.
struct DiskSpec {
  enum class Access : std::uint8_t { read_only, read_write, swap };  // swap: the kernel's own, for pages
  std::string name;
  std::uint64_t bytes = 0;  // whole sectors
  Access access = Access::read_write;
  std::optional<std::uint64_t> offset;  // on the drive, in bytes; none: behind the disk before
  // Xen only: whether the guest's journal is told that the disk keeps reorder barriers; else it waits, as on bare
  // disks.
  bool barriers = true;
  enum class Data : std::uint8_t { ordered, writeback };
  Data data = Data::ordered;  // how its ext3 is mounted
};

// What a scheduler is told of a guest; each policy takes its part.
struct ScheduleSettings {
  std::uint32_t weight = 256;  // 256 is BVT's mcu_advance 10; CPU time in proportion
  std::uint32_t cap = 0;       // percent of one CPU; 0: none. Credit, Credit2
  std::optional<WarpSettings> warp;
  std::optional<SedfSettings> sedf;
  std::optional<CpuSet> cpus;  // where it may run; none: everywhere
};

// What domain 0 changes while all run. What is not said stays.
struct ScheduleChange {
  sim::Duration at;    // from the time that it has built the last domain
  std::string domain;  // name of a guest
  std::optional<std::uint32_t> weight;
  std::optional<std::uint32_t> cap;
  std::optional<WarpSettings> warp;
  std::optional<SedfSettings> sedf;
  std::optional<CpuSet> cpus;
};

struct GuestSpec : ScheduleSettings {
  std::string name;
  std::uint64_t memory_bytes = 0;
  std::uint32_t vcpus = 1;                  // more: Xen only
  std::optional<sim::Duration> spin_yield;  // a virtual CPU that has spun for a lock for so long yields
  std::vector<ProgramSpec> programs;
  sim::Duration programs_start;  // after its kernel has booted; others do not wait for them to be up
  ForeignKernel kernel;          // none: ours, which runs the programs. Xen only; up as soon as it is built
  bool network = false;
  // Xen only.
  std::int64_t vif_rate = 0;  // limit on what its interface sends, in bits per second; 0: none
  sim::Duration vif_rate_interval = sim::Duration::milliseconds(50);  // in which it may use up what the rate gives it
  std::optional<sim::Duration> destroy_at;  // domain 0 destroys it so long after it has built the last domain
  std::vector<DiskSpec> disks;
};

// How a client spaces its requests.
struct IntervalSettings {
  enum class Kind : std::uint8_t {
    fixed,
    uniform,      // between 0 and twice the mean
    exponential,  // memoryless
    closed_loop,  // the mean is a think time after each reply (or after giving up on it)
  };
  Kind kind = Kind::fixed;
  sim::Duration mean = sim::Duration::seconds(1);
};

// Pings a guest's UDP port from outside.
struct ClientSpec {
  std::string target;  // name of a guest with network
  std::uint16_t port = 7;
  IntervalSettings interval;
  sim::Duration start;  // after boot, before the first request
  std::uint32_t payload_bytes = 64;
  sim::Duration timeout = sim::Duration::seconds(10);  // a reply later than this counts as lost

  // What matters only from the first request on, as `other` has it.
  void change_to(const ClientSpec& other) {
    interval = other.interval;
    payload_bytes = other.payload_bytes;
    timeout = other.timeout;
  }
};

// Has a guest's UDP port send to it, and counts what arrives.
struct ReceiverSpec {
  std::string target;  // name of a guest with network
  std::uint16_t port = 5001;
  sim::Duration start;  // after boot, before it asks
};

// Packets that the hypervisor drops. What says nothing matches everything.
struct DropRule {
  enum class Protocol : std::uint8_t { any, ip, tcp, udp, arp };
  std::optional<std::string> from;  // name of the guest that sends them; none: the wire
  std::optional<std::string> to;    // name of the guest whose address they are for
  Protocol protocol = Protocol::any;
  std::optional<std::uint16_t> source_port, destination_port;
};

enum class System : std::uint8_t { native, xen, vmware, uml };
enum class World : std::uint8_t { fifo, simgrid };

struct HostSpec {
  const model::MachineFile* machine = nullptr;        // outlives the Host
  const KernelFile* kernel_file = nullptr;            // outlives the Host; none: linux24.json as it is
  const UmlFile* uml_file = nullptr;                  // outlives the Host; none: skas3.json as it is
  const WorkstationFile* workstation_file = nullptr;  // outlives the Host; none: workstation32.json as it is
  const model::DriveFile* drive = nullptr;            // outlives the Host; none: the host has no disk
  std::vector<std::uint64_t> bad_sectors;             // of the drive, that cannot be read
  std::uint32_t cpus = 1;
  System system = System::xen;

  // Xen only.
  std::string scheduler = "bvt";
  std::optional<std::string> variant;  // none: the scheduler's first
  sim::Duration context_switch_allowance = sim::Duration::milliseconds(5);
  std::optional<sim::Duration> slice;                    // none: the scheduler's own
  std::optional<sim::Duration> rate_limit;               // none: the scheduler's own; 0: off
  sim::Duration tick = sim::Duration::milliseconds(10);  // ticker to the running vCPU; 0 turns it off
  sim::Duration timer_slop;                              // timers within this of now run at once
  std::uint64_t domain0_memory = 32ull << 20;
  std::vector<DropRule> rules;
  std::vector<ScheduleChange> changes;

  std::vector<GuestSpec> guests;  // native: their programs are processes of one kernel
  std::vector<ClientSpec> clients;
  std::vector<ReceiverSpec> receivers;
  std::uint32_t frames_lost_per_million = 0;  // on the links outside
  std::uint64_t seed = 1;
  World world = World::fifo;

  // Shown what happens, without changing it; they outlive the Host. None: nobody wants to know.
  sim::PacketTrace* packet_trace = nullptr;  // "wire", "vif1.0" of domain 1, "eth0" of a kernel without a hypervisor
  model::BlockTrace* block_trace = nullptr;  // "sda", the drive, "vbd1.0" of domain 1, "hda" of a virtual machine
  std::vector<ActivityTrace*> activity_traces;
};

inline bool wants_network(const HostSpec& spec) {
  return std::any_of(spec.guests.begin(), spec.guests.end(), [](const GuestSpec& guest) { return guest.network; });
}

}  // namespace guest

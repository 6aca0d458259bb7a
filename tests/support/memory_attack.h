// Hostile and honest domains that use the whole memory and descriptor interface of the core, one command at a time.
//
// A command is a kind and three numbers. What the numbers mean is decided when it is performed, from what is there, so
// that any sequence of commands can be performed: a random one, one that a fuzzer made of bytes, one that a shrinker
// has cut down, one from a replay file. After every command all references are recounted from the words in RAM (see
// memory_checker.h), and what each CPU's TLB may still hold is compared with who owns it now.
//
// Domain 0 and up to three guests that it builds through hypercalls run on two CPUs. The TLBs here are as lazy as
// hardware may be: they forget a translation only when the core tells them to.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "hypervisor.h"
#include "interface/hypercalls.h"
#include "interface/memory.h"
#include "interface/start_info.h"
#include "support/memory_checker.h"

namespace test {

enum class Act : std::uint8_t {
  // requests, which wait in a list until it is submitted
  entry,       // of a table: frame a, frame b, index and flags c
  direct,      // of the direct mapping: page a, flags b
  slot,        // of the directory: slot a, frame b, flags c
  m2p,         // frame a, value b
  pin,         // frame a, level b
  unpin,       // frame a
  new_base,    // frame a
  flush,       //
  invalidate,  // address a
  set_ldt,     // page a, entries b
  foreign,     // domain a
  unforeign,   //
  reassign,    // frame a
  raw,         // any pointer and value
  // hypercalls
  submit,             // where to write the count: a
  multicall,          // the list, and update_va_mapping, update_descriptor, stack_switch with a, b, c
  map_address,        // address a, frame b, flags c
  map_foreign,        // the same with a foreign domain's frame
  balloon_up,         // a frames
  balloon_down,       // frame a
  set_gdt,            // frames a and b, entries c
  update_descriptor,  // frame a, entry b, descriptor c
  stack_switch,       // selector a
  fpu,                // taskswitch or use
  debug_register,     // register a, value b
  fast_trap,          // vector a
  fault,              // exception: vector a, address b, stack c
  // what guests do without the core
  store,        // page a, index b, value c
  load,         // page a
  build_table,  // an honest one: page a, kind b, contents c
  descriptors,  // an honest table of them: page a, kind b
  // the network's side
  lend,     // page a
  deliver,  // buffer a, or gives it back
  hold,     // frame a
  release,  //
  // and domain 0's
  run,      // domain a on CPU b
  destroy,  // domain a, which is then built again
  count
};

struct Command {
  Act act = Act::flush;
  std::uint16_t a = 0, b = 0, c = 0;
};
inline constexpr std::size_t kCommandBytes = 7;

// Random bytes as a command; likely kinds have many numbers.
Act act_of(std::uint8_t byte);
Command command_of(std::span<const std::uint8_t, kCommandBytes> bytes);
std::string to_text(const Command& command);  // "entry 3 17 65535"
// Throws if the file cannot be read or a line is no command. Lines that start with # are left out.
std::vector<Command> read_commands(const std::string& path);
// Writes a replay file into the working directory and returns its path.
std::string write_replay(const std::string& name, const std::string& failure, std::span<const Command> commands);

struct AttackCounts {
  std::uint64_t commands = 0, hypercalls = 0, requests = 0, accepted = 0, refused = 0;
  std::uint64_t checks = 0, faults = 0, flushes = 0, domains_built = 0;
  void add(const AttackCounts& other);
};

class MemoryAttack {
 public:
  // All references are recounted after every `check_every`th command that may have changed something.
  explicit MemoryAttack(u32 check_every = 1);
  ~MemoryAttack();

  // Empty if everything is in order afterwards, else what is not.
  std::string perform(const Command& command);
  std::string check();
  const AttackCounts& counts() const { return counts_; }
  // Domain 0 has unmapped itself and can do nothing more: time for a new machine.
  bool over() const { return over_; }

 private:
  static constexpr u32 kFrames = 832;  // 512 that reservations leave free, four domains, the core's own
  static constexpr u32 kDomain0Pages = 40, kGuestPages = 24, kGuests = 3;
  static constexpr u32 kListRoom = 64;  // requests that wait at most
  // A scratch page: a count, the list of requests, argument structures, and a stack that grows down from the end.
  static constexpr u32 kDone = 0, kList = 8, kArguments = 2048, kCalls = 2560;
  static constexpr s32 kBadAddress = -14;
  static constexpr u32 kHandler = kGuestKernelStart + 0x100;
  static constexpr u32 kP = kEntryPresent, kW = kEntryWritable;

  struct Actor {
    Domain* domain = nullptr;
    std::vector<MachineFrame> pages;  // by place in the direct mapping, as built; domain 0's balloon brings new ones
    u32 table_page = 0, directory_page = 0, first_free = 0;
    bool broken = false;  // crashed, or without a page to make hypercalls from: domain 0 builds it anew
    u32 size() const { return static_cast<u32>(pages.size()); }
    u32 scratch_page() const { return size() - 2; }
    u32 scratch() const { return kGuestKernelStart + (scratch_page() << kPageShift); }
    u32 entry_of(u32 page) const { return pages[table_page].address() + page * 4; }
    MachineFrame directory() const { return pages[directory_page]; }
  };
  struct Translation {
    u32 frame = 0;
    OwnerId owner = kOwnerFree;  // when it was walked
    bool writable = false;
  };
  using Tlb = std::map<u32, Translation>;  // by page

  Actor& actor() { return actors_[current_]; }
  FakeCpu& cpu() { return machine_.cpu(cpu_); }
  Caller caller() { return {cpu(), *actor().domain->vcpus[0], *actor().domain}; }

  // Numbers to things.
  MachineFrame frame(u32 number);
  u32 page(u32 number) { return number % actor().size() == actor().scratch_page() ? 0 : number % actor().size(); }
  u32 address(u32 number) const;
  static u32 flags(u32 number);
  static u32 index(u32 number);
  u32 descriptor_high(u32 number) const;

  // Hypercalls. Arguments go through the caller's own memory.
  s32 call(Hypercall number, std::array<u32, 5> arguments);
  bool put(u32 address, std::span<const u32> words);
  void request(u32 pointer, u32 value);
  void command(MmuCommand command, u32 pointer, u32 argument = 0);
  s32 submit(u32 done = 0);
  void judge(std::span<const MmuUpdate> requests, const std::vector<OwnerId>& owners, std::span<const u32> holders,
             u32 completed);
  void unmap_used_page(u32 page);
  s32 control(ControlOp& op);

  void queue(const Command& c);
  void hypercall(const Command& c);
  void guest_work(const Command& c);
  void device_work(const Command& c);
  void fault(const Command& c);
  void build_table(const Command& c);
  void build_descriptors(const Command& c);
  void multicall(const Command& c);

  // The machine.
  void run(u32 actor, CpuId cpu);
  void build_guest(u32 which);
  void destroy_guest(u32 which);
  void prepare_traps();
  void keep_scratch();
  Translation translation(u32 entry, bool writable);
  u32* walk(u32 address, bool write);  // the entry, with accessed and dirty bits set on the way; null: a fault
  bool store_word(u32 address, u32 value);
  void settle();
  std::string check_tlbs();

  FakeMachine machine_;
  std::vector<std::uint8_t> room_;
  std::unique_ptr<Hypervisor> core_;
  PageExchange exchange_;
  MemoryChecker checker_;
  std::vector<Actor> actors_;
  std::vector<MmuUpdate> list_;
  std::vector<DomainId> lenders_;  // of checker_.posted
  std::array<Tlb, 2> tlbs_;
  std::array<u32, 2> loads_seen_{};
  std::array<s32, 2> running_{-1, -1};  // actor on each CPU; -1: idle
  u32 current_ = 0;
  CpuId cpu_ = 0;
  MachineFrame last_given_;
  AttackCounts counts_;
  u32 check_every_, unchecked_ = 0;
  std::uint64_t acted_ = 0;  // changes when something may have changed
  bool over_ = false;
  std::string misjudged_;  // a request that should not have been done
};

}  // namespace test

// Recomputes every reference to every frame from the words in RAM and compares with the frame table.
//
// Independent of the core's bookkeeping and of its validation: it starts at what holds tables from outside (pins,
// page-table bases, loaded descriptor tables, pages shared with the core, lent buffers, I/O), follows the words the MMU
// and the segmentation unit would follow, and has its own idea of what a guest may not reach. From the frame table it
// takes only owners and pins.
#pragma once

#include <fmt/format.h>

#include <array>
#include <string>
#include <vector>

#include "domain_table.h"
#include "memory/page_exchange.h"
#include "support/fake_machine.h"

namespace test {

class MemoryChecker {
 public:
  MemoryChecker(FakeMachine& machine, MemoryManager& memory, const DomainTable& domains)
      : machine_{machine}, memory_{memory}, domains_{domains} {}
  template <class World>
  explicit MemoryChecker(World& world) : MemoryChecker{world.machine, world.memory, world.domains} {}

  std::vector<PostedBuffer> posted;    // lent and not yet used
  std::vector<MachineFrame> payloads;  // held for transmission

  // Empty if everything agrees, else the first disagreement.
  std::string check();

 private:
  struct References {
    u32 l1 = 0, l2 = 0, gdt = 0, ldt = 0, writable = 0, untyped = 0;
    bool operator==(const References&) const = default;
  };

  template <class... Args>
  void fail(fmt::format_string<Args...> text, Args&&... args) {
    if (failure_.empty()) failure_ = fmt::format(text, std::forward<Args>(args)...);
  }
  u32 frame_count() const { return machine_.ram.frame_count(); }
  const FrameInfo& info(u32 frame) const { return memory_.frames().info(MachineFrame{frame}); }
  References& of(MachineFrame frame) { return references_.at(frame.number()); }

  void collect_roots();
  void collect_vcpu(const Domain& domain, const Vcpu& vcpu);
  void check_reserved(MachineFrame first_gdt_page);
  void follow_directory(u32 directory);
  void follow_table(u32 table);
  void follow_descriptors(u32 page);
  void compare(u32 frame);
  void check_owners();
  void check_cpus();

  FakeMachine& machine_;
  MemoryManager& memory_;
  const DomainTable& domains_;
  std::vector<References> references_;
  std::vector<u32> owned_ = std::vector<u32>(1u << 16);  // frames of each owner, while they are counted
  std::string failure_;
};

}  // namespace test

#include "workloads/control/domain_builder.h"

#include <algorithm>

#include "workloads/kernel/system_calls.h"
#include "workloads/ports/page_entry.h"

namespace guest {

namespace {

constexpr u32 kStandardAdvance = 10;  // BVT's mcu_advance at the standard weight
constexpr u32 kStandardWeight = 256;

constexpr u32 pages_for(u32 items, u32 per_page) { return (items + per_page - 1) / per_page; }

hv::ControlOp operation(hv::ControlCommand command, hv::DomainId domain = 0) {
  hv::ControlOp op{};
  op.command = static_cast<u32>(command);
  op.domain = domain;
  return op;
}

// Puts one of the structures of interface/control.h into an operation's words.
template <class T>
void put_words(hv::ControlOp& op, const T& value) {
  static_assert(sizeof value <= sizeof op.words);
  __builtin_memcpy(op.words, &value, sizeof value);
}

}  // namespace

struct DomainBuilder::Layout {
  explicit Layout(u32 page_count)
      : pages{page_count},
        list_pages{pages_for(page_count, hv::kEntriesPerTable)},
        table_first{1 + list_pages},
        // The kernel's map goes on behind the last page: shared info, then the spare entries.
        map_tables{pages_for(page_count + 1 + hv::kSparePages, hv::kEntriesPerTable)},
        table_pages{map_tables + 1} {}
  u32 pages, list_pages, table_first, map_tables, table_pages;
  u32 directory() const { return table_first + map_tables; }
  bool is_table(u32 page) const { return page >= table_first && page < table_first + table_pages; }
  u32 first_free() const { return table_first + table_pages; }
};

model::Task<> DomainBuilder::run(SystemCalls& calls) {
  started();
  for (std::size_t i = 0; i < orders_.size(); ++i) {
    if (!co_await build(i)) break;
  }
  while (true) co_await calls.pause();
}

bool DomainBuilder::succeeded(std::size_t index, const std::string& name, s32 result) {
  if (result < 0) failure_ = BuildFailure{index, name, result};
  return result >= 0;
}

model::Task<bool> DomainBuilder::step(std::size_t index, const char* name, hv::ControlOp& op) {
  co_return succeeded(index, name, co_await control_->control(op));
}

model::Task<bool> DomainBuilder::build(std::size_t index) {
  const DomainOrder& order = orders_[index];
  const GuestSpec& spec = *order.spec;

  hv::ControlOp create = operation(hv::ControlCommand::create_domain);
  create.words[0] = static_cast<u32>(spec.memory_bytes / 1024);
  create.words[1] = spec.vcpus;
  create.words[2] = spec.cpu.value_or(~0u);
  if (!co_await step(index, "create_domain", create)) co_return false;
  const hv::DomainId id = create.domain;

  hv::ControlOp info = operation(hv::ControlCommand::get_domain_info, id);
  if (!co_await step(index, "get_domain_info", info)) co_return false;
  hv::DomainInfo found;
  __builtin_memcpy(&found, info.words, sizeof found);
  const hv::MachineFrame shared_info{found.shared_info_frame};

  const Layout layout{static_cast<u32>(spec.memory_bytes / hv::kPageSize)};
  std::vector<hv::MachineFrame> frames;
  if (!succeeded(index, "get_memory_list", co_await control_->memory_list(id, layout.pages, frames))) co_return false;

  co_await control_->copy_pages(kKernelImagePages);
  co_await write_start_pages(index, layout, id, frames, shared_info);
  if (!co_await fill_page_tables(index, layout, id, frames, shared_info)) co_return false;

  hv::ControlOp build_op = operation(hv::ControlCommand::build_domain, id);
  put_words(build_op, hv::BuildDomain{frames[layout.directory()].number(), order.entry_eip,
                                      GuestFrame{layout.pages}.kernel_address(), GuestFrame{0}.kernel_address()});
  if (!co_await step(index, "build_domain", build_op)) co_return false;
  if (!co_await set_scheduling(index, id)) co_return false;
  if (spec.network && !co_await connect_network(index, id)) co_return false;

  hv::ControlOp unpause = operation(hv::ControlCommand::unpause_domain, id);
  if (!co_await step(index, "unpause_domain", unpause)) co_return false;
  built_.push_back({id, layout.pages, frames[layout.directory()]});
  co_return true;
}

model::Task<> DomainBuilder::write_start_pages(std::size_t index, const Layout& layout, hv::DomainId id,
                                               const std::vector<hv::MachineFrame>& frames,
                                               hv::MachineFrame shared_info) {
  hv::StartInfo start{};
  start.magic = hv::kStartMagic;
  start.domain_id = id;
  start.vcpus = orders_[index].spec->vcpus;
  start.pages = layout.pages;
  start.shared_info = shared_info.address();
  start.shared_info_address = GuestFrame{layout.pages}.kernel_address();
  start.frame_list_address = GuestFrame{1}.kernel_address();
  start.list_pages = layout.list_pages;
  start.table_first = layout.table_first;
  start.table_pages = layout.table_pages;
  start.directory_frame = frames[layout.directory()].number();
  start.first_free_page = layout.first_free();
  start.spare_address = GuestFrame{layout.pages + 1}.kernel_address();
  start.vifs = orders_[index].spec->network ? 1 : 0;
  std::array<u32, sizeof start / sizeof(u32)> words;
  __builtin_memcpy(words.data(), &start, sizeof start);
  co_await control_->write_frame(id, frames[0], words);

  std::vector<u32> list;
  for (const hv::MachineFrame frame : frames) list.push_back(frame.number());
  for (u32 page = 0; page < layout.list_pages; ++page) {
    const auto rest = std::span{list}.subspan(page * hv::kEntriesPerTable);
    co_await control_->write_frame(id, frames[1 + page],
                                   rest.first(std::min<std::size_t>(rest.size(), hv::kEntriesPerTable)));
  }
}

// Every page writable but the tables themselves; then the directory is pinned, which has all of it checked.
model::Task<bool> DomainBuilder::fill_page_tables(std::size_t index, const Layout& layout, hv::DomainId id,
                                                  const std::vector<hv::MachineFrame>& frames,
                                                  hv::MachineFrame shared_info) {
  std::vector<hv::MmuUpdate> requests;
  const auto entry_of_page = [&](u32 page) {
    const hv::MachineFrame table = frames[layout.table_first + page / hv::kEntriesPerTable];
    return table.address() + page % hv::kEntriesPerTable * static_cast<u32>(sizeof(u32));
  };
  for (u32 page = 0; page < layout.pages; ++page) {
    const u32 rights = layout.is_table(page) ? kReadOnlyKernelPage : kKernelPage;
    requests.push_back({entry_of_page(page), frames[page].address() | rights});
    requests.push_back({frames[page].address() | static_cast<u32>(hv::MmuRequest::update_m2p), page});
  }
  requests.push_back({entry_of_page(layout.pages), shared_info.address() | kKernelPage});
  const hv::MachineFrame directory = frames[layout.directory()];
  for (u32 table = 0; table < layout.map_tables; ++table) {
    requests.push_back({directory.address() + (kFirstKernelSlot + table) * static_cast<u32>(sizeof(u32)),
                        frames[layout.table_first + table].address() | kTableEntry});
  }
  requests.push_back(
      {directory.address() | static_cast<u32>(hv::MmuRequest::extended), static_cast<u32>(hv::MmuCommand::pin_l2)});
  u32 done = 0;
  const s32 result = co_await control_->update(id, requests, done);
  co_return succeeded(index, "mmu_update (request " + std::to_string(done) + ")", result);
}

// Says nothing to the scheduler about a domain that asks for nothing.
model::Task<bool> DomainBuilder::set_scheduling(std::size_t index, hv::DomainId id) {
  const GuestSpec& spec = *orders_[index].spec;
  if (spec.weight == kStandardWeight && !spec.warp) co_return true;
  hv::SchedulerParameters parameters{};
  parameters.mcu_advance = std::max(1u, (kStandardAdvance * kStandardWeight + spec.weight / 2) / spec.weight);
  if (spec.warp) {
    parameters.warp = 1;
    parameters.warp_value = spec.warp->value;
    const auto limit = static_cast<u64>(spec.warp->limit.nanoseconds());
    const auto unwarp = static_cast<u64>(spec.warp->unwarp.nanoseconds());
    parameters.warp_limit_low = hv::low_word(limit);
    parameters.warp_limit_high = hv::high_word(limit);
    parameters.unwarp_low = hv::low_word(unwarp);
    parameters.unwarp_high = hv::high_word(unwarp);
  }
  hv::ControlOp adjust = operation(hv::ControlCommand::scheduler_adjust, id);
  put_words(adjust, parameters);
  co_return co_await step(index, "scheduler_adjust", adjust);
}

// One interface, the packets for the guest's address to it, and out of it only packets from that address.
model::Task<bool> DomainBuilder::connect_network(std::size_t index, hv::DomainId id) {
  hv::ControlOp create = operation(hv::ControlCommand::create_vif, id);
  if (!co_await step(index, "create_vif", create)) co_return false;
  const u32 vif = hv::vif_id(id, create.words[0]);
  constexpr u32 kWhole = ~0u;

  hv::NetworkRule inwards{};
  inwards.action = static_cast<u32>(hv::RuleAction::accept);
  inwards.source_vif = hv::kVifPhysical;
  inwards.destination_vif = vif;
  inwards.protocol = static_cast<u32>(hv::RuleProtocol::ip);
  inwards.destination_address = orders_[index].address;
  inwards.destination_address_mask = kWhole;
  hv::ControlOp add = operation(hv::ControlCommand::add_rule);
  put_words(add, inwards);
  if (!co_await step(index, "add_rule", add)) co_return false;

  hv::NetworkRule outwards{};
  outwards.action = static_cast<u32>(hv::RuleAction::accept);
  outwards.source_vif = vif;
  outwards.destination_vif = hv::kVifPhysical;
  outwards.protocol = static_cast<u32>(hv::RuleProtocol::ip);
  outwards.source_address = orders_[index].address;
  outwards.source_address_mask = kWhole;
  add = operation(hv::ControlCommand::add_rule);
  put_words(add, outwards);
  co_return co_await step(index, "add_rule", add);
}

}  // namespace guest

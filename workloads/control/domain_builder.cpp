#include "workloads/control/domain_builder.h"

#include <algorithm>
#include <array>

#include "interface/block.h"
#include "workloads/control/scheduler_parameters.h"
#include "workloads/kernel/system_calls.h"
#include "workloads/ports/page_entry.h"

namespace guest {

namespace {

constexpr u32 kWhole = ~0u;  // the mask of an address or port that must be equal

// By DropRule::Protocol.
constexpr std::array kRuleProtocols = {hv::RuleProtocol::any, hv::RuleProtocol::ip, hv::RuleProtocol::tcp,
                                       hv::RuleProtocol::udp, hv::RuleProtocol::arp};

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

DomainBuilder::DomainBuilder(std::vector<DomainOrder> orders, std::vector<DropRule> rules,
                             std::vector<ScheduleChange> changes, bool exact_weights)
    : orders_{std::move(orders)}, rules_{std::move(rules)}, changes_{std::move(changes)} {
  if (!exact_weights) return;
  std::vector<u32> weights;
  for (const DomainOrder& order : orders_) weights.push_back(order.spec->weight);
  for (const ScheduleChange& change : changes_) weights.push_back(change.weight.value_or(kStandardWeight));
  advance_scale_ = advance_scale(weights);
}

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
  const bool scaled = co_await scale_domain0();
  for (std::size_t i = 0; scaled && i < orders_.size(); ++i) {
    if (!co_await build(i)) break;
  }
  for (const DropRule& rule : rules_) {  // newer than the domains' own, so they come first
    if (failure_) break;
    co_await add_rule(0, drop_rule(rule));
  }
  for (const DomainOrder& order : orders_) scheduling_.push_back(*order.spec);
  co_await follow_timetable(calls);
  while (true) co_await calls.pause();
}

std::size_t DomainBuilder::order_of(const std::string& guest) const {
  const auto found = std::ranges::find_if(orders_, [&](const DomainOrder& order) { return order.spec->name == guest; });
  return static_cast<std::size_t>(found - orders_.begin());
}

hv::NetworkRule DomainBuilder::drop_rule(const DropRule& rule) const {
  hv::NetworkRule dropped{};
  dropped.action = static_cast<u32>(hv::RuleAction::drop);
  dropped.source_vif = rule.from ? hv::vif_id(built_[order_of(*rule.from)].id, 0) : hv::kVifPhysical;
  dropped.protocol = static_cast<u32>(kRuleProtocols[static_cast<std::size_t>(rule.protocol)]);
  if (rule.to) {
    dropped.destination_address = orders_[order_of(*rule.to)].address;
    dropped.destination_address_mask = kWhole;
  }
  if (rule.source_port) {
    dropped.source_port = *rule.source_port;
    dropped.source_port_mask = kWhole;
  }
  if (rule.destination_port) {
    dropped.destination_port = *rule.destination_port;
    dropped.destination_port_mask = kWhole;
  }
  return dropped;
}

// What is to be done when, with the granularity of the kernel's timers.
model::Task<> DomainBuilder::follow_timetable(SystemCalls& calls) {
  struct Entry {
    u64 ticks;                     // from now
    const ScheduleChange* change;  // none: the end of
    std::size_t index;             // this order
  };
  const auto ticks = [](sim::Duration at) {
    return static_cast<u64>((at.nanoseconds() + kTickNanoseconds - 1) / kTickNanoseconds);
  };
  destroyed_.resize(orders_.size());
  std::vector<Entry> table;
  for (const ScheduleChange& change : changes_) table.push_back({ticks(change.at), &change, 0});
  for (std::size_t i = 0; i < built_.size(); ++i) {
    if (const auto& at = orders_[i].spec->destroy_at) table.push_back({ticks(*at), nullptr, i});
  }
  std::ranges::stable_sort(table, {}, &Entry::ticks);
  u64 slept = 0;
  for (const Entry& entry : table) {
    if (entry.ticks > slept) co_await calls.sleep(entry.ticks - slept);
    slept = std::max(slept, entry.ticks);
    if (entry.change != nullptr) {
      co_await change(*entry.change);
    } else {
      co_await destroy(entry.index);
    }
  }
}

model::Task<> DomainBuilder::destroy(std::size_t index) {
  hv::ControlOp destroy = operation(hv::ControlCommand::destroy_domain, built_[index].id);
  destroyed_[index] = true;  // the guest is gone when the call returns, which others may see first
  co_await step(index, "destroy_domain", destroy);
}

// Of a domain that is gone: nothing.
model::Task<> DomainBuilder::change(const ScheduleChange& change) {
  const std::size_t index = order_of(change.domain);
  if (failure_ || destroyed_[index]) co_return;
  ScheduleSettings& now = scheduling_[index];
  if (change.weight) now.weight = *change.weight;
  if (change.cap) now.cap = *change.cap;
  if (change.warp) now.warp = change.warp;
  if (change.sedf) now.sedf = change.sedf;
  if (change.weight || change.cap || change.warp || change.sedf) {
    hv::ControlOp adjust = operation(hv::ControlCommand::scheduler_adjust, built_[index].id);
    put_words(adjust, scheduler_parameters(now, advance_scale_));
    if (!co_await step(index, "scheduler_adjust", adjust)) co_return;
  }
  if (!change.cpus) co_return;
  now.cpus = change.cpus;
  for (u32 vcpu = 0; vcpu < orders_[index].spec->vcpus; ++vcpu) {
    hv::ControlOp pin = operation(hv::ControlCommand::pin_cpu, built_[index].id);
    pin.words[0] = vcpu;
    pin.words[1] = change.cpus->mask;
    if (!co_await step(index, "pin_cpu", pin)) co_return;
  }
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
  create.words[2] = spec.cpus ? spec.cpus->mask : hv::kAllCpus;
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

  if (!co_await connect_disks(index, id)) co_return false;

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

// Domain 0 goes on at the standard weight.
model::Task<bool> DomainBuilder::scale_domain0() {
  if (advance_scale_ == 1) co_return true;
  hv::ControlOp adjust = operation(hv::ControlCommand::scheduler_adjust, hv::kDomain0);
  put_words(adjust, scheduler_parameters({}, advance_scale_));
  co_return co_await step(0, "scheduler_adjust of domain 0", adjust);
}

// Says nothing to the scheduler about a domain that asks for nothing.
model::Task<bool> DomainBuilder::set_scheduling(std::size_t index, hv::DomainId id) {
  const ScheduleSettings& settings = *orders_[index].spec;
  const bool standard = settings.weight == kStandardWeight && advance_scale_ == 1;
  if (standard && settings.cap == 0 && !settings.warp && !settings.sedf) co_return true;
  hv::ControlOp adjust = operation(hv::ControlCommand::scheduler_adjust, id);
  put_words(adjust, scheduler_parameters(settings, advance_scale_));
  co_return co_await step(index, "scheduler_adjust", adjust);
}

// One interface, the packets for the guest's address to it, and out of it only packets from that address.
model::Task<bool> DomainBuilder::connect_network(std::size_t index, hv::DomainId id) {
  hv::ControlOp create = operation(hv::ControlCommand::create_vif, id);
  if (!co_await step(index, "create_vif", create)) co_return false;
  const u32 vif = hv::vif_id(id, create.words[0]);

  hv::NetworkRule inwards{};
  inwards.action = static_cast<u32>(hv::RuleAction::accept);
  inwards.source_vif = hv::kVifPhysical;
  inwards.destination_vif = vif;
  inwards.protocol = static_cast<u32>(hv::RuleProtocol::ip);
  inwards.destination_address = orders_[index].address;
  inwards.destination_address_mask = kWhole;
  if (!co_await add_rule(index, inwards)) co_return false;

  hv::NetworkRule outwards{};
  outwards.action = static_cast<u32>(hv::RuleAction::accept);
  outwards.source_vif = vif;
  outwards.destination_vif = hv::kVifPhysical;
  outwards.protocol = static_cast<u32>(hv::RuleProtocol::ip);
  outwards.source_address = orders_[index].address;
  outwards.source_address_mask = kWhole;
  if (!co_await add_rule(index, outwards)) co_return false;

  const GuestSpec& spec = *orders_[index].spec;
  if (spec.vif_rate == 0) co_return true;
  constexpr s64 kMicrosecond = 1'000, kMicrosecondsPerSecond = 1'000'000;
  const s64 microseconds = spec.vif_rate_interval.nanoseconds() / kMicrosecond;
  hv::ControlOp credit = operation(hv::ControlCommand::vif_credit, id);
  credit.words[0] = create.words[0];
  credit.words[1] = static_cast<u32>(spec.vif_rate / 8 * microseconds / kMicrosecondsPerSecond);
  credit.words[2] = static_cast<u32>(microseconds);
  co_return co_await step(index, "vif_credit", credit);
}

model::Task<bool> DomainBuilder::add_rule(std::size_t index, const hv::NetworkRule& rule) {
  hv::ControlOp add = operation(hv::ControlCommand::add_rule);
  put_words(add, rule);
  co_return co_await step(index, "add_rule", add);
}

// A VBD for each, of one extent.
model::Task<bool> DomainBuilder::connect_disks(std::size_t index, hv::DomainId id) {
  const std::vector<Partition>& disks = orders_[index].disks;
  for (u32 number = 0; number < disks.size(); ++number) {
    hv::ControlOp create = operation(hv::ControlCommand::create_vbd, id);
    create.words[0] = number;
    create.words[1] = static_cast<u32>(disks[number].writable ? hv::VbdAccess::read_write : hv::VbdAccess::read_only);
    if (!co_await step(index, "create_vbd", create)) co_return false;

    hv::ControlOp grow = operation(hv::ControlCommand::grow_vbd, id);
    grow.words[0] = number;
    grow.words[1] = hv::low_word(disks[number].first_sector);
    grow.words[2] = hv::high_word(disks[number].first_sector);
    grow.words[3] = hv::low_word(disks[number].sectors);
    grow.words[4] = hv::high_word(disks[number].sectors);
    if (!co_await step(index, "grow_vbd", grow)) co_return false;
  }
  co_return true;
}

}  // namespace guest

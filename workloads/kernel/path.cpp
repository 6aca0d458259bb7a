#include "workloads/kernel/path.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace guest {

namespace {

using Paths = KernelFile::Paths;

constexpr u32 kLine = 64, kLinesPerPage = hv::kPageSize / kLine;

struct NamedPath {
  const char* name;
  Path Paths::*path;
  bool driver = false;
  Lock lock = Lock::none;
};

constexpr bool kDriver = true;

constexpr std::array kPaths = std::to_array<NamedPath>({
    {"system_call", &Paths::system_call},
    {"exception", &Paths::exception},
    {"event_dispatch", &Paths::event_dispatch},
    {"interrupt_dispatch", &Paths::interrupt_dispatch},
    {"soft_interrupt", &Paths::soft_interrupt},
    {"timer_tick", &Paths::timer_tick},
    {"schedule", &Paths::schedule, !kDriver, Lock::run_queue},
    {"schedule_task", &Paths::schedule_task, !kDriver, Lock::run_queue},
    {"switch_task", &Paths::switch_task},
    {"wake_task", &Paths::wake_task, !kDriver, Lock::run_queue},
    {"wait_queue", &Paths::wait_queue},
    {"fork", &Paths::fork},
    {"exec", &Paths::exec},
    {"exit", &Paths::exit},
    {"wait", &Paths::wait},
    {"fork_refused", &Paths::fork_refused},
    {"identity", &Paths::identity},
    {"page_fault", &Paths::page_fault},
    {"fault_zero", &Paths::fault_zero},
    {"fault_file", &Paths::fault_file, !kDriver, Lock::page_cache},
    {"fault_copy", &Paths::fault_copy},
    {"page_allocate", &Paths::page_allocate, !kDriver, Lock::page_lists},
    {"space_create", &Paths::space_create},
    {"space_release", &Paths::space_release},
    {"table_create", &Paths::table_create},
    {"area_map", &Paths::area_map},
    {"area_unmap", &Paths::area_unmap},
    {"area_protect", &Paths::area_protect},
    {"area_copy", &Paths::area_copy},
    {"area_release", &Paths::area_release},
    {"entry_scan", &Paths::entry_scan},
    {"entry_copy", &Paths::entry_copy},
    {"entry_clear", &Paths::entry_clear},
    {"break_set", &Paths::break_set},
    {"update_queue", &Paths::update_queue},
    {"signal_action", &Paths::signal_action},
    {"signal_send", &Paths::signal_send},
    {"signal_deliver", &Paths::signal_deliver},
    {"signal_return", &Paths::signal_return},
    {"signal_force", &Paths::signal_force},
    {"alarm", &Paths::alarm},
    {"user_copy", &Paths::user_copy},
    {"descriptor", &Paths::descriptor},
    {"path_component", &Paths::path_component, !kDriver, Lock::dcache},
    {"path_name", &Paths::path_name},
    {"directory_entry", &Paths::directory_entry},
    {"stat", &Paths::stat},
    {"open", &Paths::open},
    {"close", &Paths::close},
    {"duplicate", &Paths::duplicate},
    {"read", &Paths::read},
    {"write", &Paths::write},
    {"device_read", &Paths::device_read},
    {"device_write", &Paths::device_write},
    {"pipe_create", &Paths::pipe_create},
    {"pipe_read", &Paths::pipe_read},
    {"pipe_write", &Paths::pipe_write},
    {"select", &Paths::select},
    {"select_descriptor", &Paths::select_descriptor},
    {"socket_poll", &Paths::socket_poll},
    {"page_cache", &Paths::page_cache, !kDriver, Lock::page_cache},
    {"file_lock", &Paths::file_lock},
    {"file_create", &Paths::file_create},
    {"file_delete", &Paths::file_delete},
    {"block_allocate", &Paths::block_allocate},
    {"block_free", &Paths::block_free},
    {"write_page", &Paths::write_page},
    {"journal_block", &Paths::journal_block, !kDriver, Lock::journal},
    {"socket_receive", &Paths::socket_receive},
    {"socket_send", &Paths::socket_send},
    {"socket_option", &Paths::socket_option},
    {"udp_receive", &Paths::udp_receive},
    {"udp_send", &Paths::udp_send},
    {"driver_receive", &Paths::driver_receive, kDriver},
    {"driver_transmit", &Paths::driver_transmit, kDriver},
    {"driver_refill", &Paths::driver_refill, kDriver},
    {"driver_interrupt", &Paths::driver_interrupt, kDriver},
    {"bridge", &Paths::bridge, kDriver},
    {"block_submit", &Paths::block_submit, !kDriver, Lock::io_request},
    {"block_elevator", &Paths::block_elevator, !kDriver, Lock::io_request},
    {"block_merge", &Paths::block_merge, !kDriver, Lock::io_request},
    {"block_request", &Paths::block_request, !kDriver, Lock::io_request},
    {"block_release", &Paths::block_release, !kDriver, Lock::io_request},
    {"block_end", &Paths::block_end},
    {"scsi_request", &Paths::scsi_request, kDriver, Lock::io_request},
    {"scsi_buffer", &Paths::scsi_buffer, kDriver},
    {"scsi_complete", &Paths::scsi_complete, kDriver, Lock::io_request},
    {"scsi_interrupt", &Paths::scsi_interrupt, kDriver},
    {"vbd_request", &Paths::vbd_request, kDriver},
    {"vbd_buffer", &Paths::vbd_buffer, kDriver},
    {"vbd_response", &Paths::vbd_response, kDriver},
    {"vbd_interrupt", &Paths::vbd_interrupt, kDriver},
    {"raw_io", &Paths::raw_io},
    {"raw_page", &Paths::raw_page},
    {"tcp_write_buffer", &Paths::tcp_write_buffer},
    {"tcp_send_data", &Paths::tcp_send_data},
    {"tcp_send_ack", &Paths::tcp_send_ack},
    {"tcp_receive_data", &Paths::tcp_receive_data},
    {"tcp_receive_ack", &Paths::tcp_receive_ack},
    {"tcp_read_buffer", &Paths::tcp_read_buffer},
    {"buffer_free", &Paths::buffer_free},
    {"tcp_open", &Paths::tcp_open},
    {"tcp_close", &Paths::tcp_close},
    {"tcp_timer", &Paths::tcp_timer},
    {"read_page", &Paths::read_page, !kDriver, Lock::page_cache},
    {"write_back", &Paths::write_back},
    {"page_reclaim", &Paths::page_reclaim, !kDriver, Lock::page_lists},
    {"swap_out", &Paths::swap_out},
    {"swap_in", &Paths::swap_in},
    {"kill_score", &Paths::kill_score},
    {"journal_commit", &Paths::journal_commit, !kDriver, Lock::journal},
    {"file_sync", &Paths::file_sync},
    {"seek", &Paths::seek},
    {"directory_read", &Paths::directory_read},
    {"directory_list", &Paths::directory_list},
    {"file_system_status", &Paths::file_system_status},
    {"set_times", &Paths::set_times},
    {"rename", &Paths::rename},
    {"local_connect", &Paths::local_connect},
    {"local_accept", &Paths::local_accept},
    {"local_send", &Paths::local_send},
    {"local_receive", &Paths::local_receive},
    {"semaphore", &Paths::semaphore},
    {"control", &Paths::control},
});
static_assert(sizeof(Paths) == kPaths.size() * sizeof(Path), "every path has a name");

model::ParameterFields fields_of(KernelFile& file) {
  model::ParameterFields fields = {
      {"kernel.instructions_per_text_page", "instructions", &file.instructions_per_text_page},
      {"kernel.instructions_per_data_page", "instructions", &file.instructions_per_data_page},
      {"kernel.lines_per_page", "lines", &file.lines_per_page},
      {"kernel.process_lines", "lines", &file.process_lines},
      {"kernel.distinct_instructions", "instructions", &file.distinct_instructions},
  };
  for (const NamedPath& named : kPaths) {
    Path& path = file.paths.*named.path;
    const std::string prefix = std::string{"kernel."} + named.name;
    fields.push_back({prefix + ".instructions", "instructions", &path.instructions});
    fields.push_back({prefix + ".locks", "locks", &path.locks, false});
    fields.push_back({prefix + ".interrupt_pairs", "pairs", &path.interrupt_pairs, false});
    fields.push_back({prefix + ".plain_pairs", "pairs", &path.plain_pairs, false});
    if (named.lock != Lock::none) fields.push_back({prefix + ".held", "percent", &path.held});
  }
  for (std::size_t i = 0; i < kObjectKinds; ++i) {
    fields.push_back({fmt::format("kernel.object.{}.bytes", kObjectNames[i]), "B", &file.objects[i].bytes});
    fields.push_back({fmt::format("kernel.object.{}.lines", kObjectNames[i]), "lines", &file.objects[i].lines});
  }
  HistoryShape& history = file.history;
  fields.push_back({"kernel.history.processes", "processes", &history.processes});
  fields.push_back({"kernel.history.alive", "processes", &history.alive});
  fields.push_back({"kernel.history.user_pages", "pages", &history.user_pages});
  fields.push_back({"kernel.history.kernel_pages", "pages", &history.kernel_pages});
  fields.push_back({"kernel.history.files_read", "per 1000", &history.files_read});
  fields.push_back({"kernel.history.files_reused", "per 1000", &history.files_reused});
  fields.push_back({"kernel.history.file_run", "pages", &history.file_run});
  fields.push_back({"kernel.history.kept_user_pages", "pages", &history.kept_user_pages});
  fields.push_back({"kernel.history.kept_kernel_pages", "pages", &history.kept_kernel_pages});
  for (std::size_t i = 0; i < file.lock_lines.size(); ++i) {
    fields.push_back({fmt::format("kernel.{}_lock.lines", kLockNames[i]), "lines", &file.lock_lines[i]});
  }
  return fields;
}

void check(const KernelFile& file, const std::string& name) {
  const auto require = [&](u32 value, const char* key) {
    if (value == 0) throw model::ParameterError(name, key, "expected more than 0");
  };
  require(file.instructions_per_text_page, "kernel.instructions_per_text_page");
  require(file.instructions_per_data_page, "kernel.instructions_per_data_page");
  if (file.lines_per_page > kLinesPerPage) {
    throw model::ParameterError(name, "kernel.lines_per_page", fmt::format("expected at most {}", kLinesPerPage));
  }
  for (std::size_t i = 0; i < kObjectKinds; ++i) {
    const std::string key = fmt::format("kernel.object.{}.bytes", kObjectNames[i]);
    require(file.objects[i].bytes, key.c_str());
    if (file.objects[i].bytes > hv::kPageSize) throw model::ParameterError(name, key, "expected at most a page");
  }
  for (const NamedPath& named : kPaths) {
    constexpr u32 kAll = 100;
    const Path& path = file.paths.*named.path;
    const std::string key = std::string{"kernel."} + named.name;
    if (path.held > kAll) throw model::ParameterError(name, key + ".held", "expected at most 100 percent");
    if (path.plain_pairs > path.interrupt_pairs) {
      throw model::ParameterError(name, key + ".plain_pairs", "expected at most as many as there are interrupt_pairs");
    }
  }
}

// What a path uses of `pages` pages of the image, in which code of so many instructions stands for one page.
std::vector<ImageLines> image_lines(const KernelFile& file, const Path& path, u32 pages, u32 instructions_per_page) {
  // Where in its page code begins is as good as random; the golden ratio spreads it evenly.
  constexpr u32 kSpread = 2'654'435'769u;
  const u32 lines = file.lines_per_page;
  const u32 end = path.home + std::min(path.instructions, file.distinct_instructions);
  std::vector<ImageLines> used;
  for (u32 at = path.home; at < end;) {
    const u32 page = at / instructions_per_page;
    const u32 stop = std::min(end, (page + 1) * instructions_per_page);
    const u32 first = at % instructions_per_page * lines / instructions_per_page;
    const u32 last = (stop - 1) % instructions_per_page * lines / instructions_per_page;
    const u32 offset = (page * kSpread >> 16) % (kLinesPerPage - lines + 1);
    used.push_back({page % pages * hv::kPageSize + (offset + first) * kLine, last - first + 1});
    at = stop;
  }
  return used;
}

void place_paths(KernelFile& file) {
  u32 next = 0;
  for (const NamedPath& named : kPaths) {
    Path& path = file.paths.*named.path;
    path.driver = named.driver;
    path.lock = named.lock;
    path.home = next;
    path.text = image_lines(file, path, kKernelTextPages, file.instructions_per_text_page);
    path.data = image_lines(file, path, kKernelDataPages, file.instructions_per_data_page);
    next += std::min(path.instructions, file.distinct_instructions);
  }
}

}  // namespace

KernelFile KernelFile::load(const std::string& path) { return parse(model::read_parameter_text(path)); }

KernelFile KernelFile::parse(const model::ParameterText& text) {
  KernelFile file;
  file.read(text, fields_of(file));
  check(file, text.name);
  place_paths(file);
  return file;
}

const KernelFile& KernelFile::linux24() {
  static const KernelFile file = load(RINGZERO_LINUX24);
  return file;
}

void KernelFile::set(std::string_view key, double value) {
  KernelFile changed = *this;
  changed.assign(key, value, fields_of(changed));
  check(changed, name);
  place_paths(changed);
  *this = std::move(changed);
}

}  // namespace guest

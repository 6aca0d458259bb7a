#include "workloads/programs/compute.h"

#include "workloads/kernel/system_calls.h"

namespace guest {

namespace {

constexpr std::uint32_t kDataStart = 0x10000000;  // behind the program's text and the libraries' default places
constexpr std::int64_t kMillion = 1'000'000;

}  // namespace

ComputeProgram::ComputeProgram(const ComputeProfile& profile, const sim::Clock& clock)
    : resident_bytes_{profile.resident_pages * hv::kPageSize}, work_unit_{clock.cycles_in(profile.work_unit)} {
  start_up_.first_page = steady_.first_page = kDataStart;
  start_up_.pages = start_up_.writable_pages = profile.resident_pages;
  steady_.pages = profile.hot_pages;
  steady_.writable_pages = profile.written_hot_pages;
  steady_.cache_lines = profile.cache_lines;
  steady_.insertions_per_mcycle =
      static_cast<std::uint32_t>((profile.steady_insertions * kMillion + clock.hertz() / 2) / clock.hertz());
}

model::Task<> ComputeProgram::run(SystemCalls& calls) {
  co_await calls.map({.bytes = resident_bytes_, .protection = {.write = true}, .address = kDataStart});
  co_await calls.compute(work_unit_, &start_up_);
  started();
  while (true) {
    co_await calls.compute(work_unit_, &steady_);
    count_work(work_unit_.count());
  }
}

}  // namespace guest

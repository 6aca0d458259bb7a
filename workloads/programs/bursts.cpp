#include "workloads/programs/bursts.h"

#include "workloads/kernel/system_calls.h"

namespace guest {

namespace {

constexpr std::uint32_t kDataStart = 0x10000000;  // behind the program's text and the libraries' default places

}  // namespace

model::Task<> Bursts::run(SystemCalls& calls) {
  model::Footprint touched;
  touched.first_page = kDataStart;
  touched.pages = touched.writable_pages = kResidentPages;
  co_await calls.map({.bytes = kResidentPages * hv::kPageSize, .protection = {.write = true}, .address = kDataStart});
  started();
  while (true) {
    co_await calls.compute(burst_, &touched);
    count_work(burst_.count());
    co_await calls.sleep(sleep_ticks_);
  }
}

}  // namespace guest

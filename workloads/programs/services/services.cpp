#include "workloads/programs/services/services.h"

#include <algorithm>

#include "workloads/kernel/system_calls.h"
#include "workloads/programs/loader.h"

namespace guest {

namespace {

constexpr const char* kLibrary = "/lib/libc.services";
constexpr u32 kTouchedBytes = 4;  // of a page

std::string path_of(const ServiceShapes::Service& service) { return std::string{"/usr/sbin/"} + service.name; }

// Maps what there is of a file and reads every page.
model::Task<> map_file(SystemCalls& calls, std::string path, u32 pages, u32 address) {
  if (pages == 0) co_return;
  const Descriptor file = co_await calls.open(std::move(path));
  Mapping mapping;
  mapping.bytes = pages * hv::kPageSize;
  mapping.address = address;
  mapping.file = file;
  const u32 start = co_await calls.map(mapping);
  for (u32 page = 0; page < pages; ++page) {
    co_await calls.access(model::Sweep{start + page * hv::kPageSize, kTouchedBytes, model::Use::read});
  }
  co_await calls.close(file);
}

}  // namespace

ServiceShapes ServiceShapes::load(const std::string& path) {
  ServiceShapes shapes;
  model::ParameterFields fields;
  for (Service& service : shapes.services) {
    const std::string prefix = std::string{"services."} + service.name;
    fields.push_back({prefix + ".processes", "processes", &service.processes});
    fields.push_back({prefix + ".private_pages", "pages", &service.private_pages});
    fields.push_back({prefix + ".file_pages", "pages", &service.file_pages});
  }
  fields.push_back({"services.library_pages", "pages", &shapes.library_pages});
  fields.push_back({"services.idle_pages", "pages", &shapes.idle_pages});
  fields.push_back({"services.period", "s", &shapes.period});
  shapes.read(model::read_parameter_text(path), fields);
  return shapes;
}

const ServiceShapes& ServiceShapes::redhat72() {
  static const ServiceShapes shapes = load(RINGZERO_SERVICES);
  return shapes;
}

model::Task<> Services::run(SystemCalls& calls) {
  FileSystem& files = calls.kernel().file_system();
  files.install(kLibrary, shapes_.library_pages * hv::kPageSize);
  for (const ServiceShapes::Service& service : shapes_.services) {
    files.install(path_of(service), service.file_pages * hv::kPageSize);
  }
  for (const ServiceShapes::Service& service : shapes_.services) {
    const UserCode code = [this, &service](SystemCalls& child) { return serve(child, service); };
    for (u32 i = 0; i < service.processes; ++i) co_await calls.fork(code);
  }
  started();
  while (true) co_await calls.sleep(u64{shapes_.period} * kTicksPerSecond);
}

model::Task<> Services::serve(SystemCalls& calls, const ServiceShapes::Service& service) {
  co_await map_file(calls, path_of(service), service.file_pages, kProgramStart);
  co_await map_file(calls, kLibrary, shapes_.library_pages, kLoaderStart);
  Mapping mapping;
  mapping.bytes = service.private_pages * hv::kPageSize;
  mapping.protection = {.write = true};
  mapping.address = kUserStackTop - 2 * kStackLimit;  // the stack's page table is one of its own
  const u32 memory = co_await calls.map(mapping);
  for (u32 page = 0; page < service.private_pages; ++page) {
    co_await calls.access(model::Sweep{memory + page * hv::kPageSize, kTouchedBytes, model::Use::write});
  }
  const u32 awake = std::min(shapes_.idle_pages, service.private_pages);
  while (true) {
    co_await calls.sleep(u64{shapes_.period} * kTicksPerSecond);
    for (u32 page = 0; page < awake; ++page) {
      co_await calls.access(model::Sweep{memory + page * hv::kPageSize, kTouchedBytes, model::Use::write});
    }
  }
}

}  // namespace guest

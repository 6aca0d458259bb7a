#include "workloads/programs/lmbench/lmbench.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <stdexcept>

#include "workloads/programs/causes.h"

namespace guest {

namespace {

constexpr u32 kCacheBytes = 16 << 10;  // assumed: /etc/ld.so.cache of some hundred libraries
constexpr u32 kLocaleBytes = 8 << 10;  // assumed: one category of a locale; one page of it is read
constexpr const char* kNullPath = "/dev/null";
constexpr const char *kLibc = "/lib/libc.so.6", *kLibm = "/lib/libm.so.6", *kLibdl = "/lib/libdl.so.2",
                     *kLibtermcap = "/lib/libtermcap.so.2", *kLibnssFiles = "/lib/libnss_files.so.2";

std::string locale_path(u32 number) { return fmt::format("/usr/lib/locale/en_US/{}", number); }

// An executable file, linked dynamically.
std::shared_ptr<const Executable> program_of(const ImageShape& shape, UserCode code) {
  return std::make_shared<const Executable>(Executable{.segments = segments_of(shape, kProgramStart),
                                                       .break_start = end_of(shape, kProgramStart),
                                                       .interpreter = kLoaderPath,
                                                       .code = std::move(code)});
}

}  // namespace

Lmbench::Lmbench(const LmbenchSettings& settings, const sim::Clock& clock)
    : shapes_{settings.shapes ? *settings.shapes : ProcessShapes::standard()},
      clock_{clock},
      samples_{settings.samples} {
  const std::vector<LmbenchTest>& all = lmbench_tests();
  for (const std::string& name : settings.tests) {
    const auto found = std::ranges::find(all, name, &LmbenchTest::name);
    if (found == all.end()) {
      throw std::invalid_argument{
          fmt::format("no test \"{}\" in lmbench; there is: {}", name, fmt::join(lmbench_test_names(), ", "))};
    }
    tests_.push_back(&*found);
  }
  if (settings.tests.empty()) {
    for (const LmbenchTest& test : all) tests_.push_back(&test);
  }
}

void Lmbench::install_files(Kernel& kernel) {
  FileSystem& files = kernel.file_system();
  const auto library = [&](const char* path, const ImageShape& shape) { files.install(path, shape.file_bytes()); };
  const auto loader =
      std::make_shared<const Executable>(Executable{.segments = segments_of(shapes_.loader, kLoaderStart)});
  files.install(kLoaderPath, shapes_.loader.file_bytes(), loader);
  files.install(kLoaderCachePath, kCacheBytes);
  library(kLibc, shapes_.libc);
  library(kLibm, shapes_.libm);
  library(kLibdl, shapes_.libdl);
  library(kLibtermcap, shapes_.libtermcap);
  library(kLibnssFiles, shapes_.libnss_files);
  const auto program = [&](const char* path, const ImageShape& shape, model::Task<> (Lmbench::*code)(SystemCalls&)) {
    files.install(path, shape.file_bytes(),
                  program_of(shape, [this, code](SystemCalls& calls) { return (this->*code)(calls); }));
  };
  program(lmbench::kBenchPath, shapes_.bench.image, &Lmbench::bench);
  program(lmbench::kHelloPath, shapes_.hello.image, &Lmbench::hello);
  program(lmbench::kShellPath, shapes_.shell.image, &Lmbench::shell);
  for (u32 i = 0; i < shapes_.locale_files; ++i) files.install(locale_path(i), kLocaleBytes);
  files.install(lmbench::kMappedPath, lmbench::kMappedBytes);
}

model::Task<> Lmbench::run(SystemCalls& calls) {
  install_files(calls.kernel());
  for (int standard = 0; standard < 3; ++standard) co_await calls.open(kNullPath);
  started();
  for (const LmbenchTest* test : tests_) {
    Timing result;
    for (const TestPart& part : test->parts) result.add(co_await measure(calls, part), part.weight);
    report(test->name, result);
  }
  finished_ = true;
  while (true) co_await calls.pause();
}

model::Task<Timing> Lmbench::measure(SystemCalls& calls, const TestPart& part) {
  part_ = &part;
  timings_.clear();
  for (u32 set = 0; set < part.sets; ++set) {
    const ProcessId bench = co_await calls.fork([](SystemCalls& child) { return child.exec(lmbench::kBenchPath); });
    co_await calls.wait(bench);
  }
  co_return median(timings_);
}

void Lmbench::report(const std::string& test, const Timing& timing) {
  results_.push_back({test, timing.cycles / static_cast<double>(clock_.hertz()) * 1e6, "us"});
  for (std::size_t i = 0; i < model::kCauseNames.size(); ++i) {
    results_.push_back({fmt::format("{}.{}", test, model::kCauseNames[i]), timing.causes[i], "cycles"});
  }
}

// --- the programs ----------------------------------------------------------------------------------------------------

model::Task<> Lmbench::bench(SystemCalls& calls) {
  const std::array libraries = {Library{kLibm, shapes_.libm}, Library{kLibc, shapes_.libc}};
  StartUp start{calls, shapes_.touched_bytes, sim::Cycles{shapes_.hello_link_work}};
  co_await start.run(shapes_.bench, shapes_.loader, libraries, shapes_.cache_pages);
  const BenchProcess self = describe(start);
  Timer timer{part_->iterations, samples_, self.loop};
  const ProcessId child =
      co_await calls.fork([this, &timer, &self](SystemCalls& in) { return part_->loop(in, timer, self); });
  co_await calls.wait(child);
  timings_.insert(timings_.end(), timer.timings().begin(), timer.timings().end());
}

BenchProcess Lmbench::describe(const StartUp& started) const {
  const u32 libm = started.libraries()[0], libc = started.libraries()[1];
  const ImageShape& image = shapes_.bench.image;
  const u32 stack = kUserStackTop - hv::kPageSize / 2;  // environment and arguments are above
  const u32 data = data_of(image, kProgramStart), libc_data = data_of(shapes_.libc, libc);
  constexpr u32 kLine = 64;
  return {.shapes = shapes_,
          .written = {kUserStackTop - hv::kPageSize, data, libc_data, data_of(shapes_.loader, kLoaderStart),
                      bss_of(shapes_.libc, libc), data_of(shapes_.libm, libm), end_of(image, kProgramStart),
                      bss_of(image, kProgramStart), libc_data + hv::kPageSize, data + hv::kPageSize},
          .loop = {{kProgramStart, kLine, model::Use::execute},
                   {libc, kLine, model::Use::execute},
                   {stack, kLine, model::Use::write},
                   {data, kLine, model::Use::write}}};
}

model::Task<> BenchProcess::write(SystemCalls& calls, u32 pages) const {
  for (u32 i = 0; i < pages; ++i) {
    co_await calls.access({.first = written.at(i), .bytes = sizeof(u32), .use = model::Use::write});
  }
}

model::Task<> Lmbench::hello(SystemCalls& calls) {
  const std::array libraries = {Library{kLibm, shapes_.libm}, Library{kLibc, shapes_.libc}};
  StartUp start{calls, shapes_.touched_bytes, sim::Cycles{shapes_.hello_link_work}};
  co_await start.run(shapes_.hello, shapes_.loader, libraries, shapes_.cache_pages);
  constexpr u32 kGreeting = sizeof "Hello world\n" - 1;
  co_await calls.write(1, kProgramStart, kGreeting);
}

// Of a command that is one program it becomes that program.
model::Task<> Lmbench::shell(SystemCalls& calls) {
  const std::array libraries = {Library{kLibtermcap, shapes_.libtermcap}, Library{kLibdl, shapes_.libdl},
                                Library{kLibc, shapes_.libc}};
  StartUp start{calls, shapes_.touched_bytes, sim::Cycles{shapes_.shell_link_work}};
  co_await start.run(shapes_.shell, shapes_.loader, libraries, shapes_.cache_pages);
  for (u32 i = 0; i < shapes_.locale_files; ++i) {
    const Descriptor file = co_await calls.open(locale_path(i));
    co_await calls.status(file);
    const u32 locale = co_await calls.map({.bytes = kLocaleBytes, .file = file});
    co_await calls.close(file);
    co_await start.use(locale, 1, 1, model::Use::read);
  }
  co_await start.load({kLibnssFiles, shapes_.libnss_files});
  for (u32 i = 0; i < shapes_.shell_identities; ++i) co_await calls.parent_id();
  for (u32 i = 0; i < shapes_.shell_lookups; ++i) co_await calls.stat(lmbench::kDirectory);
  for (u32 i = 0; i < shapes_.shell_signals; ++i) co_await calls.signal_action(Signal::user1, nullptr);
  co_await calls.exec(lmbench::kHelloPath);
}

}  // namespace guest

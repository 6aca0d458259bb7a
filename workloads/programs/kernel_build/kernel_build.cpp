#include "workloads/programs/kernel_build/kernel_build.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "workloads/kernel/system_calls.h"

namespace guest {

namespace {

constexpr std::array kResults{ResultInfo{"time", "s"}, ResultInfo{"files", "1"}};

constexpr const char *kMake = "/usr/bin/make", *kShell = "/bin/bash", *kDriver = "/usr/bin/gcc",
                     *kPreprocessor = "/usr/lib/gcc-lib/cpp0", *kCompiler = "/usr/lib/gcc-lib/cc1",
                     *kAssembler = "/usr/bin/as", *kLinker = "/usr/bin/ld", *kCLibrary = "/lib/i686/libc.so.6";
constexpr const char* kTop = "/usr/src/linux/";
constexpr u32 kLoaderCacheBytes = 16 << 10;  // as lmbench has it
constexpr u32 kMakeFileBytes = 6 << 10;
constexpr u32 kBuffer = hv::kPageSize;  // of the C library's streams, and of a pipe
constexpr Descriptor kInput = 0, kOutput = 1;

std::string header_path(u32 number) { return fmt::format("{}include/linux/{}.h", kTop, number); }
std::string make_file_path(u32 number) { return fmt::format("{}scripts/Makefile.{}", kTop, number); }
std::string linked_path(std::size_t number) { return fmt::format("{}built-in.{}.o", kTop, number); }
std::string object_path(const SourceFile& file) { return kTop + file.path.substr(0, file.path.size() - 1) + 'o'; }

}  // namespace

std::span<const ResultInfo> kernel_build_results() { return kResults; }

KernelBuild::KernelBuild(const KernelBuildSettings& settings)
    : profile_{settings.profile ? *settings.profile : BuildProfile::standard()},
      shapes_{settings.shapes ? *settings.shapes : ProcessShapes::standard()} {
  const std::vector<SourceFile>& tree = kernel_tree();
  const std::size_t count = std::min<std::size_t>(std::max(settings.files, 1u), tree.size());
  for (std::size_t i = 0; i < count; ++i) files_.push_back(&tree[(2 * i + 1) * tree.size() / (2 * count)]);
}

void KernelBuild::install_tool(FileSystem& files, const char* path, const ToolShape& tool,
                               model::Task<> (KernelBuild::*code)(SystemCalls&)) {
  const ImageShape& image = tool.program.image;
  const auto executable = std::make_shared<const Executable>(
      Executable{.segments = segments_of(image, kProgramStart),
                 .break_start = end_of(image, kProgramStart),
                 .interpreter = kLoaderPath,
                 .code = [this, code](SystemCalls& calls) { return (this->*code)(calls); }});
  files.install(path, image.file_bytes(), executable);
}

void KernelBuild::install_files(Kernel& kernel) {
  FileSystem& files = kernel.file_system();
  const auto loader =
      std::make_shared<const Executable>(Executable{.segments = segments_of(shapes_.loader, kLoaderStart)});
  files.install(kLoaderPath, shapes_.loader.file_bytes(), loader);
  files.install(kLoaderCachePath, kLoaderCacheBytes);
  files.install(kCLibrary, shapes_.libc.file_bytes());
  install_tool(files, kMake, profile_.make, &KernelBuild::make);
  install_tool(files, kShell, profile_.sh, &KernelBuild::sh);
  install_tool(files, kDriver, profile_.gcc, &KernelBuild::gcc);
  install_tool(files, kPreprocessor, profile_.cpp0, &KernelBuild::cpp0);
  install_tool(files, kCompiler, profile_.cc1, &KernelBuild::cc1);
  install_tool(files, kAssembler, profile_.as, &KernelBuild::as);
  install_tool(files, kLinker, profile_.ld, &KernelBuild::ld);
  for (u32 i = 0; i < profile_.headers; ++i) files.install(header_path(i), profile_.header_bytes);
  for (u32 i = 0; i < profile_.make_files; ++i) files.install(make_file_path(i), kMakeFileBytes);
  // The tree was unpacked long ago: what is compiled is read from the disk.
  for (const SourceFile* file : files_)
    files.install(kTop + file->path, file->bytes, nullptr, FileSystem::Residence::disk);
}

model::Task<> KernelBuild::run(SystemCalls& calls) {
  install_files(calls.kernel());
  for (int standard = 0; standard < 3; ++standard) co_await calls.open("/dev/null");
  started();
  const sim::Time begin = calls.machine().running().now();
  activity_.begin(calls.kernel());
  const std::size_t makes = (files_.size() + profile_.files_per_make - 1) / profile_.files_per_make;
  for (directory_ = 0; directory_ < makes; ++directory_) {
    co_await execute(calls, kMake);
    if ((directory_ + 1) % profile_.makes_per_link != 0) continue;
    target_ = linked_path(directory_);
    co_await execute(calls, kLinker);
    co_await execute(calls, kShell);
  }
  seconds_ = (calls.machine().running().now() - begin).to_seconds();
  activity_.end(calls.kernel(), static_cast<double>(files_.size()));
  finished_ = true;
  while (true) co_await calls.pause();
}

std::vector<ProgramResult> KernelBuild::results() const {
  if (!finished_) return {};
  const auto files = static_cast<double>(files_.size());
  const std::array values{seconds_ * profile_.files / files, files};
  std::vector<ProgramResult> results = results_of(kResults, values);
  for (const ProgramResult& each : activity_.results()) results.push_back(each);
  return results;
}

// --- processes -------------------------------------------------------------------------------------------------------

model::Task<> KernelBuild::execute(SystemCalls& calls, const char* program) {
  const ProcessId child = co_await calls.fork([program](SystemCalls& in) { return in.exec(program); });
  co_await calls.wait(child);
}

sim::Cycles KernelBuild::work_of(const ToolShape& tool) const {
  return sim::Cycles{profile_.work.count() * tool.work_share / 1000};
}

// From its first instruction to main(), with a heap whose first pages it will use all the time.
model::Task<> KernelBuild::start(SystemCalls& calls, const ToolShape& tool, model::Footprint& footprint) {
  const std::array libraries = {Library{kCLibrary, shapes_.libc}};
  StartUp begin{calls, profile_.touched_bytes, sim::Cycles{profile_.page_work}};
  co_await begin.run(tool.program, shapes_.loader, libraries, shapes_.cache_pages);
  footprint.first_page = whole_pages(end_of(tool.program.image, kProgramStart));
  footprint.pages = footprint.writable_pages = tool.hot_pages;
  footprint.cache_lines = tool.cache_lines;
}

model::Task<> KernelBuild::make(SystemCalls& calls) {
  model::Footprint footprint;
  co_await start(calls, profile_.make, footprint);
  StartUp memory{calls, profile_.touched_bytes, sim::Cycles{profile_.page_work}};
  const u32 buffer = kUserStackTop - 2 * hv::kPageSize;
  for (u32 i = 0; i < profile_.make_files; ++i) {
    const Descriptor file = co_await calls.open(make_file_path(i));
    co_await calls.status(file);
    u32 got = 1;
    while (got > 0) got = co_await calls.read(file, buffer, kBuffer);
    co_await calls.close(file);
  }
  co_await memory.grow_heap(profile_.make.grown_pages);
  for (u32 i = 0; i < profile_.make_stats; ++i) co_await calls.stat(header_path(i % profile_.headers));
  const std::size_t first = directory_ * profile_.files_per_make;
  const std::size_t end = std::min(first + profile_.files_per_make, files_.size());
  for (current_ = first; current_ < end; ++current_) {
    co_await calls.stat(kTop + file().path);
    co_await calls.stat(object_path(file()));
    co_await calls.compute(work_of(profile_.make), &footprint);
    target_ = object_path(file());
    co_await execute(calls, kDriver);  // make runs a command without a shell if it needs none
    co_await execute(calls, kShell);
  }
}

// The second line of each rule of 2.4 (Rules.make): a subshell that writes the flags with which the target was made.
model::Task<> KernelBuild::sh(SystemCalls& calls) {
  model::Footprint footprint;
  co_await start(calls, profile_.sh, footprint);
  co_await calls.compute(work_of(profile_.sh), &footprint);
  const auto subshell = [this](SystemCalls& in) -> model::Task<> {
    constexpr u32 kLines = 3, kLineBytes = 250;
    const Descriptor flags = co_await in.create(target_ + ".flags");
    for (u32 i = 0; i < kLines; ++i) co_await in.write(flags, kUserStackTop - 2 * hv::kPageSize, kLineBytes);
    co_await in.close(flags);
  };
  const ProcessId child = co_await calls.fork(subshell);
  co_await calls.wait(child);
}

model::Task<> KernelBuild::gcc(SystemCalls& calls) {
  model::Footprint footprint;
  co_await start(calls, profile_.gcc, footprint);
  co_await calls.compute(work_of(profile_.gcc), &footprint);
  const std::array stages = {kPreprocessor, kCompiler, kAssembler};
  std::array<ProcessId, stages.size()> children{};
  std::optional<Descriptor> input;
  for (std::size_t i = 0; i < stages.size(); ++i) {
    std::optional<SystemCalls::PipeEnds> pipe;
    if (i + 1 < stages.size()) pipe = co_await calls.pipe();
    const char* const program = stages[i];
    const auto stage = [program, input, pipe](SystemCalls& in) -> model::Task<> {
      if (input) {
        co_await in.close(kInput);
        co_await in.duplicate(*input);
        co_await in.close(*input);
      }
      if (pipe) {
        co_await in.close(kOutput);
        co_await in.duplicate(pipe->write);
        co_await in.close(pipe->write);
        co_await in.close(pipe->read);
      }
      co_await in.exec(program);
    };
    children[i] = co_await calls.fork(stage);
    if (input) co_await calls.close(*input);
    input.reset();
    if (pipe) {
      co_await calls.close(pipe->write);
      input = pipe->read;
    }
  }
  for (const ProcessId child : children) co_await calls.wait(child);
}

// In the directories of the search path before it is found.
model::Task<> KernelBuild::search_and_read(SystemCalls& calls, u32 number) {
  const u32 before = number * profile_.failing_opens / profile_.headers_opened;
  const u32 after = (number + 1) * profile_.failing_opens / profile_.headers_opened;
  for (u32 i = before; i < after; ++i) co_await calls.open(fmt::format("{}missing/{}.h", kTop, number));
  // The same ones for all files, less a few of each one's own.
  const u32 header =
      number < profile_.headers_opened / 2 ? number : (number + static_cast<u32>(current_) * 16) % profile_.headers;
  const Descriptor file = co_await calls.open(header_path(header));
  co_await calls.status(file);
  u32 got = 1;
  const u32 buffer = kUserStackTop - 2 * hv::kPageSize;
  while (got > 0) got = co_await calls.read(file, buffer, 2 * kBuffer);
  co_await calls.close(file);
}

model::Task<> KernelBuild::cpp0(SystemCalls& calls) {
  model::Footprint footprint;
  co_await start(calls, profile_.cpp0, footprint);
  StartUp memory{calls, profile_.touched_bytes, sim::Cycles{profile_.page_work}};
  const u32 buffer = kUserStackTop - 2 * hv::kPageSize;
  const Descriptor source = co_await calls.open(kTop + file().path);
  co_await calls.status(source);
  u32 got = 1;
  while (got > 0) got = co_await calls.read(source, buffer, kBuffer);
  co_await calls.close(source);
  const u32 headers = profile_.headers_opened;
  const sim::Cycles work{work_of(profile_.cpp0).count() / headers};
  u32 grown = 0, written = 0;
  for (u32 i = 0; i < headers; ++i) {
    co_await search_and_read(calls, i);
    const u32 pages = (i + 1) * profile_.cpp0.grown_pages / headers;
    co_await memory.grow_heap(pages - grown);
    grown = pages;
    co_await calls.compute(work, &footprint);
    const auto emitted = static_cast<u32>(u64{i + 1} * profile_.preprocessed_bytes / headers);
    while (written + kBuffer <= emitted || (i + 1 == headers && written < emitted)) {
      written += co_await calls.write(kOutput, buffer, std::min(kBuffer, emitted - written));
    }
  }
}

model::Task<> KernelBuild::cc1(SystemCalls& calls) {
  model::Footprint footprint;
  co_await start(calls, profile_.cc1, footprint);
  StartUp memory{calls, profile_.touched_bytes, sim::Cycles{profile_.page_work}};
  const u32 buffer = kUserStackTop - 2 * hv::kPageSize;
  const u32 pieces = profile_.preprocessed_bytes / kBuffer + 1;
  const sim::Cycles work{work_of(profile_.cc1).count() / pieces};
  u32 piece = 0, grown = 0, written = 0;
  u32 got = co_await calls.read(kInput, buffer, kBuffer);
  while (got > 0) {
    ++piece;
    const u32 pages = std::min(piece, pieces) * profile_.cc1.grown_pages / pieces;
    co_await memory.grow_heap(pages - grown);
    grown = pages;
    co_await calls.compute(work, &footprint);
    const auto emitted = static_cast<u32>(u64{std::min(piece, pieces)} * profile_.assembler_bytes / pieces);
    while (written + kBuffer <= emitted) written += co_await calls.write(kOutput, buffer, kBuffer);
    got = co_await calls.read(kInput, buffer, kBuffer);
  }
  if (written < profile_.assembler_bytes) co_await calls.write(kOutput, buffer, profile_.assembler_bytes - written);
}

model::Task<> KernelBuild::as(SystemCalls& calls) {
  model::Footprint footprint;
  co_await start(calls, profile_.as, footprint);
  StartUp memory{calls, profile_.touched_bytes, sim::Cycles{profile_.page_work}};
  const u32 buffer = kUserStackTop - 2 * hv::kPageSize;
  const u32 pieces = profile_.assembler_bytes / kBuffer + 1;
  const sim::Cycles work{work_of(profile_.as).count() / pieces};
  u32 piece = 0, grown = 0;
  u32 got = co_await calls.read(kInput, buffer, kBuffer);
  while (got > 0) {
    ++piece;
    const u32 pages = std::min(piece, pieces) * profile_.as.grown_pages / pieces;
    co_await memory.grow_heap(pages - grown);
    grown = pages;
    co_await calls.compute(work, &footprint);
    got = co_await calls.read(kInput, buffer, kBuffer);
  }
  const Descriptor object = co_await calls.create(object_path(file()));
  for (u32 done = 0; done < profile_.object_bytes; done += kBuffer) {
    co_await calls.write(object, buffer, std::min(kBuffer, profile_.object_bytes - done));
  }
  co_await calls.close(object);
}

// Over the objects of the makes since the last one.
model::Task<> KernelBuild::ld(SystemCalls& calls) {
  model::Footprint footprint;
  co_await start(calls, profile_.ld, footprint);
  StartUp memory{calls, profile_.touched_bytes, sim::Cycles{profile_.page_work}};
  const u32 buffer = kUserStackTop - 2 * hv::kPageSize;
  co_await memory.grow_heap(profile_.ld.grown_pages);
  const std::size_t end = std::min((directory_ + 1) * profile_.files_per_make, files_.size());
  const std::size_t count = std::min<std::size_t>(end, u64{profile_.makes_per_link} * profile_.files_per_make);
  const Descriptor output = co_await calls.create(linked_path(directory_));
  for (std::size_t i = end - count; i < end; ++i) {
    const Descriptor object = co_await calls.open(object_path(*files_[i]));
    co_await calls.status(object);
    u32 got = co_await calls.read(object, buffer, kBuffer);
    while (got > 0) {
      co_await calls.write(output, buffer, got);
      got = co_await calls.read(object, buffer, kBuffer);
    }
    co_await calls.close(object);
  }
  co_await calls.close(output);
  co_await calls.compute(work_of(profile_.ld), &footprint);
}

}  // namespace guest

// A build of the Linux kernel: make, its shells, the compiler's driver and the three stages that it connects by pipes,
// and the linker, each a process with a program of its own.
//
//   make in a directory: make files read, dependencies looked at, then for every C file
//     gcc -> cpp0 | cc1 | as, and sh for the flags that it was compiled with
//   and ld over the objects of some directories, with its sh.
//
// Some of the tree's files are compiled, evenly spread over it; the whole build takes as long as they do in proportion.
// That is sound because a file costs far more than what is done once, and because the headers are in memory anyway.
#pragma once

#include <span>
#include <string>

#include "workloads/programs/activity.h"
#include "workloads/programs/kernel_build/build_profile.h"
#include "workloads/programs/lmbench/process_shapes.h"
#include "workloads/programs/program.h"
#include "workloads/spec.h"

namespace guest {

std::span<const ResultInfo> kernel_build_results();

class KernelBuild final : public Program {
 public:
  static constexpr std::uint64_t kResidentPages = 16'384;  // tree, headers, tools and processes; generously

  explicit KernelBuild(const KernelBuildSettings& settings);
  model::Task<> run(SystemCalls& calls) override;
  bool finished() const override { return finished_; }
  std::vector<ProgramResult> results() const override;

 private:
  void install_files(Kernel& kernel);
  void install_tool(FileSystem& files, const char* path, const ToolShape& tool,
                    model::Task<> (KernelBuild::*code)(SystemCalls&));
  // The programs.
  model::Task<> make(SystemCalls& calls);
  model::Task<> sh(SystemCalls& calls);
  model::Task<> gcc(SystemCalls& calls);
  model::Task<> cpp0(SystemCalls& calls);
  model::Task<> cc1(SystemCalls& calls);
  model::Task<> as(SystemCalls& calls);
  model::Task<> ld(SystemCalls& calls);

  model::Task<> start(SystemCalls& calls, const ToolShape& tool, model::Footprint& footprint);
  model::Task<> execute(SystemCalls& calls, const char* program);  // in a process of its own, and waits for it
  model::Task<> search_and_read(SystemCalls& calls, u32 header);
  sim::Cycles work_of(const ToolShape& tool) const;
  const SourceFile& file() const { return *files_[current_]; }

  const BuildProfile& profile_;
  const ProcessShapes& shapes_;           // of the loader and the C library
  std::vector<const SourceFile*> files_;  // that are compiled
  std::size_t current_ = 0;
  std::size_t directory_ = 0;  // the make that runs: whose first file is `directory_ * files_per_make`
  std::string target_;         // what the last compiler or linker has made
  double seconds_ = 0;
  ActivityPerUnit activity_;
  bool finished_ = false;
};

}  // namespace guest

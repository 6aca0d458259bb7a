// dbench with one client: the operations of a load file on the file system of the guest, as fast as they go.
//
// Each becomes the system calls that the program makes of it: a name is looked for first, and if it is not there its
// directory is listed, because names do not depend on case; data is moved by lseek and read or write. A flush does
// nothing, as in the program of 2003. The score is what was read and written, in 10^6 bytes, by the time it took.
#pragma once

#include <map>
#include <span>

#include "workloads/kernel/descriptors.h"
#include "workloads/programs/activity.h"
#include "workloads/programs/dbench/dbench_profile.h"
#include "workloads/programs/dbench/load_file.h"
#include "workloads/programs/program.h"
#include "workloads/spec.h"

namespace guest {

std::span<const ResultInfo> dbench_results();

class Dbench final : public Program {
 public:
  static constexpr const char* kPackagedLoad = "/usr/share/dbench/client.txt";
  static constexpr std::uint64_t kResidentPages = 48 << 8;  // of its files at one time, and the buffer; generously

  // Throws LoadFileError. `top`: the directory below which its files are.
  Dbench(const DbenchSettings& settings, std::string top);
  model::Task<> run(SystemCalls& calls) override;
  bool finished() const override { return finished_; }
  std::vector<ProgramResult> results() const override;

 private:
  struct Handle {
    Descriptor file = -1;
    u32 path = 0;
  };
  model::Task<> act(SystemCalls& calls, const LoadOperation& operation);
  model::Task<bool> resolve(SystemCalls& calls, const std::string& path);
  model::Task<> list(SystemCalls& calls, const std::string& directory);
  model::Task<bool> create(SystemCalls& calls, const LoadOperation& operation);
  model::Task<> transfer(SystemCalls& calls, const LoadOperation& operation);
  const std::string& path(u32 number) const { return paths_[number]; }

  const DbenchProfile& profile_;
  LoadFile load_;
  std::vector<std::string> paths_;  // of the load file, below its directory
  std::string top_;
  u32 buffer_ = 0;
  std::map<u32, Handle> handles_;
  u64 bytes_ = 0, otherwise_ = 0;  // moved; operations that ended otherwise than recorded
  double seconds_ = 0;
  ActivityPerUnit activity_;
  bool finished_ = false;
};

}  // namespace guest

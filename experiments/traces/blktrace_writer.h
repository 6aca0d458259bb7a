// What happens to the requests of block devices as files that blkparse, btt and fio read: PREFIX.blktrace.0, .1, ...
//
// blktrace writes a file per CPU and device, with a sequence of its own. Here one observer sees all CPUs in order, so a
// device needs one file; its number, where theirs is the CPU's, is the device's, so that `blkparse -i PREFIX` finds
// all.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "experiments/traces/binary_file.h"
#include "experiments/traces/in_time_order.h"
#include "experiments/traces/trace_file.h"
#include "model/disk/block_trace.h"

namespace runner {

class BlktraceWriter final : public TraceFile, public model::BlockTrace {
 public:
  explicit BlktraceWriter(const std::filesystem::path& prefix);  // what an earlier trace of that name left is gone

  DeviceId add_device(const std::string& name) override;  // throws InputError when its file cannot be made
  void event(DeviceId device, const model::BlockTraceEvent& event, sim::Time at) override;
  void passed(sim::Time now) override;

  void attach(guest::HostSpec& spec) override { spec.block_trace = this; }
  void finish() override;
  void discard() override;

 private:
  struct Device {
    std::uint32_t number;  // Linux's: major << 20 | minor
    BinaryFile file;
    std::uint32_t sequence = 0;
    std::uint64_t last_ns = 0;  // of the last record
  };
  struct Event {
    DeviceId device;
    std::uint32_t process;  // of the trace: unique among all kernels
    model::BlockTraceEvent event;
  };

  std::filesystem::path file_of(std::size_t device) const;
  std::uint32_t process_of(DeviceId device, const model::BlockTraceEvent& event);
  void write(sim::Time at, const Event& event);
  void note(DeviceId device, std::uint32_t kind, std::uint32_t process, std::string_view text);

  std::string prefix_;
  std::vector<Device> devices_;
  std::map<std::pair<DeviceId, std::uint32_t>, std::uint32_t> processes_;  // of a device's kernel, to ours
  InTimeOrder<Event> events_;
};

}  // namespace runner

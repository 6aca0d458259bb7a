// The schedule of a run as pictures: trace-event JSON, which ui.perfetto.dev, chrome://tracing and speedscope open.
//
// Tracks: for every CPU what runs on it, and its entries into the hypervisor or the native kernel with what they did;
// for every domain the states of its vCPUs and the events that it is sent.
#pragma once

#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "experiments/traces/activity_log.h"
#include "experiments/traces/trace_file.h"

namespace runner {

class TimelineWriter final : public TraceFile, public ActivityLog {
 public:
  explicit TimelineWriter(const std::filesystem::path& path);  // throws InputError

  void attach(guest::HostSpec& spec) override;
  void finish() override;  // throws std::runtime_error
  void discard() override;

 private:
  struct Track {
    std::uint32_t process, thread;
    friend auto operator<=>(const Track&, const Track&) = default;
  };
  static Track runs_track(hv::CpuId cpu);
  static Track entries_track(hv::CpuId cpu);
  static Track track_of(const VcpuName& vcpu);

  void write(sim::Time at, const Activity& activity) override;
  void state(sim::Time at, const Activity& change);
  void name_of_process(std::uint32_t process, const std::string& name, std::uint32_t sort_index);
  void name_of_track(const Track& track, const std::string& name);
  void begin(const Track& track, sim::Time at, const std::string& name, const std::string& arguments);
  void end(const Track& track, sim::Time at, const std::string& arguments);  // of what began last, if anything did
  void event(const Track& track, char phase, sim::Time at, const std::string& rest);
  void line(const std::string& object);
  std::string domain_name(std::uint32_t domain) const;

  std::filesystem::path path_;
  std::ofstream stream_;
  bool first_ = true;
  bool xen_ = true;
  std::vector<std::string> guests_;                           // domain 1 and on
  std::map<Track, bool> open_;                                // the named tracks: whether a slice is open
  std::vector<std::int64_t> slices_;                          // of each CPU's last decision; -1: for ever
  std::vector<std::map<std::uint32_t, std::uint64_t>> work_;  // of each CPU's present entry: steps and how often
};

}  // namespace runner

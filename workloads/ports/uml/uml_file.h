// What User-Mode Linux costs beyond its host's own paths, and counts of it that are not certain, as data.
#pragma once

#include <string>
#include <string_view>

#include "model/parameter_file.h"
#include "workloads/kernel/memory.h"
#include "workloads/spec.h"

namespace guest {

struct UmlFile : model::ParameterTable {
  // Both throw model::ParameterError.
  static UmlFile parse(const model::ParameterText& text);
  static const UmlFile& skas3();  // workloads/ports/uml/skas3.json, loaded once

  // Overrides one value, in the unit of its entry: "uml.switch".
  void set(std::string_view key, double value);

  sim::Duration switch_time;  // from the one process to the other, beyond the load of CR3 and what that loses
  sim::Duration request;      // one request at /proc/mm
  u32 map_percent = 0, live_unmap_percent = 0, empty_unmap_percent = 0;  // of that, by kind
  u32 kernel_range_tables = 0;
  u32 signal_frame_copies = 0;
  u32 first_run_calls = 0;  // host calls to make the kernel stack of a fork's child
  u32 tap_frames = 0;       // that wait in the host for the guest kernel
  u32 cache_pages = 0;      // of the host's cache
  u32 rearm_masks = 0;      // changes of the signal mask that make the tap device signal again
};

inline const UmlFile& uml_file(const HostSpec& spec) {
  return spec.uml_file != nullptr ? *spec.uml_file : UmlFile::skas3();
}

}  // namespace guest

#include "workloads/ports/vmware/workstation_file.h"

namespace guest {

namespace {

// A shadow directory, and tables for text, data, stack, and the kernel's part that one fault and its handler need.
constexpr u32 kFewestShadowPages = 16;

model::ParameterFields fields_of(WorkstationFile& file) {
  return {
      {"vmware.transition", "cycles", &file.transition},
      {"vmware.shadow_event", "cycles", &file.shadow_event},
      {"vmware.hidden_fault", "percent", &file.hidden_fault_percent},
      {"vmware.traced_write", "percent", &file.traced_write_percent},
      {"vmware.load_address_space", "cycles", &file.load_address_space},
      {"vmware.invalidate_page", "cycles", &file.invalidate_page},
      {"vmware.shadow_pages", "pages", &file.shadow_pages},
      {"vmware.share_large", "tables", &file.share_large},
      {"vmware.indirect_branch", "cycles", &file.indirect_branch},
      {"vmware.work_per_indirect_branch", "cycles", &file.work_per_indirect_branch},
      {"vmware.load_segment", "cycles", &file.load_segment},
      {"vmware.read_clock", "cycles", &file.read_clock},
      {"vmware.port_access", "cycles", &file.port_access},
      {"vmware.port_accesses_per_tick", "accesses", &file.port_accesses_per_tick},
      {"vmware.port_accesses_per_interrupt", "accesses", &file.port_accesses_per_interrupt},
      {"vmware.card_address", "cycles", &file.card_address},
      {"vmware.card_data", "cycles", &file.card_data},
      {"vmware.status_switches", "switches", &file.status_switches},
      {"vmware.combined_sends", "frames", &file.combined_sends},
      {"vmware.combining_rate", "switches", &file.combining_rate},
      {"vmware.card_frame", "cycles", &file.card_frame},
      {"vmware.vmnet_frame", "cycles", &file.vmnet_frame},
      {"vmware.process_look", "cycles", &file.process_look},
      {"vmware.bridge_frames", "frames", &file.bridge_frames},
      {"vmware.disk_ports_per_request", "accesses", &file.disk_ports_per_request},
      {"vmware.disk_ports_per_interrupt", "accesses", &file.disk_ports_per_interrupt},
      {"vmware.disk_thread_switches", "switches", &file.disk_thread_switches},
      {"vmware.disk_notice_ticks", "ticks", &file.disk_notice_ticks},
      {"vmware.cache_pages", "pages", &file.cache_pages},
      {"vmware.world_switch", "cycles", &file.world_switch},
      {"vmware.host_wake", "cycles", &file.host_wake},
      {"vmware.host_pages", "pages", &file.host_pages},
  };
}

void check(const WorkstationFile& file, const std::string& name) {
  if (file.shadow_pages < kFewestShadowPages) {
    throw model::ParameterError(name, "vmware.shadow_pages", "expected at least 16");
  }
  if (file.cache_pages < 1024 || file.cache_pages > file.host_pages) {
    throw model::ParameterError(name, "vmware.cache_pages", "expected at least 1024 and at most the host's pages");
  }
  if (file.work_per_indirect_branch == sim::Cycles{0}) {
    throw model::ParameterError(name, "vmware.work_per_indirect_branch", "expected more than 0");
  }
}

}  // namespace

WorkstationFile WorkstationFile::load(const std::string& path) { return parse(model::read_parameter_text(path)); }

WorkstationFile WorkstationFile::parse(const model::ParameterText& text) {
  WorkstationFile file;
  file.read(text, fields_of(file));
  check(file, text.name);
  return file;
}

const WorkstationFile& WorkstationFile::workstation32() {
  static const WorkstationFile file = load(RINGZERO_WORKSTATION32);
  return file;
}

void WorkstationFile::set(std::string_view key, double value) {
  WorkstationFile changed = *this;
  changed.assign(key, value, fields_of(changed));
  check(changed, name);
  *this = std::move(changed);
}

}  // namespace guest

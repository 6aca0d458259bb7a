#include "workloads/ports/uml/uml_file.h"

namespace guest {

namespace {

model::ParameterFields fields_of(UmlFile& file) {
  return {
      {"uml.switch", "ns", &file.switch_time},
      {"uml.request", "ns", &file.request},
      {"uml.request_map", "percent", &file.map_percent},
      {"uml.request_live_unmap", "percent", &file.live_unmap_percent},
      {"uml.request_empty_unmap", "percent", &file.empty_unmap_percent},
      {"uml.kernel_range_tables", "tables", &file.kernel_range_tables},
      {"uml.signal_frame_copies", "copies", &file.signal_frame_copies},
      {"uml.first_run_calls", "calls", &file.first_run_calls},
      {"uml.tap_frames", "frames", &file.tap_frames},
      {"uml.cache_pages", "pages", &file.cache_pages},
      {"uml.rearm_masks", "calls", &file.rearm_masks},
  };
}

void check(const UmlFile& file, const std::string& name) {
  if (file.cache_pages < 1024) throw model::ParameterError(name, "uml.cache_pages", "expected at least 1024");
}

}  // namespace

UmlFile UmlFile::parse(const model::ParameterText& text) {
  UmlFile file;
  file.read(text, fields_of(file));
  check(file, text.name);
  return file;
}

const UmlFile& UmlFile::skas3() {
  static const UmlFile file = parse(model::read_parameter_text(RINGZERO_SKAS3));
  return file;
}

void UmlFile::set(std::string_view key, double value) {
  UmlFile changed = *this;
  changed.assign(key, value, fields_of(changed));
  check(changed, name);
  *this = std::move(changed);
}

}  // namespace guest

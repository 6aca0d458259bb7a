#include "workloads/programs/web99/profile.h"

namespace guest {

namespace {

using model::ParameterFields;

void add_image(ParameterFields& fields, const std::string& name, ImageShape& image) {
  const std::string prefix = "web99." + name + '.';
  fields.push_back({prefix + "text_pages", "pages", &image.text_pages});
  fields.push_back({prefix + "data_pages", "pages", &image.data_pages});
  fields.push_back({prefix + "bss_pages", "pages", &image.bss_pages});
  fields.push_back({prefix + "text_touched", "pages", &image.text_touched});
  fields.push_back({prefix + "data_written", "pages", &image.data_written});
  fields.push_back({prefix + "bss_written", "pages", &image.bss_written});
}

ParameterFields fields_of(Web99Profile& profile) {
  ParameterFields fields{
      {"web99.dynamic_standard", "of 10000", &profile.dynamic_standard},
      {"web99.dynamic_advertisement", "of 10000", &profile.dynamic_advertisement},
      {"web99.dynamic_post", "of 10000", &profile.dynamic_post},
      {"web99.dynamic_cgi", "of 10000", &profile.dynamic_cgi},
      {"web99.class0_share", "%", &profile.class_share[0]},
      {"web99.class1_share", "%", &profile.class_share[1]},
      {"web99.class2_share", "%", &profile.class_share[2]},
      {"web99.class3_share", "%", &profile.class_share[3]},
      {"web99.persistent_share", "%", &profile.persistent_share},
      {"web99.fewest_on_connection", "requests", &profile.fewest_on_connection},
      {"web99.most_on_connection", "requests", &profile.most_on_connection},
      {"web99.request_bytes", "B", &profile.request_bytes},
      {"web99.post_request_bytes", "B", &profile.post_request_bytes},
      {"web99.header_bytes", "B", &profile.header_bytes},
      {"web99.line_rate", "b/s", &profile.line_rate},
      {"web99.conforming_rate", "b/s", &profile.conforming_rate},
      {"web99.segment_payload", "B", &profile.segment_payload},
      {"web99.read_bytes", "B", &profile.read_bytes},
      {"web99.measured_seconds", "s", &profile.measured_seconds},
      {"web99.spare_processes", "processes", &profile.spare_processes},
      {"web99.backlog", "connections", &profile.backlog},
      {"web99.user_work", "cycles", &profile.user_work},
      {"web99.request_buffer", "B", &profile.request_buffer},
      {"web99.piece_bytes", "B", &profile.piece_bytes},
      {"web99.copied_body", "B", &profile.copied_body},
      {"web99.alarms_per_request", "calls", &profile.alarms_per_request},
      {"web99.alarms_per_connection", "calls", &profile.alarms_per_connection},
      {"web99.alarms_per_piece", "calls", &profile.alarms_per_piece},
      {"web99.actions_per_request", "calls", &profile.actions_per_request},
      {"web99.actions_per_connection", "calls", &profile.actions_per_connection},
      {"web99.log_bytes", "B", &profile.log_bytes},
      {"web99.post_log_bytes", "B", &profile.post_log_bytes},
      {"web99.linger_seconds", "s", &profile.linger_seconds},
      {"web99.httpd_heap", "pages", &profile.httpd_heap},
      {"web99.httpd_stack", "pages", &profile.httpd_stack},
      {"web99.text_used", "pages", &profile.text_used},
      {"web99.data_used", "pages", &profile.data_used},
      {"web99.used_bytes", "B", &profile.used_bytes},
  };
  add_image(fields, "httpd", profile.httpd);
  add_image(fields, "cgi", profile.cgi);
  return fields;
}

void check(const Web99Profile& profile) {
  const auto expect = [&](bool holds, const char* key, const char* what) {
    if (!holds) throw model::ParameterError(profile.name, std::string{"web99."} + key, what);
  };
  const u32 dynamic =
      profile.dynamic_standard + profile.dynamic_advertisement + profile.dynamic_post + profile.dynamic_cgi;
  expect(dynamic <= 10'000, "dynamic_standard", "all dynamic requests together are more than all requests");
  u32 shares = 0;
  for (const u32 share : profile.class_share) shares += share;
  expect(shares > 0, "class0_share", "no class is asked for");
  expect(profile.persistent_share <= 100, "persistent_share", "more than all requests");
  expect(profile.fewest_on_connection > 0, "fewest_on_connection", "expected at least 1");
  expect(profile.fewest_on_connection <= profile.most_on_connection, "most_on_connection", "less than the fewest");
  expect(profile.conforming_rate <= profile.line_rate, "conforming_rate", "more than the line has");
  expect(profile.conforming_rate > 0, "conforming_rate", "expected more than 0");
  expect(profile.read_bytes > 0 && profile.read_bytes <= 32'768, "read_bytes", "expected from 1 to 32768");
  expect(profile.segment_payload >= 88 && profile.segment_payload <= 1460, "segment_payload",
         "expected from 88 to 1460");
  expect(profile.measured_seconds > 0, "measured_seconds", "expected more than 0");
  expect(profile.request_bytes > 0 && profile.request_bytes <= profile.request_buffer, "request_bytes",
         "expected from 1 to request_buffer");
  expect(profile.post_request_bytes > 0 && profile.post_request_bytes <= profile.request_buffer, "post_request_bytes",
         "expected from 1 to request_buffer");
  expect(profile.header_bytes > 0, "header_bytes", "expected more than 0");
  expect(profile.piece_bytes >= hv::kPageSize && profile.piece_bytes % hv::kPageSize == 0, "piece_bytes",
         "expected whole pages");
  expect(profile.copied_body <= profile.piece_bytes, "copied_body", "more than a piece");
  expect(profile.backlog > 0, "backlog", "expected at least 1");
  expect(profile.used_bytes > 0 && profile.used_bytes <= hv::kPageSize, "used_bytes", "expected from 1 to 4096");
  expect(profile.text_used <= profile.httpd.text_pages, "text_used", "more than there are");
  expect(profile.data_used <= profile.httpd_heap, "data_used", "more than httpd_heap");
}

}  // namespace

Web99Profile Web99Profile::load(const std::string& path) {
  Web99Profile profile;
  profile.read(model::read_parameter_text(path), fields_of(profile));
  check(profile);
  return profile;
}

const Web99Profile& Web99Profile::standard() {
  static const Web99Profile profile = load(RINGZERO_WEB99);
  return profile;
}

void Web99Profile::set(std::string_view key, double value) {
  Web99Profile changed = *this;
  changed.assign(key, value, fields_of(changed));
  check(changed);
  *this = std::move(changed);
}

}  // namespace guest

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

}  // namespace

const char* Web99Profile::file() { return RINGZERO_WEB99; }

model::ParameterFields Web99Profile::fields() {
  ParameterFields fields{
      {"web99.dynamic_standard", "of 10000", &dynamic_standard},
      {"web99.dynamic_advertisement", "of 10000", &dynamic_advertisement},
      {"web99.dynamic_post", "of 10000", &dynamic_post},
      {"web99.dynamic_cgi", "of 10000", &dynamic_cgi},
      {"web99.class0_share", "%", &class_share[0]},
      {"web99.class1_share", "%", &class_share[1]},
      {"web99.class2_share", "%", &class_share[2]},
      {"web99.class3_share", "%", &class_share[3]},
      {"web99.persistent_share", "%", &persistent_share},
      {"web99.fewest_on_connection", "requests", &fewest_on_connection},
      {"web99.most_on_connection", "requests", &most_on_connection},
      {"web99.request_bytes", "B", &request_bytes},
      {"web99.post_request_bytes", "B", &post_request_bytes},
      {"web99.header_bytes", "B", &header_bytes},
      {"web99.line_rate", "b/s", &line_rate},
      {"web99.conforming_rate", "b/s", &conforming_rate},
      {"web99.segment_payload", "B", &segment_payload},
      {"web99.read_bytes", "B", &read_bytes},
      {"web99.measured_seconds", "s", &measured_seconds},
      {"web99.spare_processes", "processes", &spare_processes},
      {"web99.backlog", "connections", &backlog},
      {"web99.user_work", "cycles", &user_work},
      {"web99.request_buffer", "B", &request_buffer},
      {"web99.piece_bytes", "B", &piece_bytes},
      {"web99.copied_body", "B", &copied_body},
      {"web99.alarms_per_request", "calls", &alarms_per_request},
      {"web99.alarms_per_connection", "calls", &alarms_per_connection},
      {"web99.alarms_per_piece", "calls", &alarms_per_piece},
      {"web99.actions_per_request", "calls", &actions_per_request},
      {"web99.actions_per_connection", "calls", &actions_per_connection},
      {"web99.log_bytes", "B", &log_bytes},
      {"web99.post_log_bytes", "B", &post_log_bytes},
      {"web99.linger_seconds", "s", &linger_seconds},
      {"web99.httpd_heap", "pages", &httpd_heap},
      {"web99.httpd_stack", "pages", &httpd_stack},
      {"web99.text_used", "pages", &text_used},
      {"web99.data_used", "pages", &data_used},
      {"web99.used_bytes", "B", &used_bytes},
  };
  add_image(fields, "httpd", httpd);
  add_image(fields, "cgi", cgi);
  return fields;
}

void Web99Profile::check() const {
  const auto expect = [&](bool holds, const char* key, const char* what) {
    if (!holds) throw model::ParameterError(name, std::string{"web99."} + key, what);
  };
  const u32 dynamic = dynamic_standard + dynamic_advertisement + dynamic_post + dynamic_cgi;
  expect(dynamic <= 10'000, "dynamic_standard", "all dynamic requests together are more than all requests");
  u32 shares = 0;
  for (const u32 share : class_share) shares += share;
  expect(shares > 0, "class0_share", "no class is asked for");
  expect(persistent_share <= 100, "persistent_share", "more than all requests");
  expect(fewest_on_connection > 0, "fewest_on_connection", "expected at least 1");
  expect(fewest_on_connection <= most_on_connection, "most_on_connection", "less than the fewest");
  expect(conforming_rate <= line_rate, "conforming_rate", "more than the line has");
  expect(conforming_rate > 0, "conforming_rate", "expected more than 0");
  expect(read_bytes > 0 && read_bytes <= 32'768, "read_bytes", "expected from 1 to 32768");
  expect(segment_payload >= 88 && segment_payload <= 1460, "segment_payload", "expected from 88 to 1460");
  expect(measured_seconds > 0, "measured_seconds", "expected more than 0");
  expect(request_bytes > 0 && request_bytes <= request_buffer, "request_bytes", "expected from 1 to request_buffer");
  expect(post_request_bytes > 0 && post_request_bytes <= request_buffer, "post_request_bytes",
         "expected from 1 to request_buffer");
  expect(header_bytes > 0, "header_bytes", "expected more than 0");
  expect(piece_bytes >= hv::kPageSize && piece_bytes % hv::kPageSize == 0, "piece_bytes", "expected whole pages");
  expect(copied_body <= piece_bytes, "copied_body", "more than a piece");
  expect(backlog > 0, "backlog", "expected at least 1");
  expect(used_bytes > 0 && used_bytes <= hv::kPageSize, "used_bytes", "expected from 1 to 4096");
  expect(text_used <= httpd.text_pages, "text_used", "more than there are");
  expect(data_used <= httpd_heap, "data_used", "more than httpd_heap");
}

}  // namespace guest

// SPEC WEB99 and the server under it in numbers: what is asked for, how its users read, and what Apache 1.3.27 does for
// a request. Counts from the program itself where there are any; one number is fitted, the server's work in user mode.
#pragma once

#include <array>
#include <string>

#include "workloads/programs/loader.h"
#include "workloads/programs/profile_table.h"

namespace guest {

struct Web99Profile : ProfileTable<Web99Profile> {
  static const char* file();
  model::ParameterFields fields();
  void check() const;

  // --- the mix ------------------------------------------------------------------------------------------------------
  // Of 10 000 requests; the rest are for static files.
  u32 dynamic_standard = 0, dynamic_advertisement = 0, dynamic_post = 0, dynamic_cgi = 0;
  std::array<u32, 4> class_share{};  // %
  u32 persistent_share = 0;          // % of the requests, on connections of so many:
  u32 fewest_on_connection = 0, most_on_connection = 0;
  u32 request_bytes = 0, post_request_bytes = 0, header_bytes = 0;

  // --- the users ----------------------------------------------------------------------------------------------------
  u32 line_rate = 0, conforming_rate = 0;  // b/s
  u32 segment_payload = 0;                 // MSS
  u32 read_bytes = 0;                      // that a user takes at once
  u32 measured_seconds = 0;                // of a run of the benchmark

  // --- the server ---------------------------------------------------------------------------------------------------
  u32 spare_processes = 0;  // beyond one per connection
  u32 backlog = 0;
  sim::Cycles user_work{0};  // per request
  u32 request_buffer = 0;    // bytes asked for in one read of a header
  u32 piece_bytes = 0;       // of a body, written at once
  u32 copied_body = 0;       // smaller ones are copied behind the header and go out by one write
  u32 alarms_per_request = 0, alarms_per_connection = 0, alarms_per_piece = 0;
  u32 actions_per_request = 0, actions_per_connection = 0;  // of signals
  u32 log_bytes = 0, post_log_bytes = 0;
  u32 linger_seconds = 0;  // that it waits for the other end after the last answer
  ImageShape httpd, cgi;
  u32 httpd_heap = 0, httpd_stack = 0;  // pages that are written
  // Of each request, in parts: what of its pages the process uses again, and how much of each.
  u32 text_used = 0, data_used = 0, used_bytes = 0;
};

}  // namespace guest

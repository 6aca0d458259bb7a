// What a query of each kind has the server and the client do, from workloads/profiles/osdb.json.
#pragma once

#include <string>

#include "sim/time.h"
#include "workloads/kernel/memory.h"
#include "workloads/programs/profile_table.h"
#include "workloads/spec.h"

namespace guest {

// Per tuple; numbers of calls are per 1000 tuples unless said otherwise.
struct QueryProfile {
  sim::Cycles work{0};  // in user mode, server and client: the fitted number
  u32 round_trips = 0;  // of the client, each time
  u32 seeks = 0, reads = 0, writes = 0, stats = 0, controls = 0, opens = 0, signals = 0, syncs = 0;
  u32 request_bytes = 0, reply_bytes = 0;                 // of all round trips
  u32 faults = 0;                                         // pages of heap touched anew
  u32 copied_pages = 0, fresh_pages = 0, text_pages = 0;  // touched by a new server process, each time
};

struct OsdbProfile : ProfileTable<OsdbProfile> {
  static const char* file();
  model::ParameterFields fields();
  void check() const;

  u32 users = 0;
  u32 heap_blocks = 0, index_blocks = 0, log_blocks = 0;  // of 8 KiB
  u32 shared_pages = 0, server_pages = 0, server_text_pages = 0;
  u32 hot_pages = 0, cache_lines = 0, client_cache_lines = 0;
  u32 client_share = 0;                 // of the work, per 1000
  sim::Cycles buffer_lock{0}, spin{0};  // a lock held for one block; one look at a lock that is held
  u32 spins = 0;                        // looks before it sleeps
  QueryProfile cursor, plain, update, full_scan, new_connection;

  const QueryProfile& query(OsdbSettings::Query kind) const;
};

}  // namespace guest

#include "workloads/programs/osdb/osdb_profile.h"

namespace guest {

namespace {

using model::ParameterFields;

void add_query(ParameterFields& fields, const std::string& name, QueryProfile& query) {
  const std::string prefix = "osdb." + name + '.';
  fields.push_back({prefix + "work", "cycles", &query.work});
  fields.push_back({prefix + "round_trips", "calls", &query.round_trips});
  const auto rate = [&](const char* key, u32* target) { fields.push_back({prefix + key, "per 1000", target}); };
  rate("seeks", &query.seeks);
  rate("reads", &query.reads);
  rate("writes", &query.writes);
  rate("stats", &query.stats);
  rate("controls", &query.controls);
  rate("opens", &query.opens);
  rate("signals", &query.signals);
  rate("syncs", &query.syncs);
  rate("faults", &query.faults);
  fields.push_back({prefix + "request_bytes", "B", &query.request_bytes});
  fields.push_back({prefix + "reply_bytes", "B", &query.reply_bytes});
  fields.push_back({prefix + "copied_pages", "pages", &query.copied_pages});
  fields.push_back({prefix + "fresh_pages", "pages", &query.fresh_pages});
  fields.push_back({prefix + "text_pages", "pages", &query.text_pages});
}

}  // namespace

const char* OsdbProfile::file() { return RINGZERO_OSDB; }

model::ParameterFields OsdbProfile::fields() {
  const std::string prefix = "osdb.";
  ParameterFields fields = {
      {prefix + "users", "users", &users},
      {prefix + "heap_blocks", "blocks of 8 KiB", &heap_blocks},
      {prefix + "index_blocks", "blocks of 8 KiB", &index_blocks},
      {prefix + "log_blocks", "blocks of 8 KiB", &log_blocks},
      {prefix + "shared_pages", "pages", &shared_pages},
      {prefix + "server_pages", "pages", &server_pages},
      {prefix + "server_text_pages", "pages", &server_text_pages},
      {prefix + "hot_pages", "pages", &hot_pages},
      {prefix + "cache_lines", "lines of 64 B", &cache_lines},
      {prefix + "client_cache_lines", "lines of 64 B", &client_cache_lines},
      {prefix + "client_share", "per 1000", &client_share},
      {prefix + "buffer_lock", "cycles", &buffer_lock},
      {prefix + "spin", "cycles", &spin},
      {prefix + "spins", "looks", &spins},
  };
  add_query(fields, "cursor", cursor);
  add_query(fields, "plain", plain);
  add_query(fields, "update", update);
  add_query(fields, "full_scan", full_scan);
  add_query(fields, "new_connection", new_connection);
  return fields;
}

void OsdbProfile::check() const {
  const auto require = [&](bool holds, const std::string& key, const char* what) {
    if (!holds) throw model::ParameterError(name, "osdb." + key, what);
  };
  require(users > 0, "users", "expected more than 0");
  require(heap_blocks > 0 && index_blocks > 0 && log_blocks > 0, "heap_blocks", "expected files that are not empty");
  require(client_share < 1000, "client_share", "expected less than 1000");
  require(hot_pages <= server_pages, "hot_pages", "more than a server process has");
  const auto query = [&](const QueryProfile& each, const std::string& key) {
    require(each.round_trips > 0, key + ".round_trips", "expected more than 0");
    require(each.copied_pages <= server_pages, key + ".copied_pages", "more than a server process has");
    require(each.reads / 1000 <= heap_blocks, key + ".reads", "more than the table has blocks");
  };
  query(cursor, "cursor");
  query(plain, "plain");
  query(update, "update");
  query(full_scan, "full_scan");
  query(new_connection, "new_connection");
}

const QueryProfile& OsdbProfile::query(OsdbSettings::Query kind) const {
  using Query = OsdbSettings::Query;
  switch (kind) {
    case Query::cursor:
      return cursor;
    case Query::plain:
      return plain;
    case Query::update:
      return update;
    case Query::full_scan:
      return full_scan;
    case Query::new_connection:
      return new_connection;
  }
  return cursor;
}

}  // namespace guest

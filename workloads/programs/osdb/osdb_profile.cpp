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

ParameterFields fields_of(OsdbProfile& profile) {
  const std::string prefix = "osdb.";
  ParameterFields fields = {
      {prefix + "users", "users", &profile.users},
      {prefix + "heap_blocks", "blocks of 8 KiB", &profile.heap_blocks},
      {prefix + "index_blocks", "blocks of 8 KiB", &profile.index_blocks},
      {prefix + "log_blocks", "blocks of 8 KiB", &profile.log_blocks},
      {prefix + "shared_pages", "pages", &profile.shared_pages},
      {prefix + "server_pages", "pages", &profile.server_pages},
      {prefix + "server_text_pages", "pages", &profile.server_text_pages},
      {prefix + "hot_pages", "pages", &profile.hot_pages},
      {prefix + "cache_lines", "lines of 64 B", &profile.cache_lines},
      {prefix + "client_cache_lines", "lines of 64 B", &profile.client_cache_lines},
      {prefix + "client_share", "per 1000", &profile.client_share},
      {prefix + "buffer_lock", "cycles", &profile.buffer_lock},
      {prefix + "spin", "cycles", &profile.spin},
      {prefix + "spins", "looks", &profile.spins},
  };
  add_query(fields, "cursor", profile.cursor);
  add_query(fields, "plain", profile.plain);
  add_query(fields, "update", profile.update);
  add_query(fields, "full_scan", profile.full_scan);
  add_query(fields, "new_connection", profile.new_connection);
  return fields;
}

void check(const OsdbProfile& profile) {
  const auto require = [&](bool holds, const std::string& key, const char* what) {
    if (!holds) throw model::ParameterError(profile.name, "osdb." + key, what);
  };
  require(profile.users > 0, "users", "expected more than 0");
  require(profile.heap_blocks > 0 && profile.index_blocks > 0 && profile.log_blocks > 0, "heap_blocks",
          "expected files that are not empty");
  require(profile.client_share < 1000, "client_share", "expected less than 1000");
  require(profile.hot_pages <= profile.server_pages, "hot_pages", "more than a server process has");
  const auto query = [&](const QueryProfile& each, const std::string& key) {
    require(each.round_trips > 0, key + ".round_trips", "expected more than 0");
    require(each.copied_pages <= profile.server_pages, key + ".copied_pages", "more than a server process has");
    require(each.reads / 1000 <= profile.heap_blocks, key + ".reads", "more than the table has blocks");
  };
  query(profile.cursor, "cursor");
  query(profile.plain, "plain");
  query(profile.update, "update");
  query(profile.full_scan, "full_scan");
  query(profile.new_connection, "new_connection");
}

}  // namespace

OsdbProfile OsdbProfile::load(const std::string& path) {
  OsdbProfile profile;
  profile.read(model::read_parameter_text(path), fields_of(profile));
  check(profile);
  return profile;
}

const OsdbProfile& OsdbProfile::standard() {
  static const OsdbProfile profile = load(RINGZERO_OSDB);
  return profile;
}

void OsdbProfile::set(std::string_view key, double value) {
  OsdbProfile changed = *this;
  changed.assign(key, value, fields_of(changed));
  check(changed);
  *this = std::move(changed);
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

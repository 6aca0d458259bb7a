// SQLite, with errors as exceptions and statements that close themselves.
#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace runner {

class Statement {
 public:
  Statement(sqlite3* database, std::string_view sql);

  // From 1. Texts and blobs are copied.
  Statement& bind(int index, std::int64_t value);
  Statement& bind(int index, double value);
  Statement& bind(int index, std::string_view text);
  Statement& bind_blob(int index, std::string_view bytes);

  bool step();  // true: there is a row
  void run();   // to its end, and ready for the next time
  void reset();

  // From 0.
  std::int64_t integer(int column) const { return sqlite3_column_int64(statement_.get(), column); }
  double real(int column) const { return sqlite3_column_double(statement_.get(), column); }
  std::string text(int column) const;  // or the bytes of a blob

 private:
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
  };
  void check(int result) const;

  sqlite3* database_;
  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
};

class Database {
 public:
  enum class Mode { write, read };
  Database(const std::filesystem::path& file, Mode mode);  // throws std::runtime_error

  void run(const std::string& sql);  // one or several statements
  Statement prepare(std::string_view sql) const { return {database_.get(), sql}; }
  std::int64_t last_row() const { return sqlite3_last_insert_rowid(database_.get()); }

 private:
  struct Close {
    void operator()(sqlite3* database) const { sqlite3_close(database); }
  };
  std::unique_ptr<sqlite3, Close> database_;
};

}  // namespace runner

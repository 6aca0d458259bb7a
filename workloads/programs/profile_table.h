// A parameter table that a program has a file for: what a benchmark does, as counted from the real one.
//
// A Table derives from ProfileTable<Table> and says of itself `static const char* file()`, where its file is;
// `fields()`, which key goes where; and, if values can contradict each other, `check()`, which throws
// model::ParameterError.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "model/parameter_file.h"

namespace guest {

template <class Table>
class ProfileTable : public model::ParameterTable {
 public:
  // Throws model::ParameterError, as all of these do.
  static Table load(const std::string& path) {
    Table table;
    table.read(model::read_parameter_text(path), table.fields());
    table.check();
    return table;
  }

  static const Table& standard() {  // the file, loaded once
    static const Table table = load(Table::file());
    return table;
  }

  // Overrides one value, in the unit of its entry: "web99.user_work".
  void set(std::string_view key, double value) {
    Table changed = static_cast<const Table&>(*this);
    changed.assign(key, value, changed.fields());
    changed.check();
    static_cast<Table&>(*this) = std::move(changed);
  }

  void check() const {}
};

}  // namespace guest

// Overrides laid over a JSON document, remembering where each came from, so that an error in the merged document can be
// reported where its author wrote it.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "experiments/runner/experiment.h"

namespace runner {

class OverlaidJson {
 public:
  // (Braces around a JSON value would make a list of it.)
  OverlaidJson(Json document, Place place) : document_(std::move(document)), place_{std::move(place)} {}

  // Sets the value that the dotted key names, making objects on the way; an element of a list is named by its index or
  // by its "name". Throws InputError at the override's origin when a list has no such element.
  void set(const Override& override);

  const Json& document() const { return document_; }
  Json& document() { return document_; }
  const Place& place() const { return place_; }

  // Calls `check`; an InputError about an overridden place comes out as one about the override's origin.
  template <class Check>
  decltype(auto) locating_errors(Check check) const {
    try {
      return check();
    } catch (const InputError& error) {
      throw relocated(error);
    }
  }

 private:
  InputError relocated(const InputError& error) const;

  Json document_;
  Place place_;
  std::vector<std::pair<std::string, Place>> origins_;  // JSON pointer that was set, by whom; the last set last
};

// "key=value" of the command line; the value is JSON or else a text. Throws InputError.
Override parse_assignment(const std::string& assignment);

}  // namespace runner

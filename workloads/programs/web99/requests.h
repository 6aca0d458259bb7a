// What the users of a SPEC WEB99 server ask for.
//
// A run is a few seconds of the benchmark's twenty minutes, so chance must not decide what falls into it: kinds of
// requests and files are drawn evenly (an additive recurrence in two dimensions instead of independent numbers), so
// that every few hundred requests have the whole mix; and a run begins in the middle of transfers that a random moment
// of a long run would find under way.
#pragma once

#include <map>
#include <optional>
#include <string_view>

#include "workloads/kernel/network/ip.h"
#include "workloads/programs/web99/file_set.h"

namespace guest {

struct Web99Profile;

struct WebRequest {
  enum class Kind : std::uint8_t { file, dynamic, advertisement, post, cgi };
  static constexpr std::size_t kKinds = 5;

  Kind kind = Kind::file;
  WebFile file;
  std::uint32_t skip = 0;  // bytes at the beginning of the body that are not sent (Range)
  bool last = true;        // the server closes the connection behind its answer

  std::uint32_t body_bytes() const { return WebFileSet::bytes(file) - skip; }
};

// Bytes of the answer, header and body.
std::uint32_t answer_bytes(const Web99Profile& profile, const WebRequest& request);

// Numbers that fill 0 .. 2^64 - 1 evenly, however few are taken [Weyl; Roberts' choice of steps].
class EvenNumbers {
 public:
  EvenNumbers(std::uint64_t start, double step) : at_{start}, step_{static_cast<std::uint64_t>(step * 0x1p64)} {}
  std::uint64_t next() { return at_ += step_; }

 private:
  std::uint64_t at_, step_;
};

class WebMix {
 public:
  // `name`: of its random streams.
  WebMix(const Web99Profile& profile, std::uint32_t connections, const sim::Random& random, std::string_view name);

  WebRequest next();              // all but `last`
  std::uint32_t on_connection();  // how many a new connection will carry

  // What a user is doing at a random time of a run at the limit, where connections just conform: reading an answer of
  // which some is left, or waiting for one.
  struct Middle {
    bool waiting = false;             // for the answer to all of `request`
    WebRequest request;               // else of what is left
    std::uint32_t on_connection = 1;  // still to come, that one included
  };
  Middle middle();

  const WebFileChoice& files() const { return files_; }

 private:
  WebRequest::Kind kind(std::uint64_t even) const;
  std::uint32_t length_of_persistent(std::uint64_t even) const;

  const Web99Profile& profile_;
  WebFileSet set_;
  WebFileChoice files_;
  sim::RandomStream directories_;
  EvenNumbers kinds_, choices_, connections_, lengths_, middles_, ages_, waits_;
};

// What is in requests: payload has no contents in this model, so what a server reads there is kept here for it.
class WebRequests {
 public:
  void ask(SocketAddress from, const WebRequest& request) {
    asked_[from] = request;
    ++asked_count_;
  }
  // The server has read a request on that connection. Nothing: there was none.
  std::optional<WebRequest> read(SocketAddress from);

  std::uint64_t asked() const { return asked_count_; }
  std::uint64_t waiting() const { return asked_.size(); }  // that nobody has read

 private:
  std::map<SocketAddress, WebRequest> asked_;
  std::uint64_t asked_count_ = 0;
};

}  // namespace guest

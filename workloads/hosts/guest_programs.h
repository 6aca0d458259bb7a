// The programs of one guest, made from its specification.
#pragma once

#include <memory>
#include <vector>

#include "model/machine.h"
#include "workloads/programs/program.h"
#include "workloads/spec.h"

namespace guest {

class GuestPrograms {
 public:
  // `seed` is the host's. Throws SpecError.
  GuestPrograms(const GuestSpec& spec, const sim::Clock& clock, std::uint64_t seed);

  struct Entry {
    std::string name;  // "compute", "udp_echo"
    std::unique_ptr<Program> program;
  };
  const std::vector<Entry>& entries() const { return entries_; }
  // Each with `prefix` before its name.
  std::vector<NamedProgram> processes(const std::string& prefix) const;
  std::uint64_t resident_pages() const { return resident_pages_; }  // that the programs will have touched
  bool running() const;                                             // those that were to start at once
  std::int64_t useful_cycles() const;
  bool finished() const;  // all of them
  // Under "<program>.<result>": "lmbench.null_call".
  std::vector<ProgramResult> results() const;

 private:
  std::vector<Entry> entries_;
  sim::Duration start_;
  std::uint64_t resident_pages_ = 0;
};

}  // namespace guest

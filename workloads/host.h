// A modelled host, from its specification to its measurements: what experiments build, run and read.
//
//   guest::Host host{spec};
//   host.boot();
//   host.run_for(sim::Duration::seconds(60));
//   for (const guest::Metric& metric : host.metrics()) ...
//
// One thread. The same spec gives the same run, event for event: see fingerprint().
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "model/cpu.h"
#include "sim/fingerprint.h"
#include "sim/time.h"
#include "workloads/clients/udp_client.h"
#include "workloads/clients/udp_receiver.h"
#include "workloads/clients/web_users.h"
#include "workloads/hosts/platform.h"
#include "workloads/spec.h"

namespace guest {

class Host {
 public:
  explicit Host(HostSpec spec);  // throws SpecError
  ~Host();
  Host(const Host&) = delete;
  Host& operator=(const Host&) = delete;

  // Runs until every guest is up (built, booted, its programs started). Throws SpecError when the core refuses a guest,
  // std::runtime_error when they are not up after half a simulated hour.
  void boot();
  // A client that has sent nothing yet pings as this specification says, which differs by ClientSpec::change_to().
  void change_client(std::size_t index, const ClientSpec& spec);
  void run_for(sim::Duration duration);
  sim::Time now() const;
  sim::Time booted_at() const;

  // Cumulative since boot() ended; take the difference of two readings to measure an interval. Names are dotted paths:
  // "guest.web.useful_cycles", "cpu.0.idle", "client.0.replies".
  std::vector<Metric> metrics() const;
  std::size_t client_count() const;
  const UdpClient& client(std::size_t index) const;      // in the order of HostSpec::clients
  const UdpReceiver& receiver(std::size_t index) const;  // in the order of HostSpec::receivers
  // The users of each web99 program, in the order of the guests.
  std::size_t web_server_count() const;
  const WebUsers& web_users(std::size_t index) const;
  std::size_t guest_of_web_server(std::size_t index) const;

  // Cycles of finished program work of a guest, without cache refills, faults and kernels, since boot() ended. Counted
  // in the profile's work units.
  std::int64_t useful_cycles(std::size_t guest) const;
  // Whether all programs of all guests are; those that compute or serve never are.
  bool finished() const;
  // What a guest's programs have measured, under "<program>.<result>": complete when they are finished.
  std::vector<ProgramResult> results(std::size_t guest) const;
  // CPU time per account (model::Account) of one CPU since time 0, in cycles; they sum to now.
  std::array<std::int64_t, 4> accounts(std::uint32_t cpu) const;
  // The same by what it was spent on (model::Cause), and of that the hypervisor's paths by step (hw::Step).
  model::Causes causes(std::uint32_t cpu) const;
  model::StepCycles step_cycles(std::uint32_t cpu) const;
  std::uint64_t packets() const;  // that the network card has sent and received
  // Bytes the hypervisor core spends on a guest's domain; 0 on a native host.
  std::uint64_t core_bytes(std::size_t guest) const;

  // The first conservation law that does not hold (frames, CPU time, packets), or nothing.
  std::optional<std::string> audit() const;
  std::uint64_t fingerprint() const;
  std::vector<sim::Fingerprint::Event> recent_events() const;  // the last that went into the fingerprint, newest last
  std::uint64_t events() const;                                // run so far

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace guest

#include "experiments/runner/check.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "experiments/runner/cpu_set.h"
#include "experiments/runner/known_names.h"
#include "experiments/runner/ledger.h"
#include "experiments/runner/names.h"
#include "experiments/runner/parameters.h"
#include "experiments/runner/quantity.h"
#include "experiments/runner/search.h"
#include "workloads/hosts/partitions.h"
#include "workloads/hosts/vmware_platform.h"

namespace runner {

namespace {

std::string size_text(std::uint64_t bytes) {
  if (bytes < (std::uint64_t{1} << 30)) return fmt::format("{:.4g} MiB", static_cast<double>(bytes) / (1 << 20));
  return fmt::format("{:.4g} GiB", static_cast<double>(bytes) / (1 << 30));
}

void check_cpu_set(const Setup& setup, const std::optional<guest::CpuSet>& cpus, const Place& place) {
  if (!cpus || setup.host.cpus >= 32 || cpus->mask >> setup.host.cpus == 0) return;
  throw InputError{place, Mismatch{fmt::format("CPUs from 0 to {}", setup.host.cpus - 1), format_cpu_set(*cpus), ""}};
}

void check_cpus(const Setup& setup, const model::MachineFile& machine, const Place& place) {
  if (setup.host.cpus > machine.cpu.count) {
    throw InputError{place.below("cpus"),
                     Mismatch{fmt::format("at most the {} CPUs of {}", machine.cpu.count, setup.machine),
                              std::to_string(setup.host.cpus), ""}};
  }
  for (std::size_t i = 0; i < setup.domains.size(); ++i) {
    check_cpu_set(setup, setup.domains[i].cpus, place.below("domains").below(i).below("cpus"));
  }
}

void check_memory(const Setup& setup, const model::MachineFile& machine, const Place& place) {
  std::uint64_t left = machine.memory.size;
  const bool xen = setup.host.system == guest::System::xen;
  if (xen) left -= std::min(left, setup.host.domain0_memory);
  for (std::size_t i = 0; i < setup.domains.size(); ++i) {
    const DomainSettings& domain = setup.domains[i];
    const std::uint64_t count = domain.count.value_or(1);
    if (domain.memory_bytes > left / count) {
      throw InputError{place.below("domains").below(i).below(domain.count ? "count" : "memory"),
                       Mismatch{fmt::format("domains that fit in the {} of {} ({} is left, room for {} of these)",
                                            size_text(machine.memory.size), setup.machine, size_text(left),
                                            left / domain.memory_bytes),
                                fmt::format("{} of {}", count, size_text(domain.memory_bytes)), ""}};
    }
    left -= count * domain.memory_bytes;
  }
}

void check_machines(const Setup& setup, const ModelFiles& files, const Place& place) {
  if (setup.host.system != guest::System::vmware) return;
  try {
    guest::check_memory_of_machines(host_spec(setup, files, 0));
  } catch (const guest::SpecError& error) {
    throw InputError{place.below("domains"), error.what()};
  }
}

void check_disks(const Setup& setup, const ModelFiles& files, const Place& place) {
  try {
    guest::lay_out_disks(host_spec(setup, files, 0));
  } catch (const guest::SpecError& error) {
    throw InputError{place.below("domains"), error.what()};
  }
}

void check_scheduler(const Setup& setup, const Place& place) {
  if (!setup.host.variant) return;
  const std::vector<std::string> variants = known_scheduler_variants(setup.host.scheduler);
  if (std::ranges::find(variants, *setup.host.variant) != variants.end()) return;
  throw InputError{place.below("scheduler").below("variant"),
                   Mismatch{fmt::format("a variant of {}: {}", setup.host.scheduler, one_of(variants)),
                            in_quotes(*setup.host.variant), nearest_name(*setup.host.variant, variants)}};
}

std::map<std::string, const DomainSettings*> domains_by_name(const Setup& setup, const Place& place) {
  std::map<std::string, const DomainSettings*> domains;
  for (std::size_t i = 0; i < setup.domains.size(); ++i) {
    for (std::uint32_t n = 0; n < setup.domains[i].count.value_or(1); ++n) {
      const std::string name = domain_name(setup.domains[i], n);
      if (!domains.emplace(name, &setup.domains[i]).second) {
        throw InputError{place.below("domains").below(i).below("name"),
                         Mismatch{"a name for every domain of its own", in_quotes(name) + " twice", ""}};
      }
    }
  }
  return domains;
}

void check_changes(const Setup& setup, const Place& place) {
  const auto domains = domains_by_name(setup, place);
  std::vector<std::string> names;
  for (const auto& [name, domain] : domains) names.push_back(name);
  for (std::size_t i = 0; i < setup.host.changes.size(); ++i) {
    const guest::ScheduleChange& change = setup.host.changes[i];
    const Place at = place.below("changes").below(i);
    check_cpu_set(setup, change.cpus, at.below("cpus"));
    if (domains.contains(change.domain)) continue;
    throw InputError{at.below("domain"),
                     Mismatch{"the name of a domain", in_quotes(change.domain), nearest_name(change.domain, names)}};
  }
}

void check_clients(const Setup& setup, const Place& place) {
  const auto domains = domains_by_name(setup, place);
  std::vector<std::string> names;
  for (const auto& [name, domain] : domains) names.push_back(name);
  for (std::size_t i = 0; i < setup.host.clients.size(); ++i) {
    const guest::ClientSpec& client = setup.host.clients[i];
    const Place target = place.below("clients").below(i).below("target");
    const auto found = domains.find(client.target);
    if (found == domains.end()) {
      throw InputError{target,
                       Mismatch{"the name of a domain", in_quotes(client.target), nearest_name(client.target, names)}};
    }
    if (!found->second->network) {
      throw InputError{target, Mismatch{"a domain with a vif", in_quotes(client.target) + ", which has none", ""}};
    }
    const auto answers = [&](const guest::ProgramSpec& program) {
      const auto* echo = std::get_if<guest::UdpEchoSettings>(&program);
      return echo != nullptr && echo->port == client.port;
    };
    if (std::ranges::none_of(found->second->programs, answers)) {
      throw InputError{target, Mismatch{fmt::format("a domain that runs udp_echo on port {}", client.port),
                                        in_quotes(client.target) + ", which does not", ""}};
    }
  }
}

void check_receivers(const Setup& setup, const Place& place) {
  const auto domains = domains_by_name(setup, place);
  std::vector<std::string> names;
  for (const auto& [name, domain] : domains) names.push_back(name);
  for (std::size_t i = 0; i < setup.host.receivers.size(); ++i) {
    const guest::ReceiverSpec& receiver = setup.host.receivers[i];
    const Place target = place.below("receivers").below(i).below("target");
    const auto found = domains.find(receiver.target);
    if (found == domains.end()) {
      throw InputError{
          target, Mismatch{"the name of a domain", in_quotes(receiver.target), nearest_name(receiver.target, names)}};
    }
    const auto sends = [&](const guest::ProgramSpec& program) {
      const auto* flood = std::get_if<guest::UdpFloodSettings>(&program);
      return flood != nullptr && flood->port == receiver.port;
    };
    if (!found->second->network || std::ranges::none_of(found->second->programs, sends)) {
      throw InputError{target,
                       Mismatch{fmt::format("a domain with a vif that runs udp_flood on port {}", receiver.port),
                                in_quotes(receiver.target) + ", which does not", ""}};
    }
  }
}

void check_normalisation(const Experiment& experiment, const Place& place) {
  if (!experiment.normalise) return;
  const Normalisation& normalise = *experiment.normalise;
  std::vector<std::string> keys;
  for (const Axis& axis : experiment.vary) keys.push_back(axis.key);
  const auto axis = std::ranges::find(experiment.vary, normalise.key, &Axis::key);
  if (axis == experiment.vary.end()) {
    throw InputError{place.below("key"), Mismatch{"a varied key: " + one_of(keys), in_quotes(normalise.key),
                                                  nearest_name(normalise.key, keys)}};
  }
  if (std::ranges::find(axis->values, normalise.at, &Override::value) == axis->values.end()) {
    throw InputError{place.below("at"),
                     Mismatch{"one of the values of " + in_quotes(normalise.key), plain_text(normalise.at), ""}};
  }
}

void check_losses(const Experiment& experiment, const Place& place) {
  std::vector<std::string> cases;
  for (const Case& each : experiment.cases) cases.push_back(each.name);
  for (std::size_t i = 0; i < experiment.losses.size(); ++i) {
    const auto check_case = [&](const std::string& name, const Place& at) {
      if (std::ranges::find(cases, name) != cases.end()) return;
      throw InputError{at, Mismatch{"the name of a case", in_quotes(name), nearest_name(name, cases)}};
    };
    const Loss& loss = experiment.losses[i];
    check_case(loss.from, place.below(i).below("from"));
    for (std::size_t n = 0; n < loss.cases.size(); ++n) {
      check_case(loss.cases[n], place.below(i).below("cases").below(n));
    }
  }
}

void check_ledger(const Experiment& experiment, const Place& place) {
  if (experiment.ledger.empty()) return;
  std::vector<std::string> cases, ids;
  for (const Case& each : experiment.cases) cases.push_back(each.name);
  for (const PublishedValue& value : load_published(published_path())) ids.push_back(value.id);
  for (std::size_t i = 0; i < experiment.ledger.size(); ++i) {
    const LedgerLine& line = experiment.ledger[i];
    if (!line.case_name.empty() && std::ranges::find(cases, line.case_name) == cases.end()) {
      throw InputError{place.below(i).below("case"),
                       Mismatch{"the name of a case", in_quotes(line.case_name), nearest_name(line.case_name, cases)}};
    }
    // A point may have no published value; but some id must look like this.
    const std::string head = line.id.substr(0, line.id.find('{'));
    const auto matches = [&](const std::string& id) { return head == line.id ? id == line.id : id.starts_with(head); };
    if (std::ranges::none_of(ids, matches)) {
      throw InputError{place.below(i).below("id"),
                       Mismatch{"the id of a published value", in_quotes(line.id), nearest_name(head, ids)}};
    }
  }
}

// Domains and programs have metrics of their own names, such as "domain.web.throughput".
bool is_metric(const std::string& name, const std::vector<std::string>& known) {
  return name.starts_with("domain.") || name.starts_with("packet_cost.") ||
         std::ranges::find(known, name) != known.end();
}

void check_show(const Experiment& experiment, const Place& place) {
  const std::vector<std::string> metrics = known_metrics();
  for (std::size_t i = 0; i < experiment.show.size(); ++i) {
    const std::string& name = experiment.show[i];
    if (is_metric(name, metrics)) continue;
    throw InputError{place.below(i), Mismatch{"a metric", in_quotes(name), nearest_name(name, metrics)}};
  }
}

void check_pictures(const Experiment& experiment, const Place& place) {
  std::vector<std::string> keys{std::string{kCase}};
  for (const Axis& axis : experiment.vary) keys.push_back(axis.key);
  if (experiment.sample) {
    for (const Axis& axis : experiment.sample->keys) keys.push_back(axis.key);
  }
  const std::vector<std::string> metrics = known_metrics();
  for (std::size_t i = 0; i < experiment.pictures.size(); ++i) {
    const Picture& picture = experiment.pictures[i];
    constexpr int key = 1, metric = 2, latency = 4, nothing = 8;  // what it may be
    const auto check = [&](const char* name, const std::string& value, int wanted) {
      if (value.empty() && (wanted & nothing) != 0) return;
      std::vector<std::string> known;
      if ((wanted & key) != 0) known = keys;
      if ((wanted & metric) != 0) known.insert(known.end(), metrics.begin(), metrics.end());
      if ((wanted & latency) != 0) known.emplace_back(kLatency);
      if ((wanted & metric) != 0 && is_metric(value, metrics)) return;
      if (std::ranges::find(known, value) != known.end()) return;
      throw InputError{place.below(i).below(name),
                       Mismatch{(wanted & metric) != 0 ? "a metric or a varied key" : "a varied key or \"case\"",
                                value.empty() ? "none" : in_quotes(value), nearest_name(value, known)}};
    };
    const bool distribution = picture.kind == Picture::Kind::distribution, heat = picture.kind == Picture::Kind::heat;
    check("x", picture.x, heat ? key : distribution ? metric | latency : key | metric);
    check("y", picture.y, heat ? key : distribution ? nothing : metric);
    check("colour", picture.colour, heat ? metric : key | nothing);
    check("panels", picture.panels, key | nothing);
  }
}

}  // namespace

std::string domain_name(const DomainSettings& domain, std::uint32_t i) {
  return domain.count ? domain.name + std::to_string(i + 1) : domain.name;
}

void check_setup(const Setup& setup, const Place& place) {
  check_parameters(setup, place);
  const ModelFiles files{setup, place};
  check_cpus(setup, files.machine, place);
  check_memory(setup, files.machine, place);
  check_machines(setup, files, place);
  check_disks(setup, files, place);
  check_scheduler(setup, place);
  check_changes(setup, place);
  check_clients(setup, place);
  check_receivers(setup, place);
  if (setup.steady && setup.until == Until::finished) {
    throw InputError{place.below("steady"),
                     Mismatch{"a run that ends after its duration", "one that ends when its programs do", ""}};
  }
  check_search(setup, place);
}

void check_experiment(const Experiment& experiment, const Place& place) {
  std::set<std::string> names;
  for (std::size_t i = 0; i < experiment.cases.size(); ++i) {
    const std::string& name = experiment.cases[i].name;
    if (!names.insert(name).second) {
      throw InputError{place.below("cases").below(i).below("name"),
                       Mismatch{"a name for every case of its own", in_quotes(name) + " twice", ""}};
    }
  }
  check_normalisation(experiment, place.below("normalise"));
  check_losses(experiment, place.below("losses"));
  check_ledger(experiment, place.below("ledger"));
  check_show(experiment, place.below("show"));
  check_pictures(experiment, place.below("pictures"));
}

}  // namespace runner

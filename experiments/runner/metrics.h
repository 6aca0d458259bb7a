// What is measured at a point, whatever the experiment.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace runner {

struct MetricInfo {
  std::string_view name;
  std::string_view unit;
  std::string_view text;
};

// Besides these there is "domain.<name>.throughput" for each guest, "domain.<name>.cpu_time" for each domain and each
// of several virtual machines, "domain.<name>.goodput" for each that a receiver asks, "packet_cost.<cause>" and
// "packet_cost.hypervisor.<step>" (its parts, in cycles per packet), and what programs report: "lmbench.null_call".
std::span<const MetricInfo> metric_catalogue();

// What `losses` calls what is lost of `metric`.
std::string loss_name(std::string_view metric);
// What `normalise` calls the ratio of `metric`.
std::string relative_name(std::string_view metric);

struct Measurement {
  std::string metric;
  double value;
  std::string unit;
};

}  // namespace runner

#include "experiments/runner/metrics.h"

#include <array>

namespace runner {

namespace {

constexpr std::array kMetrics{
    MetricInfo{"throughput", "CPUs", "Program work of all guests, as the number of CPUs that never do anything else."},
    MetricInfo{"least_share", "ratio", "Program work of the guest that got least, relative to an even share."},
    MetricInfo{"greatest_share", "ratio", "Program work of the guest that got most, relative to an even share."},
    MetricInfo{"idle_time", "%", "Time of all CPUs spent idle."},
    MetricInfo{"hypervisor_time", "%", "Time of all CPUs spent in the hypervisor."},
    MetricInfo{"kernel_time", "%", "Time of all CPUs spent in guest kernels."},
    MetricInfo{"user_time", "%", "Time of all CPUs spent in programs."},
    MetricInfo{"spin_time", "%", "Time of all CPUs in which kernels waited for spin locks that other processors held."},
    MetricInfo{"rtt_mean", "ms", "Mean time from a client's request to its reply."},
    MetricInfo{"rtt_sd", "ms", "Standard deviation of the time from request to reply."},
    MetricInfo{"rtt_median", "ms", "Median time from request to reply."},
    MetricInfo{"rtt_p90", "ms", "90th percentile of the time from request to reply."},
    MetricInfo{"rtt_p99", "ms", "99th percentile of the time from request to reply."},
    MetricInfo{"rtt_max", "ms", "Longest time from request to reply."},
    MetricInfo{"requests", "1", "Requests that clients sent while measured."},
    MetricInfo{"lost", "1", "Of these, those that had no reply in time."},
    MetricInfo{"goodput", "Mb/s", "Payload that arrived at all receivers, in 10^6 bits per second."},
    MetricInfo{"packets", "1/s", "Packets that the network card sent and received."},
    MetricInfo{"packet_cost", "cycles", "CPU time that was not idle, per packet of the network card."},
    MetricInfo{"disk_time", "%",
               "Time in which the drive's arm was in use: seeking, waiting for a sector, transferring."},
    MetricInfo{"disk_rate", "1/s", "Commands that the drive completed per second."},
    MetricInfo{"domain_state", "B", "Memory of the hypervisor per domain, averaged over the guests."},
    MetricInfo{"warmup_cut", "s", "Measured time that was left out as warm-up: see `steady`."},
    MetricInfo{"steady", "1", "1 if MSER-5 found the end of the warm-up; 0: the run is too short for it."},
    MetricInfo{"events", "1", "Events of the simulation while measured."},
};

}  // namespace

std::span<const MetricInfo> metric_catalogue() { return kMetrics; }

std::string relative_name(std::string_view metric) { return "relative_" + std::string{metric}; }

std::string loss_name(std::string_view metric) { return "loss_" + std::string{metric}; }

}  // namespace runner

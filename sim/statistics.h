// Statistics of simulation output: running moments, quantiles, and confidence intervals of means.
//
// Counters are plain integers beside the code they count in. Everything here merges: the statistics of two parts are
// those of the whole, so that replications may run in separate processes.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace sim {

// Mean and spread of a series, without keeping it (Welford's recurrence, merged after Chan et al.).
class RunningStatistics {
 public:
  void add(double value);
  void merge(const RunningStatistics& other);

  std::uint64_t count() const { return count_; }
  double mean() const { return mean_; }
  double variance() const;  // of the population the series is a sample of; 0 for fewer than two values
  double standard_deviation() const;
  double minimum() const { return minimum_; }  // 0 for an empty series
  double maximum() const { return maximum_; }

 private:
  std::uint64_t count_ = 0;
  double mean_ = 0, squares_ = 0;  // sum of squared deviations
  double minimum_ = 0, maximum_ = 0;
};

// Counts of non-negative integers (latencies in any unit) in buckets that are exact up to 2^7 and no wider than 1/128
// of their values beyond: quantiles are right to 0.8 %, whatever the range, in at most 58 KiB.
class Histogram {
 public:
  void record(std::uint64_t value, std::uint64_t times = 1);
  void merge(const Histogram& other);

  std::uint64_t count() const { return count_; }
  std::uint64_t minimum() const { return minimum_; }  // 0 for an empty histogram
  std::uint64_t maximum() const { return maximum_; }
  double mean() const;  // exact

  // The smallest value that at least the share `q` of all recorded ones do not exceed, rounded up to its bucket's last
  // value but not beyond maximum(): between the exact quantile and 129/128 of it. 0 <= q <= 1; 0 for an empty
  // histogram.
  std::uint64_t quantile(double q) const;

 private:
  __extension__ using Wide = unsigned __int128;

  std::vector<std::uint64_t> buckets_;  // up to the last one used
  std::uint64_t count_ = 0, minimum_ = 0, maximum_ = 0;
  Wide sum_ = 0;
};

struct ConfidenceInterval {
  double mean = 0;
  double half_width = 0;  // infinite when there are fewer than two values
  double low() const { return mean - half_width; }
  double high() const { return mean + half_width; }
  bool contains(double value) const { return low() <= value && value <= high(); }
};

// Of the mean of independent values (one per replication), by Student's t. `confidence` like 0.95.
ConfidenceInterval confidence_interval(const RunningStatistics& replications, double confidence);

// The mean of one long correlated series: means of consecutive batches are nearly independent once batches are long
// compared with the correlation. The number of batches stays between `batches` and twice that; whenever it would
// exceed that, neighbours merge and the batch length doubles, so the length of the run need not be known before.
class BatchMeans {
 public:
  explicit BatchMeans(std::size_t batches = 20);
  void add(double value);

  std::size_t complete_batches() const { return means_.size(); }
  std::uint64_t batch_length() const { return length_; }
  // Over the complete batches; the unfinished one is left out.
  ConfidenceInterval interval(double confidence) const;

 private:
  std::size_t batches_;
  std::uint64_t length_ = 1;
  std::vector<double> means_;
  RunningStatistics current_;
};

// How much of the beginning of a series is warm-up, by the rule MSER-5 (White, Cobb and Spratt, 2000): of the means of
// five values each, leave out the first d such that the squared standard error of the rest's mean, as if they were
// independent, is least. Of more than half of the series nothing could be said, so d stays below that.
struct WarmUp {
  std::size_t values = 0;  // to leave out
  bool steady = false;     // the best d was found below the limit, so the series is long enough
};
WarmUp mser5(std::span<const double> series);

}  // namespace sim

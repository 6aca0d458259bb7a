#include "sim/statistics.h"

#include <algorithm>
#include <bit>
#include <boost/math/distributions/students_t.hpp>
#include <cmath>
#include <limits>
#include <stdexcept>

namespace sim {

void RunningStatistics::add(double value) {
  minimum_ = count_ == 0 ? value : std::min(minimum_, value);
  maximum_ = count_ == 0 ? value : std::max(maximum_, value);
  ++count_;
  const double deviation = value - mean_;
  mean_ += deviation / static_cast<double>(count_);
  squares_ += deviation * (value - mean_);
}

void RunningStatistics::merge(const RunningStatistics& other) {
  if (other.count_ == 0) return;
  if (count_ == 0) {
    *this = other;
    return;
  }
  const auto mine = static_cast<double>(count_), others = static_cast<double>(other.count_);
  const double distance = other.mean_ - mean_;
  squares_ += other.squares_ + distance * distance * (mine * others / (mine + others));
  mean_ += distance * (others / (mine + others));
  count_ += other.count_;
  minimum_ = std::min(minimum_, other.minimum_);
  maximum_ = std::max(maximum_, other.maximum_);
}

double RunningStatistics::variance() const {
  return count_ < 2 ? 0 : std::max(0.0, squares_ / static_cast<double>(count_ - 1));
}

double RunningStatistics::standard_deviation() const { return std::sqrt(variance()); }

namespace {

// Values below 2^kExactBits have a bucket each. Beyond, every power of two is divided into 2^kExactBits buckets.
constexpr unsigned kExactBits = 7;
constexpr std::uint64_t kExactValues = std::uint64_t{1} << kExactBits;

std::size_t bucket_of(std::uint64_t value) {
  if (value < kExactValues) return value;
  const auto shift = static_cast<unsigned>(std::bit_width(value)) - 1 - kExactBits;
  // The leading one makes (value >> shift) at least kExactValues: groups of kExactValues buckets follow each other.
  return static_cast<std::size_t>(shift * kExactValues + (value >> shift));
}

std::uint64_t last_value_of(std::size_t bucket) {
  if (bucket < kExactValues) return bucket;
  const std::uint64_t shift = bucket / kExactValues - 1;
  const std::uint64_t first = (bucket % kExactValues + kExactValues) << shift;
  return first + ((std::uint64_t{1} << shift) - 1);
}

}  // namespace

void Histogram::record(std::uint64_t value, std::uint64_t times) {
  if (times == 0) return;
  const std::size_t bucket = bucket_of(value);
  if (bucket >= buckets_.size()) buckets_.resize(bucket + 1);
  buckets_[bucket] += times;
  minimum_ = count_ == 0 ? value : std::min(minimum_, value);
  maximum_ = std::max(maximum_, value);
  count_ += times;
  sum_ += static_cast<Wide>(value) * times;
}

void Histogram::merge(const Histogram& other) {
  if (other.count_ == 0) return;
  if (other.buckets_.size() > buckets_.size()) buckets_.resize(other.buckets_.size());
  for (std::size_t i = 0; i < other.buckets_.size(); ++i) buckets_[i] += other.buckets_[i];
  minimum_ = count_ == 0 ? other.minimum_ : std::min(minimum_, other.minimum_);
  maximum_ = std::max(maximum_, other.maximum_);
  count_ += other.count_;
  sum_ += other.sum_;
}

double Histogram::mean() const { return count_ == 0 ? 0 : static_cast<double>(sum_) / static_cast<double>(count_); }

std::uint64_t Histogram::quantile(double q) const {
  if (!(q >= 0 && q <= 1)) throw std::invalid_argument{"a quantile's share must be between 0 and 1"};
  if (count_ == 0) return 0;
  const auto rank = static_cast<std::uint64_t>(std::ceil(q * static_cast<double>(count_)));
  const std::uint64_t wanted = std::clamp<std::uint64_t>(rank, 1, count_);
  std::uint64_t seen = 0;
  std::size_t bucket = 0;
  while ((seen += buckets_[bucket]) < wanted) ++bucket;
  return std::min(last_value_of(bucket), maximum_);
}

ConfidenceInterval confidence_interval(const RunningStatistics& replications, double confidence) {
  if (replications.count() < 2) return {replications.mean(), std::numeric_limits<double>::infinity()};
  const auto n = static_cast<double>(replications.count());
  const boost::math::students_t t{n - 1};
  const double quantile = boost::math::quantile(boost::math::complement(t, (1 - confidence) / 2));
  return {replications.mean(), quantile * replications.standard_deviation() / std::sqrt(n)};
}

BatchMeans::BatchMeans(std::size_t batches) : batches_{batches} {
  if (batches < 2) throw std::invalid_argument{"batch means need at least two batches"};
}

void BatchMeans::add(double value) {
  current_.add(value);
  if (current_.count() < length_) return;
  means_.push_back(current_.mean());
  current_ = RunningStatistics{};
  if (means_.size() < 2 * batches_) return;
  for (std::size_t i = 0; i < batches_; ++i) means_[i] = (means_[2 * i] + means_[2 * i + 1]) / 2;
  means_.resize(batches_);
  length_ *= 2;
}

ConfidenceInterval BatchMeans::interval(double confidence) const {
  RunningStatistics over_batches;
  for (const double mean : means_) over_batches.add(mean);
  return confidence_interval(over_batches, confidence);
}

WarmUp mser5(std::span<const double> series) {
  constexpr std::size_t kBatch = 5;
  const std::size_t batches = series.size() / kBatch;
  if (batches < 4) return {};
  RunningStatistics rest;  // of the batches from d on; from the end to the beginning
  double least = 0;
  std::size_t best = 0;
  const std::size_t limit = batches / 2;
  for (std::size_t d = batches; d-- > 0;) {
    double sum = 0;
    for (const double value : series.subspan(d * kBatch, kBatch)) sum += value;
    rest.add(sum / kBatch);
    if (d > limit) continue;
    const auto count = static_cast<double>(rest.count());
    const double error = rest.variance() * (count - 1) / count / count;
    if (d == limit || error <= least) {
      least = error;
      best = d;
    }
  }
  return {best * kBatch, best < limit};
}

}  // namespace sim

// Statistics against direct computation on the kept samples.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "sim/random.h"
#include "sim/statistics.h"

using namespace sim;

namespace {

// Values of every magnitude: uniform, heavy-tailed, small integers.
std::vector<std::uint64_t> samples(RandomStream& random) {
  std::vector<std::uint64_t> values(1 + random.below(2'000));
  const std::uint64_t kind = random.below(3);
  const std::uint64_t range = std::uint64_t{1} << random.uniform(1, 62);
  for (std::uint64_t& value : values) {
    value = kind == 0   ? random.below(range)
            : kind == 1 ? std::uint64_t{1} << random.below(63) | random.below(1'000)
                        : random.below(300);
  }
  return values;
}

// The definition: the smallest sample that at least the share q of all do not exceed.
std::uint64_t exact_quantile(const std::vector<std::uint64_t>& sorted, double q) {
  for (std::size_t i = 0; i < sorted.size(); ++i) {
    if (static_cast<double>(i + 1) >= q * static_cast<double>(sorted.size())) return sorted[i];
  }
  return sorted.back();
}

constexpr double kShares[] = {0, 0.001, 0.25, 0.5, 0.9, 0.95, 0.99, 0.999, 1};

}  // namespace

TEST_CASE("a histogram's quantiles lie between the exact ones and 129/128 of them") {
  RandomStream random = Random{11}.stream("histogram");
  for (int round = 0; round < 300; ++round) {
    CAPTURE(round);
    std::vector<std::uint64_t> values = samples(random);
    Histogram histogram;
    for (const std::uint64_t value : values) histogram.record(value);
    std::sort(values.begin(), values.end());
    REQUIRE(histogram.count() == values.size());
    REQUIRE(histogram.minimum() == values.front());
    REQUIRE(histogram.maximum() == values.back());
    REQUIRE(histogram.quantile(1) == values.back());  // never above the largest value recorded
    for (const double q : kShares) {
      CAPTURE(q);
      const std::uint64_t exact = exact_quantile(values, q), quantile = histogram.quantile(q);
      REQUIRE(quantile >= exact);
      REQUIRE(quantile - exact <= exact / 128);
    }
    const auto sum = std::accumulate(values.begin(), values.end(), 0.0L);
    REQUIRE(histogram.mean() == doctest::Approx(static_cast<double>(sum / values.size())).epsilon(1e-12));
  }
}

TEST_CASE("merging histograms of parts gives the histogram of the whole") {
  RandomStream random = Random{12}.stream("histogram");
  for (int round = 0; round < 100; ++round) {
    const std::vector<std::uint64_t> values = samples(random);
    Histogram whole, merged;
    std::vector<Histogram> parts(1 + random.below(5));
    for (const std::uint64_t value : values) {
      whole.record(value);
      parts[random.below(parts.size())].record(value);
    }
    for (const Histogram& part : parts) merged.merge(part);
    REQUIRE(merged.count() == whole.count());
    REQUIRE(merged.minimum() == whole.minimum());
    REQUIRE(merged.maximum() == whole.maximum());
    REQUIRE(merged.mean() == whole.mean());
    for (const double q : kShares) REQUIRE(merged.quantile(q) == whole.quantile(q));
  }
}

TEST_CASE("a histogram takes the largest number, repetitions, and nothing") {
  Histogram histogram;
  CHECK(histogram.quantile(0.5) == 0);
  CHECK(histogram.mean() == 0);
  histogram.record(UINT64_MAX);
  CHECK(histogram.quantile(0.5) == UINT64_MAX);
  histogram.record(3, 1'000);
  CHECK(histogram.quantile(0.99) == 3);
  CHECK(histogram.count() == 1'001);
  CHECK_THROWS(histogram.quantile(1.5));
}

TEST_CASE("running moments equal the two-pass ones, also after merging and far from zero") {
  RandomStream random = Random{13}.stream("moments");
  for (int round = 0; round < 200; ++round) {
    const double offset = round % 2 == 0 ? 0 : 1e9;
    std::vector<double> values(2 + random.below(500));
    for (double& value : values) value = offset + random.exponential(3.0);
    RunningStatistics merged;
    std::vector<RunningStatistics> parts(1 + random.below(4));
    for (const double value : values) parts[random.below(parts.size())].add(value);
    for (const RunningStatistics& part : parts) merged.merge(part);

    const auto n = static_cast<double>(values.size());
    const double mean = std::accumulate(values.begin(), values.end(), 0.0) / n;
    double squares = 0;
    for (const double value : values) squares += (value - mean) * (value - mean);
    REQUIRE(merged.count() == values.size());
    REQUIRE(merged.mean() == doctest::Approx(mean).epsilon(1e-12));
    REQUIRE(merged.standard_deviation() == doctest::Approx(std::sqrt(squares / (n - 1))).epsilon(1e-6));
    REQUIRE(merged.minimum() == *std::min_element(values.begin(), values.end()));
    REQUIRE(merged.maximum() == *std::max_element(values.begin(), values.end()));
  }
}

TEST_CASE("Student's t: five replications 1..5 have the mean 3 +- 1.9632 at 95 %") {
  RunningStatistics replications;
  CHECK(std::isinf(confidence_interval(replications, 0.95).half_width));
  for (const double value : {1, 2, 3, 4, 5}) replications.add(value);
  const ConfidenceInterval interval = confidence_interval(replications, 0.95);
  CHECK(interval.mean == 3);
  CHECK(interval.half_width == doctest::Approx(2.776445 * std::sqrt(2.5 / 5)));  // t(4, 0.975) from tables
  CHECK(interval.contains(1.04));
  CHECK_FALSE(interval.contains(1.03));
}

TEST_CASE("a 90 % interval contains the true mean in nine of ten experiments") {
  RandomStream random = Random{14}.stream("coverage");
  int covered = 0;
  constexpr int kExperiments = 4'000;
  for (int i = 0; i < kExperiments; ++i) {
    RunningStatistics replications;
    // The sum of uniforms is close to normal, as the interval assumes.
    for (int j = 0; j < 8; ++j) {
      double sum = 0;
      for (int k = 0; k < 12; ++k) sum += random.real();
      replications.add(sum);
    }
    covered += confidence_interval(replications, 0.9).contains(6.0);
  }
  CHECK(covered / static_cast<double>(kExperiments) == doctest::Approx(0.9).epsilon(0.025));  // 5 standard errors
}

TEST_CASE("batch means keep 20 to 40 batches of one length, and their mean is that of the values they cover") {
  BatchMeans batches{20};
  RandomStream random = Random{15}.stream("batches");
  std::vector<double> values;
  for (int i = 1; i <= 10'000; ++i) {
    values.push_back(random.real());
    batches.add(values.back());
    REQUIRE(batches.complete_batches() < 40);
    if (i >= 40) REQUIRE(batches.complete_batches() >= 20);
    REQUIRE(batches.complete_batches() == values.size() / batches.batch_length());
  }
  const std::size_t covered = batches.complete_batches() * batches.batch_length();
  const double mean = std::accumulate(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(covered), 0.0) /
                      static_cast<double>(covered);
  CHECK(batches.interval(0.95).mean == doctest::Approx(mean));
}

TEST_CASE("batch means see the correlation that independent values would hide") {
  // A first-order autoregressive series with coefficient 0.95: the variance of its mean is 39 times that of
  // independent values of the same spread.
  RandomStream random = Random{16}.stream("series");
  int batches_cover = 0, naive_covers = 0;
  constexpr int kExperiments = 300;
  for (int i = 0; i < kExperiments; ++i) {
    BatchMeans batches;
    RunningStatistics naive;
    double state = 0;
    for (int j = 0; j < 20'000; ++j) {
      state = 0.95 * state + random.real() - 0.5;
      batches.add(state);
      naive.add(state);
    }
    batches_cover += batches.interval(0.95).contains(0);
    naive_covers += confidence_interval(naive, 0.95).contains(0);
  }
  CHECK(batches_cover > 0.90 * kExperiments);
  CHECK(naive_covers < 0.40 * kExperiments);
}

TEST_CASE("MSER-5 cuts a warm-up that decays, leaves a steady series alone, and says when it cannot tell") {
  sim::RandomStream random = sim::Random{1}.stream("mser");
  const auto noise = [&] { return random.real() - 0.5; };
  int cut_too_little = 0, cut_of_steady = 0;
  for (int repetition = 0; repetition < 100; ++repetition) {
    std::vector<double> decaying, steady, rising;
    for (int i = 0; i < 400; ++i) {
      decaying.push_back(10 + 20 * std::exp(-i / 20.0) + noise());  // within the noise from about 75 on
      steady.push_back(10 + noise());
      rising.push_back(i + noise());
    }
    const sim::WarmUp cut = sim::mser5(decaying);
    CHECK(cut.steady);
    CHECK(cut.values % 5 == 0);
    if (cut.values < 50 || cut.values > 150) ++cut_too_little;
    if (sim::mser5(steady).values > 100) ++cut_of_steady;
    CHECK(!sim::mser5(rising).steady);
  }
  CHECK(cut_too_little <= 10);
  CHECK(cut_of_steady <= 10);
  CHECK(sim::mser5(std::vector<double>(19, 1.0)).values == 0);
}

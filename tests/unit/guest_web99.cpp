#include <doctest/doctest.h>

#include <array>
#include <cmath>
#include <map>
#include <set>

#include "workloads/programs/web99/file_set.h"
#include "workloads/programs/web99/profile.h"
#include "workloads/programs/web99/requests.h"

namespace {

using guest::Web99Profile;
using guest::WebFile;
using guest::WebFileChoice;
using guest::WebFileSet;
using guest::WebMix;
using guest::WebRequest;

constexpr WebFileChoice::Shares kShares{35, 50, 14, 1};

WebMix make_mix(std::uint64_t seed = 1) { return {Web99Profile::standard(), 500, sim::Random{seed}, "test"}; }

}  // namespace

TEST_CASE("a directory has 36 files of 102.4 bytes to 900 KB, 4.88 MB together") {
  CHECK(WebFileSet::bytes(0, 1) == 102);
  CHECK(WebFileSet::bytes(0, 9) == 921);
  CHECK(WebFileSet::bytes(1, 5) == 5'120);
  CHECK(WebFileSet::bytes(2, 5) == 51'200);
  CHECK(WebFileSet::bytes(3, 9) == 921'600);
  std::uint64_t sum = 0;
  for (std::uint32_t size_class = 0; size_class < 4; ++size_class) {
    for (std::uint32_t number = 1; number <= 9; ++number) sum += WebFileSet::bytes(size_class, number);
  }
  CHECK(sum == doctest::Approx(4.88 * (1 << 20)).epsilon(0.003));
}

TEST_CASE("there are 25 directories and 66 more for every hundred connections") {
  CHECK(WebFileSet{0}.directories() == 25);
  CHECK(WebFileSet{100}.directories() == 91);
  CHECK(WebFileSet{518}.directories() == 366);
}

TEST_CASE(
    "the mean file asked for has 14.6 KB: 1/H(9) of a class for the first of its order, half of that for the next") {
  const WebFileChoice choice{kShares};
  // Mean number of a file in 5 4 6 3 7 2 8 1 9 by Zipf's law: 4.746 = (5 + 4/2 + 6/3 + 3/4 + 7/5 + 2/6 + 8/7 + 1/8 + 1)
  // / 2.829
  constexpr double kMeanNumber = (5 + 4 / 2. + 6 / 3. + 3 / 4. + 7 / 5. + 2 / 6. + 8 / 7. + 1 / 8. + 9 / 9.) /
                                 (1 + 1 / 2. + 1 / 3. + 1 / 4. + 1 / 5. + 1 / 6. + 1 / 7. + 1 / 8. + 1 / 9.);
  constexpr double kMean = kMeanNumber * 102.4 * (0.35 + 0.5 * 10 + 0.14 * 100 + 0.01 * 1000);
  CHECK(choice.mean_bytes() == doctest::Approx(kMean).epsilon(0.001));
  CHECK(choice.mean_bytes() == doctest::Approx(14'609).epsilon(0.03));
}

TEST_CASE("files are chosen by their shares, and weighted by size the large class has two thirds of the time") {
  const WebFileChoice choice{kShares};
  constexpr std::uint64_t kSteps = 100'000;
  std::array<double, 4> by_requests{}, by_bytes{};
  std::map<int, double> of_class1;
  for (std::uint64_t i = 0; i < kSteps; ++i) {
    const std::uint64_t even = i * (UINT64_MAX / kSteps);
    const WebFile file = choice.by_requests(even);
    by_requests[file.size_class] += 1.0 / kSteps;
    if (file.size_class == 1) of_class1[file.number] += 1.0 / kSteps;
    by_bytes[choice.by_bytes(even).size_class] += 1.0 / kSteps;
  }
  CHECK(by_requests[0] == doctest::Approx(0.35).epsilon(0.001));
  CHECK(by_requests[1] == doctest::Approx(0.50).epsilon(0.001));
  CHECK(by_requests[2] == doctest::Approx(0.14).epsilon(0.001));
  CHECK(by_requests[3] == doctest::Approx(0.01).epsilon(0.005));
  CHECK(of_class1[5] == doctest::Approx(0.5 / 2.829).epsilon(0.001));
  CHECK(of_class1[4] == doctest::Approx(0.5 / 2 / 2.829).epsilon(0.001));
  CHECK(of_class1[9] == doctest::Approx(0.5 / 9 / 2.829).epsilon(0.001));
  CHECK(by_bytes[3] == doctest::Approx(10 / (0.35 + 5 + 14 + 10)).epsilon(0.001));
}

TEST_CASE("directories follow Zipf's law with exponent 1") {
  const WebFileSet set{500};
  sim::RandomStream random = sim::Random{7}.stream("directories");
  std::map<std::uint32_t, int> times;
  constexpr int kDraws = 200'000;
  for (int i = 0; i < kDraws; ++i) ++times[set.pick_directory(random)];
  double harmonic = 0;
  for (std::uint32_t rank = 1; rank <= set.directories(); ++rank) harmonic += 1.0 / rank;
  for (const std::uint32_t directory : {0u, 1u, 3u, 9u, 99u}) {
    const double expected = kDraws / harmonic / (directory + 1);
    CHECK(times[directory] == doctest::Approx(expected).epsilon(5 / std::sqrt(expected)));
  }
  CHECK(times.rbegin()->first < set.directories());
}

TEST_CASE(
    "every five thousand requests have the whole mix: 70 % static, 16 % of the others posts, the mean size within 5 "
    "%") {
  WebMix mix = make_mix();
  for (int window = 0; window < 5; ++window) {
    std::array<int, WebRequest::kKinds> kinds{};
    double bytes = 0;
    for (int i = 0; i < 5000; ++i) {
      const WebRequest request = mix.next();
      ++kinds[static_cast<std::size_t>(request.kind)];
      bytes += request.body_bytes();
    }
    CAPTURE(window);
    CHECK(kinds[0] == doctest::Approx(3500).epsilon(0.01));
    CHECK(kinds[1] == doctest::Approx(622.5).epsilon(0.04));
    CHECK(kinds[2] == doctest::Approx(630).epsilon(0.04));
    CHECK(kinds[3] == doctest::Approx(240).epsilon(0.07));
    CHECK(kinds[4] <= 11);
    CHECK(bytes / 5000 == doctest::Approx(mix.files().mean_bytes()).epsilon(0.05));
  }
}

TEST_CASE("0.37 connections a request: 70 % of requests are on persistent ones of 5 to 15") {
  WebMix mix = make_mix();
  int connections = 0, requests = 0, persistent = 0;
  while (requests < 10'000) {
    const std::uint32_t on_it = mix.on_connection();
    REQUIRE((on_it == 1 || (on_it >= 5 && on_it <= 15)));
    ++connections;
    requests += static_cast<int>(on_it);
    if (on_it > 1) persistent += static_cast<int>(on_it);
  }
  CHECK(1.0 * connections / requests == doctest::Approx(0.37).epsilon(0.05));
  CHECK(1.0 * persistent / requests == doctest::Approx(0.70).epsilon(0.05));
}

TEST_CASE("a user in the middle of a transfer has on average half of a file left, of files weighted by size") {
  WebMix mix = make_mix();
  const double weighted = mix.files().mean_square_bytes() / mix.files().mean_bytes();
  double left = 0, persistent = 0;
  int waiting = 0;
  constexpr int kUsers = 20'000;
  for (int i = 0; i < kUsers; ++i) {
    const WebMix::Middle middle = mix.middle();
    if (middle.waiting) {
      CHECK(middle.request.skip == 0);
      ++waiting;
      continue;
    }
    REQUIRE(middle.request.skip < WebFileSet::bytes(middle.request.file));
    REQUIRE(middle.on_connection >= 1);
    REQUIRE(middle.on_connection <= 15);
    left += middle.request.body_bytes();
    if (middle.on_connection > 1) persistent += 1;
  }
  CHECK(waiting == doctest::Approx(kUsers * 0.2).epsilon(0.01));  // 1 - 320 / 400
  CHECK(left / (kUsers - waiting) == doctest::Approx(weighted / 2).epsilon(0.05));
  CHECK(persistent / (kUsers - waiting) > 0.5);
}

TEST_CASE("another seed draws other files of the same mix, the same seed the same") {
  WebMix one = make_mix(1), same = make_mix(1), other = make_mix(2);
  int differ = 0;
  for (int i = 0; i < 100; ++i) {
    const WebRequest request = one.next();
    CHECK(same.next().file == request.file);
    if (!(other.next().file == request.file)) ++differ;
  }
  CHECK(differ > 50);
}

TEST_CASE("a request is read once, by whoever reads on its connection") {
  guest::WebRequests requests;
  const guest::SocketAddress user{0x0a010001, 1024}, other{0x0a010001, 1025};
  requests.ask(user, {.kind = WebRequest::Kind::post, .file = {3, 1, 5}});
  CHECK(!requests.read(other));
  CHECK(requests.waiting() == 1);
  CHECK(requests.read(user)->file == WebFile{3, 1, 5});
  CHECK(!requests.read(user));
  CHECK(requests.asked() == 1);
}

TEST_CASE("a profile that cannot be is refused with its key") {
  Web99Profile profile = Web99Profile::standard();
  CHECK_THROWS_AS(profile.set("web99.dynamic_post", 9'999), model::ParameterError);
  CHECK_THROWS_AS(profile.set("web99.conforming_rate", 500'000), model::ParameterError);
  CHECK_THROWS_AS(profile.set("web99.piece_bytes", 1'000), model::ParameterError);
  profile.set("web99.dynamic_post", 480);
  CHECK(profile.dynamic_post == 480);
}

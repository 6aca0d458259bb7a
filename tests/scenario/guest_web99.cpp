#include <doctest/doctest.h>

#include <array>
#include <memory>

#include "support/guest_host.h"
#include "workloads/programs/web99/apache.h"

namespace {

using guest::System;
using guest::Web99Profile;
using sim::Duration;

constexpr const char* kOwn[] = {"guest.web.", "kernel."};

// A web server with so many users, and a profile of which the test has changed something.
struct Server {
  explicit Server(System system, std::uint32_t connections,
                  const std::shared_ptr<const Web99Profile>& profile = nullptr, std::uint32_t servers = 1,
                  std::uint32_t cpus = 1)
      : prefix{kOwn[system == System::xen ? 0 : 1]} {
    std::vector<guest::GuestSpec> guests;
    for (std::uint32_t i = 0; i < servers; ++i) {
      guest::GuestSpec spec;
      spec.name = servers == 1 ? "web" : "web" + std::to_string(i + 1);
      spec.memory_bytes = 64 << 20;
      spec.network = true;
      guest::Web99Settings web;
      web.connections = connections;
      web.profile = profile;
      spec.programs = {web};
      guests.push_back(spec);
    }
    host.emplace(test::host_of(system, guests, cpus));
    host->boot();
  }
  std::int64_t count(const std::string& metric) const { return test::count_of(*host, metric); }
  std::int64_t of_kernel(const std::string& metric) const { return count(prefix + metric); }

  std::string prefix;
  std::optional<guest::Host> host;
};

// Everybody asks for static files of one class only, over and over on connections of their own or on persistent ones.
std::shared_ptr<const Web99Profile> only(std::uint32_t size_class, bool persistent) {
  auto profile = std::make_shared<Web99Profile>(Web99Profile::standard());
  for (const char* kind : {"standard", "advertisement", "post", "cgi"}) {
    profile->set(std::string{"web99.dynamic_"} + kind, 0);
  }
  profile->set("web99.class" + std::to_string(size_class) + "_share", 100);
  for (std::uint32_t other = 0; other < 4; ++other) {
    if (other != size_class) profile->set("web99.class" + std::to_string(other) + "_share", 0);
  }
  profile->set("web99.persistent_share", persistent ? 100 : 0);
  return profile;
}

struct PerRequest {
  double calls, faults, switches, packets_in, packets_out, connections;
};

// Once every process of the server has answered somebody, and so has its own copies of the pages that it writes.
PerRequest per_request(System system, const std::shared_ptr<const Web99Profile>& profile, std::uint32_t connections) {
  Server server{system, connections, profile};
  server.host->run_for(Duration::seconds(3));
  const auto reading = [&] {
    const auto of = [&](const std::string& name) { return static_cast<double>(server.count(name)); };
    const auto of_kernel = [&](const std::string& name) { return static_cast<double>(server.of_kernel(name)); };
    return std::array{of("web.0.answers"),           of_kernel("system_calls"), of_kernel("page_faults"),
                      of_kernel("process_switches"), of("nic.received"),        of("nic.transmitted"),
                      of("web.0.connections")};
  };
  const auto begin = reading();
  server.host->run_for(Duration::seconds(4));
  auto end = reading();
  for (std::size_t i = 0; i < end.size(); ++i) end[i] -= begin[i];
  REQUIRE(end[0] > 50);
  CHECK(!server.host->audit());
  return {end[1] / end[0], end[2] / end[0], end[3] / end[0], end[4] / end[0], end[5] / end[0], end[6] / end[0]};
}

}  // namespace

TEST_CASE("a static file of 1 to 9 KB on a connection of its own takes the calls that Apache was seen to make") {
  const PerRequest own = per_request(System::native, only(1, false), 5);
  CHECK(own.connections == doctest::Approx(1).epsilon(0.05));
  CHECK(own.calls == doctest::Approx(30.3).epsilon(0.05));
}

TEST_CASE("and 20.4 on a persistent connection, of which there is one for ten requests") {
  const PerRequest persistent = per_request(System::native, only(1, true), 5);
  CHECK(persistent.connections == doctest::Approx(0.1).epsilon(0.35));
  CHECK(persistent.calls == doctest::Approx(20.4).epsilon(0.05));
}

TEST_CASE(
    "a file under 1 KB goes out in one segment and is one page fault, and each side acknowledges the other's end") {
  const PerRequest small = per_request(System::native, only(0, false), 2);
  // In: SYN, its acknowledgement, the request, one for data and end, the user's end.
  CHECK(small.packets_in == doctest::Approx(5).epsilon(0.15));
  // Out: SYN, data, end, and one for the user's end; the request is acknowledged with the data.
  CHECK(small.packets_out == doctest::Approx(4.5).epsilon(0.15));
  CHECK(small.faults == doctest::Approx(1).epsilon(0.3));
}

TEST_CASE("every page of a file of 10 to 90 KB faults once, and every 32 KB are a call") {
  const PerRequest large = per_request(System::native, only(2, false), 20);
  // Mean number of a file 4.75: 48.6 KB are 12.4 pages and 33.5 segments of 1448 bytes.
  CHECK(large.faults == doctest::Approx(12.4).epsilon(0.1));
  CHECK(large.packets_out == doctest::Approx(35.8).epsilon(0.1));
}

TEST_CASE("a user's transfer takes the time of its line as long as the server is idle") {
  for (const System system : {System::native, System::xen, System::vmware, System::uml}) {
    CAPTURE(static_cast<int>(system));
    Server server{system, 5};
    server.host->run_for(Duration::seconds(2));
    const std::uint64_t before = server.host->web_users(0).counts().bytes;
    server.host->run_for(Duration::seconds(4));
    const auto bytes = static_cast<double>(server.host->web_users(0).counts().bytes - before);
    CHECK(bytes * 8 / 4 / 5 == doctest::Approx(400'000).epsilon(0.03));
    CHECK(server.count("web.0.failed") == 0);
    CHECK(server.count("web.0.retransmitted") == 0);
    CHECK(!server.host->audit());
  }
}

TEST_CASE("a request that forks a CGI program is answered, and nothing of the program is left") {
  auto profile = std::make_shared<Web99Profile>(*only(1, true));
  profile->set("web99.dynamic_cgi", 10'000);
  for (const System system : {System::native, System::xen}) {
    Server server{system, 2, profile};
    server.host->run_for(Duration::seconds(3));
    CHECK(server.count("web.0.answers") > 20);
    CHECK(server.count("web.0.failed") == 0);
    CHECK(!server.host->audit());
  }
}

TEST_CASE("posts of several processes are written one after the other") {
  auto profile = std::make_shared<Web99Profile>(*only(0, false));
  profile->set("web99.dynamic_post", 10'000);
  Server server{System::native, 20, profile};
  server.host->run_for(Duration::seconds(2));
  CHECK(server.count("web.0.answers") > 500);
  CHECK(server.count("web.0.failed") == 0);
  CHECK(!server.host->audit());
}

TEST_CASE("servers of one kernel and servers in domains answer their own users, the same seed the same way") {
  for (const System system : {System::native, System::xen}) {
    Server one{system, 8, nullptr, 3, 2}, same{system, 8, nullptr, 3, 2};
    one.host->run_for(Duration::milliseconds(1500));
    same.host->run_for(Duration::milliseconds(1500));
    CHECK(one.host->fingerprint() == same.host->fingerprint());
    for (int i = 0; i < 3; ++i) {
      CHECK(one.count("web." + std::to_string(i) + ".answers") > 10);
      CHECK(one.count("web." + std::to_string(i) + ".failed") == 0);
    }
    CHECK(!one.host->audit());
  }
}

TEST_CASE("lost frames are sent again and no request is lost") {
  guest::GuestSpec spec;
  spec.name = "web";
  spec.memory_bytes = 64 << 20;
  spec.network = true;
  guest::Web99Settings web;
  web.connections = 20;
  spec.programs = {web};
  guest::HostSpec host_spec = test::host_of(System::xen, {spec});
  host_spec.frames_lost_per_million = 10'000;
  guest::Host host{host_spec};
  host.boot();
  host.run_for(Duration::seconds(3));
  CHECK(test::count_of(host, "web.0.answers") > 100);
  CHECK(test::count_of(host, "wire.lost") > 10);
  CHECK(test::count_of(host, "web.0.failed") == 0);
  CHECK(!host.audit());
}

TEST_CASE("web99 without a network interface is refused by name") {
  guest::GuestSpec spec;
  spec.name = "lonely";
  spec.memory_bytes = 32 << 20;
  spec.programs = {guest::Web99Settings{}};
  CHECK_THROWS_AS(guest::Host{test::host_of(System::xen, {spec})}, guest::SpecError);
}

// SPDX-License-Identifier: Apache-2.0
// config-linux.md, "Network Devices". "The host" of these tests is a network namespace of their own.
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include "support/bundle.hpp"
#include "support/catch.hpp"

using test::Bundle;
using namespace Catch::Matchers;

namespace {

/// Runs a program to its end; it is of the test's own surroundings, so it has to succeed.
std::string tool(const test::Words& words) {
  test::Command command;
  command.words = {"/usr/bin/env", "PATH=/usr/sbin:/usr/bin:/sbin:/bin"};
  command.words.insert(command.words.end(), words.begin(), words.end());
  const auto out = "/dev/shm/network-test." + std::to_string(::getpid());
  const auto err = out + ".err";
  const auto result = test::execute(command, out, err);
  ::unlink(out.c_str());
  ::unlink(err.c_str());
  INFO(result.err);
  CHECK(result.status == 0);
  return result.out;
}

std::string namespace_of(pid_t pid) {
  return "/proc/" + std::to_string(pid) + "/ns/net";
}

/// "ip WORDS" in the network namespace that `file` stands for.
std::string ip_in(const std::string& file, const test::Words& words) {
  test::Words all{"nsenter", "--net=" + file, "ip"};
  all.insert(all.end(), words.begin(), words.end());
  return tool(all);
}

/// While it lives, this process and what it starts are in a new network namespace with one veth pair, eth1 and peer1.
class PrivateHost {
 public:
  PrivateHost() : home_(::open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC)) {
    REQUIRE(home_);
    if (::access("/usr/sbin/ip", X_OK) != 0 && ::access("/sbin/ip", X_OK) != 0 && ::access("/usr/bin/ip", X_OK) != 0)
      test::skip("there is no ip(8)");
    REQUIRE(::unshare(CLONE_NEWNET) == 0);
    add("eth1", "peer1");
  }
  ~PrivateHost() { CHECK(::setns(home_.get(), CLONE_NEWNET) == 0); }
  PrivateHost(const PrivateHost&) = delete;
  PrivateHost& operator=(const PrivateHost&) = delete;

  void add(const std::string& name, const std::string& peer) const {
    tool({"ip", "link", "add", name, "type", "veth", "peer", "name", peer});
  }
  /// As most of the tests want it.
  void configure() const {
    tool({"ip", "link", "set", "eth1", "address", "02:00:00:00:12:34", "mtu", "1321"});
    tool({"ip", "address", "add", "192.0.2.7/24", "brd", "+", "label", "eth1:x", "dev", "eth1"});
    tool({"ip", "address", "add", "169.254.9.9/16", "scope", "link", "dev", "eth1"});
    tool({"ip", "-6", "address", "add", "2001:db8::7/64", "nodad", "dev", "eth1"});
    tool({"ip", "link", "set", "eth1", "up"});
  }
  std::string show() const { return tool({"ip", "-d", "address", "show"}); }

 private:
  oci::Fd home_;
};

/// A further network namespace that outlives containers.
class KeptNamespace {
 public:
  explicit KeptNamespace(const Bundle& b) : file_(b.path("kept-network")) {
    test::spill(file_, "");
    tool({"unshare", "--net=" + file_, "true"});
  }
  ~KeptNamespace() { ::umount2(file_.c_str(), MNT_DETACH); }
  KeptNamespace(const KeptNamespace&) = delete;
  KeptNamespace& operator=(const KeptNamespace&) = delete;
  const std::string& file() const noexcept { return file_; }

 private:
  std::string file_;
};

void join(Bundle& b, const std::string& file) {
  b.set("linux.namespaces", R"([{"type": "pid"}, {"type": "mount"}, {"type": "ipc"}, {"type": "uts"}])");
  b.set("linux.namespaces[]", R"({"type": "network", "path": ")" + file + "\"}");
}

}  // namespace

TEST_CASE("a network device is the container's with what it was configured with, and is up") {
  const PrivateHost host;
  host.configure();
  Bundle b;
  b.set("linux.netDevices", R"({"eth1": {}})").args({"pause"}).launch();
  const auto inside = ip_in(namespace_of(b.pid()), {"address", "show", "dev", "eth1"});
  INFO(inside);
  CHECK_THAT(inside, Contains("mtu 1321") && Contains("link/ether 02:00:00:00:12:34"));
  CHECK_THAT(inside, Contains("inet 192.0.2.7/24 brd 192.0.2.255 scope global eth1:x"));
  CHECK_THAT(inside, Contains("inet6 2001:db8::7/64 scope global nodad"));
  CHECK_THAT(inside, Contains(",UP"));
  CHECK_THAT(inside, !Contains("169.254.9.9"));  // of this link only: the host's
  CHECK_THAT(host.show(), !Contains("192.0.2.7"));
}

TEST_CASE("a network device gets the name that config.json gives it, and so do its labels") {
  const PrivateHost host;
  host.configure();
  Bundle b;
  b.set("linux.netDevices", R"({"eth1": {"name": "ctr0"}})").args({"pause"}).launch();
  const auto inside = ip_in(namespace_of(b.pid()), {"address", "show", "dev", "ctr0"});
  CHECK_THAT(inside, Contains("192.0.2.7/24 brd 192.0.2.255 scope global ctr0:x") && Contains("2001:db8::7/64"));
}

TEST_CASE("the kernel puts the number into a name with %d, also where the device's index is taken") {
  const PrivateHost host;
  host.configure();
  host.add("eth2", "peer2");
  Bundle b;
  const KeptNamespace kept(b);
  // Takes every index that the host's devices have, and the first name.
  for (const auto* name : {"one7", "two7", "three7"}) ip_in(kept.file(), {"link", "add", name, "type", "veth"});
  ip_in(kept.file(), {"link", "set", "one7", "name", "net0"});
  join(b, kept.file());
  b.set("linux.netDevices", R"({"eth1": {"name": "net%d"}, "eth2": {"name": "net%d"}})").args({"pause"}).launch();
  CHECK_THAT(ip_in(kept.file(), {"address", "show", "dev", "net1"}), Contains("192.0.2.7/24") && Contains(",UP"));
  CHECK_THAT(ip_in(kept.file(), {"address", "show", "dev", "net2"}), Contains(",UP"));
}

TEST_CASE("a network device changes places with one of its name") {
  const PrivateHost host;
  host.configure();
  host.add("eth2", "peer2");
  Bundle b;
  b.set("linux.netDevices", R"({"eth1": {"name": "eth2"}, "eth2": {"name": "eth1"}})").args({"pause"}).launch();
  CHECK_THAT(ip_in(namespace_of(b.pid()), {"address", "show", "dev", "eth2"}), Contains("192.0.2.7/24"));
  CHECK_THAT(ip_in(namespace_of(b.pid()), {"address", "show", "dev", "eth1"}), !Contains("192.0.2.7/24"));
}

TEST_CASE("a network device in a joined namespace stays with whoever owns that") {
  const PrivateHost host;
  host.configure();
  Bundle b;
  const KeptNamespace kept(b);
  join(b, kept.file());
  b.set("linux.netDevices", R"({"eth1": {}})").args({"pause"}).launch();
  CHECK(b.remove_container({"--force"}).status == 0);
  CHECK_THAT(ip_in(kept.file(), {"address", "show", "dev", "eth1"}), Contains("192.0.2.7/24"));
}

TEST_CASE("a container in a user namespace gets its network devices, too") {
  const PrivateHost host;
  host.configure();
  Bundle b;
  b.map_ids(100000, 65536).set("linux.netDevices", R"({"eth1": {"name": "ctr0"}})").args({"pause"}).launch();
  CHECK_THAT(ip_in(namespace_of(b.pid()), {"address", "show", "dev", "ctr0"}),
             Contains("192.0.2.7/24") && Contains("2001:db8::7/64") && Contains(",UP"));
}

TEST_CASE("sysctls find the network devices in place") {
  const PrivateHost host;
  Bundle b;
  b.set("linux.netDevices", R"({"eth1": {"name": "ctr0"}})")
      .set("linux.sysctl", R"({"net.ipv4.conf.ctr0.forwarding": "1"})");
  CHECK(b.args({"cat", "/proc/sys/net/ipv4/conf/ctr0/forwarding"}).run().out == "1\n");
}

TEST_CASE("a container that does not come to be leaves the network devices as they were") {
  const PrivateHost host;
  host.configure();
  host.add("eth2", "peer2");
  tool({"ip", "link", "set", "peer1", "up"});
  // IPv6 looks for duplicates for a while.
  test::eventually([&] { return host.show().find("tentative") == std::string::npos; });
  const auto before = host.show();
  const auto fails = [&](const std::string& devices, const std::string& program, const std::string& message) {
    Bundle b;
    b.set("linux.netDevices", devices).set("process.args", "[\"" + program + "\"]");
    const auto r = b.create();
    INFO(devices << " " << r.err);
    CHECK(r.status != 0);
    CHECK_THAT(test::unquoted(r.err), Contains(message));
    // Flags that the carrier brings come a moment later.
    CHECK(test::eventually([&] { return host.show() == before; }));
    CHECK(host.show() == before);
  };
  fails(R"({"eth1": {"name": "ctr0"}})", "/missing", "/missing");
  fails(R"({"eth1": {}, "none7": {}})", "/inside",
        "linux.netDevices.none7: the host's network namespace has no such device");
  fails(R"({"eth1": {}, "eth2": {"name": "lo"}})", "/inside",
        "linux.netDevices.eth2: the container's network namespace has a device lo already");
  fails(R"({"eth1": {"name": "x%d"}, "lo": {"name": "lo7"}})", "/inside",
        "linux.netDevices.lo: move it to another network namespace");
}

TEST_CASE("the host's own network namespace takes no network devices") {
  const PrivateHost host;
  host.configure();
  const auto before = host.show();
  Bundle b;
  join(b, namespace_of(::getpid()));
  b.remove("linux.sysctl").set("linux.netDevices", R"({"eth1": {}})");
  CHECK_THAT(b.args({"pause"}).create().err,
             Contains("linux.netDevices.eth1") && Contains("is the host's network namespace"));
  CHECK(host.show() == before);
}

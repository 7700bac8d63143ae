// SPDX-License-Identifier: Apache-2.0
// config-linux.md, "Namespaces", "User namespace mappings", "Offset for Time Namespace".
#include <sched.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support/bundle.hpp"
#include "support/catch.hpp"

using test::Bundle;
using test::line_with;
using namespace Catch::Matchers;

namespace {

std::string own_namespace(const std::string& name, const std::string& pid = "self") {
  std::string target(64, '\0');
  const auto size = ::readlink(("/proc/" + pid + "/ns/" + name).c_str(), target.data(), target.size());
  target.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
  return target;
}

std::string path_of(const std::string& name, pid_t pid) {
  return R"({"type": ")" + name + R"(", "path": "/proc/)" + std::to_string(pid) + "/ns/" +
         (name == "network" ? "net"
          : name == "mount" ? "mnt"
                            : name) +
         "\"}";
}

/// A bundle without the namespace `name`.
void drop(Bundle& b, const std::string& name) {
  const test::Words all{"pid", "network", "ipc", "uts", "mount", "cgroup"};
  b.set("linux.namespaces", "[]");
  for (const auto& one : all)
    if (one != name) b.set("linux.namespaces[]", R"({"type": ")" + one + "\"}");
}

}  // namespace

TEST_CASE("every configured namespace is a new one") {
  Bundle b;
  const auto out = b.args({"ns"}).run().out;
  for (const auto* name : {"pid", "net", "ipc", "uts", "mnt", "cgroup"}) {
    INFO(name << " in " << out);
    CHECK_FALSE(line_with(out, std::string(name) + ":").empty());
    CHECK(line_with(out, std::string(name) + ":") != own_namespace(name));
  }
  CHECK(line_with(out, "user:") == own_namespace("user"));
}

TEST_CASE("a namespace that is not configured is the caller's") {
  for (const std::string name : {"network", "ipc", "uts", "cgroup"}) {
    Bundle b;
    drop(b, name);
    if (name == "uts") b.remove("hostname");
    if (name == "ipc" || name == "network") b.remove("linux.sysctl");
    const std::string short_name = name == "network" ? "net" : name;
    const auto r = b.args({"ns"}).run();
    INFO(name);
    CHECK(line_with(r.out, short_name + ":") == own_namespace(short_name));
  }
}

TEST_CASE("without a pid namespace the program is an ordinary process of the host") {
  Bundle b;
  drop(b, "pid");
  CHECK(line_with(b.args({"ns"}).run().out, "pid:") == own_namespace("pid"));
}

TEST_CASE("a namespace given by its path is joined") {
  Bundle first;
  first.args({"pause"}).launch();
  const pid_t pid = first.pid();
  for (const std::string name : {"network", "ipc", "uts"}) {
    Bundle b;
    drop(b, name);
    if (name == "uts") b.remove("hostname");
    b.set("linux.namespaces[]", path_of(name, pid));
    const std::string short_name = name == "network" ? "net" : name;
    const auto r = b.args({"ns"}).run();
    INFO(name);
    CHECK(line_with(r.out, short_name + ":") == own_namespace(short_name, std::to_string(pid)));
  }
}

TEST_CASE("a container that joins a pid namespace is not its first process") {
  Bundle first;
  first.args({"pause"}).launch();
  Bundle b;
  drop(b, "pid");
  const auto r = b.set("linux.namespaces[]", path_of("pid", first.pid())).args({"do", "ns", "--", "session"}).run();
  CHECK(line_with(r.out, "pid:") == own_namespace("pid", std::to_string(first.pid())));
  CHECK_THAT(r.out, !Contains("pid=1 "));
}

TEST_CASE("killing a container that shares a pid namespace leaves the namespace's owner alone") {
  Bundle first;
  first.args({"pause"}).launch();
  Bundle b;
  drop(b, "pid");
  b.set("linux.namespaces[]", path_of("pid", first.pid())).args({"pause"}).launch();
  CHECK(b.kill("KILL").status == 0);
  CHECK(b.becomes("stopped"));
  CHECK(first.status() == "running");
}

TEST_CASE("a namespace path that does not exist is refused by name") {
  Bundle b;
  drop(b, "network");
  const auto r = b.set("linux.namespaces[]", R"({"type": "network", "path": "/no/such/ns"})").create();
  CHECK(r.status == 1);
  CHECK_THAT(r.err, Contains("/no/such/ns"));
  CHECK(b.leftovers().empty());
}

TEST_CASE("a namespace path of the wrong kind is refused") {
  Bundle b;
  drop(b, "network");
  CHECK(b.set("linux.namespaces[]", R"({"type": "network", "path": "/proc/self/ns/uts"})").create().status == 1);
  CHECK(b.leftovers().empty());
}

TEST_CASE("a namespace type given twice is refused") {
  Bundle b;
  CHECK(b.set("linux.namespaces[]", R"({"type": "pid"})").create().status == 1);
}

TEST_CASE("an unknown namespace type is refused by name") {
  Bundle b;
  const auto r = b.set("linux.namespaces[]", R"({"type": "dream"})").create();
  CHECK(r.status == 1);
  CHECK_THAT(r.err, Contains("dream"));
}

TEST_CASE("hostname and domainname are set") {
  Bundle b;
  b.set("hostname", R"("a-name")").set("domainname", R"("a.domain")");
  CHECK(b.args({"do", "hostname", "--", "domainname"}).run().out == "a-name\na.domain\n");
}

TEST_CASE("a hostname without a uts namespace is refused, and the host keeps its own") {
  Bundle b;
  drop(b, "uts");
  const std::string before = test::slurp("/proc/sys/kernel/hostname");
  CHECK(b.args({"hostname"}).set("hostname", R"("taken-over")").run().status == 1);
  CHECK(test::slurp("/proc/sys/kernel/hostname") == before);
}

TEST_CASE("a new network namespace has its loopback up") {
  Bundle b;
  const auto out = b.args({"cat", "/sys/class/net/lo/flags"}).run().out;
  CHECK(out == "0x9\n");  // IFF_UP | IFF_LOOPBACK
}

// User namespaces
// -------------------------------------------------------------------------------------------------------

TEST_CASE("a user namespace has the configured mappings") {
  Bundle b;
  b.map_ids(100'000, 65'536);
  const auto r = b.args({"do", "cat", "/proc/self/uid_map", "/proc/self/gid_map", "--", "ids"}).run();
  CHECK(line_with(r.out, "65536").find("100000") != std::string::npos);
  CHECK_THAT(r.out, Contains("uid=0 gid=0"));
}

TEST_CASE("root of a user namespace is another user on the host") {
  Bundle b;
  b.map_ids(100'000, 65'536).args({"pause"}).launch();
  const auto status = test::slurp("/proc/" + std::to_string(b.pid()) + "/status");
  CHECK(line_with(status, "Uid:") == "Uid:\t100000\t100000\t100000\t100000");
}

TEST_CASE("in a user namespace the devices are there and can be used") {
  Bundle b;
  b.map_ids(100'000, 65'536);
  const auto r = b.args({"do", "openrw", "/dev/null", "--", "openrw", "/dev/zero", "--", "open", "/dev/urandom"}).run();
  CHECK(r.status == 0);
  CHECK(r.out == "/dev/null: open\n/dev/zero: open\n/dev/urandom: open\n");
}

TEST_CASE("in a user namespace, a bind source that its root may not reach is mounted") {
  Bundle b;
  ::mkdir(b.path("private").c_str(), 0700);
  ::mkdir(b.path("private/source").c_str(), 0755);
  test::spill(b.path("private/source/file"), "reached");
  b.map_ids(100'000, 65'536).mount("/mnt", "none", b.path("private/source"), "bind");
  CHECK(b.args({"cat", "/mnt/file"}).run().out == "reached");
}

TEST_CASE("a user id that the user namespace does not map is refused") {
  Bundle b;
  CHECK(b.map_ids(100'000, 10).set("process.user.uid", "50").create().status == 1);
  CHECK(b.leftovers().empty());
}

TEST_CASE("a user namespace without mappings is refused") {
  Bundle b;
  CHECK(b.set("linux.namespaces[]", R"({"type": "user"})").create().status == 1);
  CHECK(b.leftovers().empty());
}

TEST_CASE("mappings of several ranges are written as they stand") {
  Bundle b;
  b.map_ids(100'000, 1000);
  b.set("linux.uidMappings[]", R"({"containerID": 5000, "hostID": 200000, "size": 7})");
  const auto r = b.args({"cat", "/proc/self/uid_map"}).run();
  CHECK_FALSE(line_with(r.out, "200000").empty());
  CHECK_FALSE(line_with(r.out, "100000").empty());
}

TEST_CASE("exec enters the user namespace") {
  Bundle b;
  b.map_ids(100'000, 65'536).args({"pause"}).launch();
  const auto r = b.exec({"do", "ids", "--", "ns"});
  CHECK_THAT(r.out, Contains("uid=0 gid=0"));
  CHECK(line_with(r.out, "user:") == own_namespace("user", std::to_string(b.pid())));
}

// Time namespaces
// -------------------------------------------------------------------------------------------------------

TEST_CASE("a time namespace has the configured offsets") {
  if (own_namespace("time").empty()) test::skip("this kernel has no time namespaces");
  Bundle b;
  b.set("linux.namespaces[]", R"({"type": "time"})");
  b.set("linux.timeOffsets", R"({"monotonic": {"secs": 7881, "nanosecs": 2718281}, "boottime": {"secs": 1337}})");
  const auto r = b.args({"cat", "/proc/self/timens_offsets"}).run();
  CHECK_THAT(line_with(r.out, "monotonic"), Contains("7881") && Contains("2718281"));
  CHECK_THAT(line_with(r.out, "boottime"), Contains("1337"));
}

TEST_CASE("time offsets without a time namespace are refused") {
  Bundle b;
  CHECK(b.set("linux.timeOffsets", R"({"monotonic": {"secs": 1}})").create().status == 1);
}

TEST_CASE("a namespace's path that leads to something else is refused, and nobody waits for a FIFO's writer") {
  Bundle b;
  REQUIRE(::mkfifo(b.path("fifo").c_str(), 0600) == 0);
  b.set("linux.namespaces", R"([{"type": "mount"}, {"type": "ipc", "path": ")" + b.path("fifo") + R"("}])");
  const auto r = b.remove("hostname").args({"exit", "0"}).create();
  CHECK(r.status == 1);
  CHECK_THAT(r.err, Contains("is no namespace"));
}

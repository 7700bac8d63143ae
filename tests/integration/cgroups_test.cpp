// SPDX-License-Identifier: Apache-2.0
// config-linux.md, "Control groups": where the container is, freezing, limits, and what is left of it.
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>

#include "support/bundle.hpp"
#include "support/catch.hpp"

using test::Bundle;
using test::line_with;
using namespace Catch::Matchers;

namespace {

/// Where the cgroup2 hierarchy is mounted.
std::string unified() {
  return test::pure_cgroup2() ? "/sys/fs/cgroup" : "/sys/fs/cgroup/unified";
}

/// The path of a process in the cgroup2 hierarchy; with another hierarchy's name, in that.
std::string cgroup_of(pid_t pid, const std::string& hierarchy = "0::") {
  const std::string line = line_with(test::slurp("/proc/" + std::to_string(pid) + "/cgroup"), hierarchy);
  return line.substr(std::min(line.find('/'), line.size()));
}

bool has_controller(const std::string& name) {
  return (" " + test::slurp("/sys/fs/cgroup/cgroup.controllers")).find(name) != std::string::npos;
}

}  // namespace

TEST_CASE("the container is in the configured cgroup once create has returned") {
  Bundle b;
  b.set("linux.cgroupsPath", "\"/" + b.id() + "/deep\"").args({"pause"});
  REQUIRE(b.create().status == 0);
  const std::string all = test::slurp("/proc/" + std::to_string(b.pid()) + "/cgroup");
  CHECK_THAT(all, Contains("/" + b.id() + "/deep\n"));
  if (test::pure_cgroup2()) CHECK(cgroup_of(b.pid()) == "/" + b.id() + "/deep");
  b.remove_container({"--force"});
  ::rmdir((unified() + "/" + b.id()).c_str());
}

TEST_CASE("without cgroupsPath the container has a cgroup of its own, named by its id") {
  Bundle b;
  REQUIRE(b.args({"pause"}).create().status == 0);
  CHECK_THAT(test::slurp("/proc/" + std::to_string(b.pid()) + "/cgroup"), Contains(b.id()));
}

TEST_CASE("the program sees its cgroup as the root of a cgroup namespace") {
  if (!test::pure_cgroup2()) test::skip("the machine's cgroup2 is not the only hierarchy");
  Bundle b;
  CHECK(line_with(b.args({"cat", "/proc/self/cgroup"}).run().out, "0::") == "0::/");
}

TEST_CASE("run.oci.delegate-cgroup puts the process into a cgroup of its own below the container's") {
  Bundle b;
  b.set("annotations", R"({"run.oci.delegate-cgroup": "/own//deep"})");
  b.args({"do", "cat", "/proc/self/cgroup", "--", "pause"});
  if (!test::pure_cgroup2()) {
    const auto r = b.create();
    CHECK(r.status == 1);
    CHECK_THAT(r.err, Contains("annotation run.oci.delegate-cgroup: cgroup v1, which this host has beside cgroup2"));
    CHECK(b.leftovers().empty());
    return;
  }
  b.map_ids(100000, 65536);
  b.launch();
  REQUIRE(b.outputs("0::"));
  CHECK(line_with(b.output(), "0::") == "0::/own/deep");
  CHECK(cgroup_of(b.pid()).ends_with(b.id() + "/own/deep"));
  CHECK(line_with(b.exec({"cat", "/proc/self/cgroup"}).out, "0::") == "0::/own/deep");
  const auto above = unified() + cgroup_of(b.pid()).substr(0, cgroup_of(b.pid()).rfind("/own"));
  CHECK(test::slurp(above + "/cgroup.procs").empty());
  struct stat status {};
  for (const auto* file : {"/own", "/own/deep", "/own/deep/cgroup.procs", "/own/deep/cgroup.subtree_control"}) {
    INFO(file);
    REQUIRE(::stat((above + file).c_str(), &status) == 0);
    CHECK(status.st_uid == 100000);
  }
  REQUIRE(::stat((above + "/cgroup.procs").c_str(), &status) == 0);
  CHECK(status.st_uid == 0);
  CHECK(b.runtime({"pause", "ID"}).status == 0);
  CHECK(b.status() == "paused");
  CHECK(b.runtime({"resume", "ID"}).status == 0);
  CHECK(b.remove_container({"--force"}).status == 0);
  CHECK(b.leftovers().empty());
}

TEST_CASE("the container's view of /sys/fs/cgroup is its own cgroup, read-only") {
  if (!test::pure_cgroup2()) test::skip("the machine's cgroup2 is not the only hierarchy");
  Bundle b;
  const auto out = b.args({"do", "cat", "/sys/fs/cgroup/cgroup.procs", "--", "mkdir", "/sys/fs/cgroup/x"}).run().out;
  CHECK(out == "1\n/sys/fs/cgroup/x: EROFS\n");
}

TEST_CASE("a deleted container's cgroup is gone, with what was made below") {
  Bundle b;
  b.args({"pause"}).launch();
  if (test::pure_cgroup2()) {
    const std::string below = unified() + cgroup_of(b.pid()) + "/child";
    REQUIRE(::mkdir(below.c_str(), 0755) == 0);
  }
  CHECK(b.remove_container({"--force"}).status == 0);
  CHECK(b.leftovers().empty());
}

TEST_CASE("a paused container does not run, and says so") {
  Bundle b;
  b.args({"trap", "10"}).launch();
  REQUIRE(b.outputs("ready"));
  REQUIRE(b.runtime({"pause", "ID"}).status == 0);
  CHECK(b.status() == "paused");
  REQUIRE(b.kill("USR1").status == 0);
  ::usleep(100'000);
  CHECK_THAT(b.output(), !Contains("signal"));
  REQUIRE(b.runtime({"resume", "ID"}).status == 0);
  CHECK(b.outputs("signal 10"));
}

TEST_CASE("a container that is not paused cannot be resumed, a paused one not be paused") {
  Bundle b;
  b.args({"pause"}).launch();
  const auto r = b.runtime({"resume", "ID"});
  CHECK(r.status == 1);
  CHECK_THAT(r.err, Contains("container not paused"));
  REQUIRE(b.runtime({"pause", "ID"}).status == 0);
  const auto again = b.runtime({"pause", "ID"});
  CHECK(again.status == 1);
  CHECK_THAT(again.err, Contains("container not running"));
}

TEST_CASE("a paused container is deleted by force") {
  Bundle b;
  b.args({"pause"}).launch();
  REQUIRE(b.runtime({"pause", "ID"}).status == 0);
  CHECK(b.remove_container({"--force"}).status == 0);
  CHECK(b.leftovers().empty());
}

TEST_CASE("a paused container is killed") {
  Bundle b;
  b.args({"pause"}).launch();
  REQUIRE(b.runtime({"pause", "ID"}).status == 0);
  REQUIRE(b.kill("KILL").status == 0);
  CHECK(test::eventually([&] { return b.status() == "stopped" || b.runtime({"resume", "ID"}).status == 0; }));
  CHECK(b.becomes("stopped"));
}

TEST_CASE("exec into a paused container is refused") {
  Bundle b;
  b.args({"pause"}).launch();
  REQUIRE(b.runtime({"pause", "ID"}).status == 0);
  const auto r = b.exec({"exit", "0"});
  CHECK(r.status == 255);
  CHECK_THAT(r.err, Contains("cannot exec in a paused container (use --ignore-paused to override)"));
}

TEST_CASE("exec --ignore-paused waits for the container to go on") {
  Bundle b;
  b.args({"pause"}).launch();
  REQUIRE(b.runtime({"pause", "ID"}).status == 0);
  auto running = b.begin({"exec", "--ignore-paused", "ID", "/inside", "say", "on"});
  ::usleep(200'000);
  REQUIRE(b.runtime({"resume", "ID"}).status == 0);
  CHECK(running.finish().out == "on\n");
}

TEST_CASE("a limit without its controller is an error that names it, not a silence") {
  if (!test::pure_cgroup2() || has_controller("memory")) test::skip("the memory controller is there");
  Bundle b;
  const auto r = b.set("linux.resources.memory", R"({"limit": 100000000})").args({"exit", "0"}).create();
  CHECK(r.status == 1);
  CHECK_THAT(r.err, Contains("memory"));
  CHECK(b.leftovers().empty());
}

TEST_CASE("a limit is written to the container's cgroup") {
  if (!test::pure_cgroup2() || !has_controller("hugetlb")) test::skip("there is no cgroup2 controller for hugetlb");
  Bundle b;
  b.set("linux.resources.hugepageLimits", R"([{"pageSize": "2MB", "limit": 4194304}])").args({"pause"}).launch();
  CHECK(test::slurp(unified() + cgroup_of(b.pid()) + "/hugetlb.2MB.max") == "4194304\n");
}

TEST_CASE("unified limits are written as they stand, after all others") {
  if (!test::pure_cgroup2() || !has_controller("hugetlb")) test::skip("there is no cgroup2 controller for hugetlb");
  Bundle b;
  b.set("linux.resources.hugepageLimits", R"([{"pageSize": "2MB", "limit": 4194304}])");
  b.set("linux.resources.unified", R"({"hugetlb.2MB.max": "2097152"})").args({"pause"}).launch();
  CHECK(test::slurp(unified() + cgroup_of(b.pid()) + "/hugetlb.2MB.max") == "2097152\n");
}

TEST_CASE("a unified key that is no file of the cgroup, or leads out of it, is refused by name") {
  Bundle b;
  CHECK_THAT(b.set("linux.resources.unified", R"({"no.such": "1"})").create().err, Contains("no.such"));
  CHECK_THAT(b.set("linux.resources.unified", R"({"../cgroup.procs": "1"})").create().err, Contains("../cgroup.procs"));
  CHECK(b.leftovers().empty());
}

TEST_CASE("a cgroup that has processes is refused, and keeps them") {
  Bundle first;
  first.set("linux.cgroupsPath", "\"/" + first.id() + "\"").args({"pause"}).launch();
  Bundle b;
  const auto r = b.set("linux.cgroupsPath", "\"/" + first.id() + "\"").args({"pause"}).create();
  CHECK(r.status == 1);
  CHECK_THAT(r.err, Contains("container's cgroup is not empty: 1 process(es) found"));
  CHECK(first.status() == "running");
}

TEST_CASE("kill ends every process of a container without a pid namespace") {
  Bundle b;
  b.set("linux.namespaces", R"([{"type": "network"}, {"type": "ipc"}, {"type": "uts"}, {"type": "mount"}])");
  b.args({"do", "fork", "3", "--", "pause"}).launch();
  CHECK(test::eventually([&] {
    return test::Tree::parse(b.runtime({"ps", "--format", "json", "ID"}).out).at("[3]") != "";
  }));
  REQUIRE(b.kill("KILL").status == 0);
  CHECK(b.becomes("stopped"));
  CHECK(b.remove_container().status == 0);
  CHECK(b.leftovers().empty());
}

TEST_CASE("delete ends what is left of a container without a pid namespace after its first process") {
  Bundle b;
  b.set("linux.namespaces", R"([{"type": "network"}, {"type": "ipc"}, {"type": "uts"}, {"type": "mount"}])");
  b.args({"do", "fork", "2"}).launch();
  REQUIRE(b.becomes("stopped"));
  CHECK(b.remove_container().status == 0);
  CHECK(b.leftovers().empty());
}

// SPDX-License-Identifier: Apache-2.0
// update: limits of a container that lives, and what it uses (events).
#include <unistd.h>

#include <algorithm>
#include <csignal>

#include "support/bundle.hpp"
#include "support/catch.hpp"

using test::Bundle;
using namespace Catch::Matchers;

namespace {

/// A file of the container's cgroup, without the newline; the cgroup2 hierarchy has to be the only one.
std::string limit(Bundle& b, const std::string& file) {
  const auto line = test::line_with(test::slurp("/proc/" + std::to_string(b.pid()) + "/cgroup"), "0::");
  auto text = test::slurp("/sys/fs/cgroup" + line.substr(std::min(line.find('/'), line.size())) + "/" + file);
  while (text.ends_with('\n')) text.pop_back();
  return text;
}

void need_controller(const std::string& name) {
  if (!test::pure_cgroup2()) test::skip("the machine's cgroup2 is not the only hierarchy");
  if ((" " + test::slurp("/sys/fs/cgroup/cgroup.controllers")).find(name) == std::string::npos)
    test::skip("there is no cgroup2 controller " + name);
}

std::string huge_pages(unsigned bytes) {
  return R"({"hugepageLimits": [{"pageSize": "2MB", "limit": )" + std::to_string(bytes) + "}]}";
}

/// `update --resources -` with this on its standard input.
test::Result update(Bundle& b, const std::string& resources) {
  b.input = resources;
  auto result = b.runtime({"update", "--resources=-", "ID"});
  b.input.clear();
  return result;
}

}  // namespace

TEST_CASE("update takes limits from standard input, a file, and a pipe") {
  need_controller("hugetlb");
  Bundle b;
  b.args({"pause"}).launch();
  CHECK(update(b, huge_pages(4'194'304)).status == 0);
  CHECK(limit(b, "hugetlb.2MB.max") == "4194304");

  test::spill(b.path("limits.json"), huge_pages(2'097'152));
  CHECK(b.runtime({"update", "-r", b.path("limits.json"), "ID"}).status == 0);
  CHECK(limit(b, "hugetlb.2MB.max") == "2097152");

  b.input = huge_pages(6'291'456);
  CHECK(b.runtime({"update", "--resources", "/dev/fd/0", "ID"}).status == 0);
  CHECK(limit(b, "hugetlb.2MB.max") == "6291456");
}

TEST_CASE("update reads names without regard to case, as config.json is read") {
  need_controller("hugetlb");
  Bundle b;
  b.args({"pause"}).launch();
  CHECK(update(b, R"({"HugePageLimits": [{"PageSize": "2MB", "Limit": 4194304}]})").status == 0);
  CHECK(limit(b, "hugetlb.2MB.max") == "4194304");
}

TEST_CASE("a failed update takes back what it has written") {
  need_controller("hugetlb");
  Bundle b;
  b.set("linux.resources.hugepageLimits", R"([{"pageSize": "2MB", "limit": 4194304}])").args({"pause"}).launch();
  const auto r =
      update(b, R"({"hugepageLimits": [{"pageSize": "2MB", "limit": 2097152}], "unified": {"no.such": "1"}})");
  CHECK(r.status == 1);
  CHECK_THAT(r.err, Contains("linux.resources.unified.no.such"));
  CHECK(limit(b, "hugetlb.2MB.max") == "4194304");
  CHECK(limit(b, "hugetlb.2MB.rsvd.max") == "4194304");
}

TEST_CASE("update leaves a paused container paused") {
  need_controller("hugetlb");
  Bundle b;
  b.args({"pause"}).launch();
  REQUIRE(b.runtime({"pause", "ID"}).status == 0);
  CHECK(update(b, huge_pages(4'194'304)).status == 0);
  CHECK(limit(b, "hugetlb.2MB.max") == "4194304");
  CHECK(b.status() == "paused");
  CHECK(b.runtime({"resume", "ID"}).status == 0);
}

TEST_CASE("update replaces the device rules") {
  Bundle b;
  b.set("linux.resources.devices", R"([{"allow": false}])");
  b.set("linux.devices", R"([{"path": "/dev/fuse", "type": "c", "major": 10, "minor": 229, "fileMode": 438}])");
  b.args({"pause"}).launch();
  const auto open = [&] { return b.exec({"open", "/dev/fuse"}).out; };
  CHECK_THAT(open(), Contains("EPERM"));
  const auto r =
      update(b, R"({"devices": [{"allow": false}, {"allow": true, "type": "c", "major": 10, "minor": 229}]})");
  CHECK(r.status == 0);
  // ENXIO, where the machine has no such driver, is the driver's answer: the rules have let it through.
  CHECK_THAT(open(), Contains("/dev/fuse: ") && !Contains("EPERM"));
  // The rules that config.json had: no change at first, but one now.
  CHECK(update(b, R"({"devices": [{"allow": false}]})").status == 0);
  CHECK_THAT(open(), Contains("EPERM"));
}

TEST_CASE("an update with a device rule that makes no sense changes nothing, and says which") {
  Bundle b;
  b.args({"pause"}).launch();
  const auto r = update(b, R"({"devices": [{"allow": true, "type": "x"}]})");
  CHECK(r.status == 1);
  CHECK_THAT(r.err, Contains("linux.resources.devices[0]"));
}

TEST_CASE("update of a limit without its controller names it") {
  if (test::pure_cgroup2() && test::slurp("/sys/fs/cgroup/cgroup.controllers").find("memory") != std::string::npos)
    test::skip("this machine has the memory controller on cgroup2");
  Bundle b;
  b.args({"pause"}).launch();
  const auto r = b.runtime({"update", "ID", "--memory", "50M"});
  CHECK(r.status == 1);
  CHECK_THAT(test::unquoted(r.err), Contains("linux.resources.memory.limit: controller \"memory\" not available"));
}

TEST_CASE("update of one limit leaves the others as they are") {
  need_controller("memory");
  need_controller("pids");
  Bundle b;
  b.set("linux.resources.memory", R"({"limit": 33554432})").set("linux.resources.pids", R"({"limit": 20})");
  b.args({"pause"}).launch();
  CHECK(b.runtime({"update", "ID", "--memory", "50M"}).status == 0);
  CHECK(limit(b, "memory.max") == "52428800");
  CHECK(limit(b, "pids.max") == "20");
  CHECK(b.runtime({"update", "--pids-limit", "-1", "ID"}).status == 0);
  CHECK(limit(b, "pids.max") == "max");
  CHECK(limit(b, "memory.max") == "52428800");
}

TEST_CASE("update keeps half of the CPU limit") {
  need_controller("cpu ");
  Bundle b;
  b.set("linux.resources.cpu", R"({"quota": 500000, "period": 1000000})").args({"pause"}).launch();
  CHECK(b.runtime({"update", "ID", "--cpu-period", "900000"}).status == 0);
  CHECK(limit(b, "cpu.max") == "500000 900000");
  CHECK(b.runtime({"update", "ID", "--cpu-quota", "-1"}).status == 0);
  CHECK(limit(b, "cpu.max") == "max 900000");
}

TEST_CASE("update with checkBeforeUpdate does not end a container") {
  need_controller("memory");
  Bundle b;
  b.args({"pause"}).launch();
  const auto r = update(b, R"({"memory": {"limit": 1024, "checkBeforeUpdate": true}})");
  CHECK(r.status == 1);
  CHECK_THAT(r.err, Contains("rejecting memory limit 1024 <= usage "));
  CHECK(b.status() == "running");
}

TEST_CASE("an update that has no effect says why") {
  Bundle b;
  b.args({"pause"}).launch();
  const auto r = b.runtime({"update", "ID", "--kernel-memory", "5M", "--cpu-rt-period", "1000"});
  CHECK(r.status == 0);
  CHECK_THAT(r.err, Contains("memory.kernel is ignored: ") && Contains("cpu.realtimePeriod is ignored: "));
  const auto cache = b.runtime({"update", "ID", "--l3-cache-schema", "L3:0=f"});
  CHECK(cache.status == 1);
  CHECK_THAT(cache.err, Contains("--l3-cache-schema L3:0=f: the container has no intelRdt"));
}

TEST_CASE("a stopped container has no limits to update, and nothing to show") {
  Bundle b;
  b.args({"exit", "0"}).launch();
  REQUIRE(b.becomes("stopped"));
  const auto r = b.runtime({"update", "ID", "--pids-limit", "5"});
  CHECK(r.status == 1);
  CHECK_THAT(r.err, Contains("container not running"));
  for (const auto& words : {test::Words{"events", "--stats", "ID"}, test::Words{"events", "ID"}})
    CHECK_THAT(b.runtime(words).err, Contains("container with id " + b.id() + " is not running"));
}

TEST_CASE("events --stats prints one object") {
  Bundle b;
  b.args({"pause"}).launch();
  const auto r = b.runtime({"events", "--stats", "ID"});
  CHECK(r.status == 0);
  CHECK(r.out.starts_with(R"({"type":"stats","id":")" + b.id() + R"(","data":{"cpu":{"usage":{)"));
  CHECK(r.out.find('\n') == r.out.size() - 1);
  const auto stats = test::Tree::parse(r.out);
  CHECK(stats.at("data.pids.current") == "1");
  CHECK(stats.at("data.network_interfaces") == "null");
}

TEST_CASE("events prints an object each interval, and ends with the container") {
  Bundle b;
  b.args({"pause"}).launch();
  auto events = b.begin({"events", "--interval", "50ms", "ID"});
  CHECK_THAT(events.read_until("}\n{"), StartsWith(R"({"type":"stats","id":")" + b.id()));
  REQUIRE(b.kill("KILL").status == 0);
  CHECK(events.finish().status == 0);
}

TEST_CASE("events does not wait for its interval when the container ends") {
  Bundle b;
  b.args({"pause"}).launch();
  auto events = b.begin({"events", "--interval", "1h", "ID"});
  ::usleep(300'000);  // it has to be waiting
  REQUIRE(b.kill("KILL").status == 0);
  const auto r = events.finish();
  CHECK(r.status == 0);
  CHECK(r.out.empty());
}

TEST_CASE("events tells of an OOM kill") {
  need_controller("memory");
  Bundle b;
  b.args({"pause"}).launch();
  auto events = b.begin({"events", "--interval", "1h", "ID"});
  ::usleep(300'000);
  b.runtime({"update", "ID", "--memory", "1024", "--memory-swap", "1024"});
  const auto r = events.finish();
  CHECK(r.status == 0);
  CHECK(r.out == R"({"type":"oom","id":")" + b.id() + "\"}\n");
}

TEST_CASE("an update that fails leaves the class of service as it was") {
  Bundle b;
  b.args({"pause"}).launch();
  // Few machines have resctrl; a directory will do, because only its file is written.
  test::spill(b.path("schemata"), "L3:0=fff\n");
  auto state = test::slurp(b.path("root/" + b.id() + "/state.json"));
  state.insert(state.find("\"config\":"), "\"intel_rdt_path\":\"" + b.path() + "\",");
  test::spill(b.path("root/" + b.id() + "/state.json"), state);
  CHECK(b.runtime({"update", "--l3-cache-schema", "L3:0=f", "--cpuset-cpus", "99999", "ID"}).status == 1);
  CHECK(test::slurp(b.path("schemata")) == "L3:0=fff\n");
  CHECK(b.runtime({"update", "--l3-cache-schema", "L3:0=f", "ID"}).status == 0);
  CHECK_THAT(test::slurp(b.path("schemata")), StartsWith("L3:0=f\n"));
}

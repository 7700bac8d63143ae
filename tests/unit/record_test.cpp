// SPDX-License-Identifier: Apache-2.0
#include "container/record.hpp"

#include <sched.h>
#include <unistd.h>

#include "base/json.hpp"
#include "oci/error.hpp"
#include "support/catch.hpp"

using namespace oci;
using Catch::Matchers::Contains;

namespace {

Record sample() {
  Record record;
  record.id = "c1";
  record.pid = 4711;
  record.start_time = 99;
  record.created = "2026-11-23T01:19:48.123456789Z";
  record.bundle = "/b";
  record.rootfs = "/b/rootfs";
  record.cgroup = "/sys/fs/cgroup/c1";
  record.namespaces = CLONE_NEWNS | CLONE_NEWPID;
  record.in_user_namespace = true;
  record.no_new_keyring = true;
  record.annotations = {{"a", "b\nc"}};
  record.resctrl = ResctrlGroup{"/sys/fs/resctrl/c1", "/sys/fs/resctrl/c1/mon_groups/c1", true, true};
  record.poststop = {{"/bin/x", {"x", "y"}, std::vector<std::string>{"A=1"}, 3}};
  return record;
}

}  // namespace

TEST_CASE("a record reads back as it was written") {
  const auto read = decode_record(encode(sample()));
  CHECK(read.id == "c1");
  CHECK(read.pid == 4711);
  CHECK(read.start_time == 99);
  CHECK(read.created == "2026-11-23T01:19:48.123456789Z");
  CHECK(read.bundle == "/b");
  CHECK(read.rootfs == "/b/rootfs");
  CHECK(read.cgroup == "/sys/fs/cgroup/c1");
  CHECK(read.namespaces == (CLONE_NEWNS | CLONE_NEWPID));
  CHECK(read.in_user_namespace);
  CHECK(read.no_new_keyring);
  CHECK(read.annotations.at("a") == "b\nc");
  REQUIRE(read.poststop.size() == 1);
  CHECK(read.poststop[0].args == std::vector<std::string>{"x", "y"});
  CHECK(read.poststop[0].timeout == 3);
  CHECK(read.poststart.empty());
  REQUIRE(read.resctrl);
  CHECK(read.resctrl->path == "/sys/fs/resctrl/c1");
  CHECK(read.resctrl->monitoring_path == "/sys/fs/resctrl/c1/mon_groups/c1");
  CHECK(read.resctrl->made);
  CHECK(read.resctrl->made_monitoring);
}

TEST_CASE("a container outside of resctrl has no place there when its record is read") {
  auto record = sample();
  record.resctrl.reset();
  CHECK_FALSE(decode_record(encode(record)).resctrl);
}

TEST_CASE("state.json has the names that other tools know from runc") {
  const auto text = encode(sample());
  const auto document = json::Document::parse(text);
  const auto& root = document.root();
  CHECK(root.find("init_process_pid")->text == "4711");
  CHECK(root.find("cgroup_paths")->find("")->text == "/sys/fs/cgroup/c1");
  CHECK(root.find("namespace_paths")->find("NEWPID")->text == "/proc/4711/ns/pid");
  CHECK(root.find("namespace_paths")->find("NEWNS")->text == "/proc/4711/ns/mnt");
  CHECK(root.find("intel_rdt_path")->text == "/sys/fs/resctrl/c1");
  CHECK(root.find("intel_rdt_mon_path")->text == "/sys/fs/resctrl/c1/mon_groups/c1");
  CHECK(root.find("config")->find("rootfs")->text == "/b/rootfs");
}

TEST_CASE("a damaged record is refused, whatever the damage") {
  const auto whole = encode(sample());
  for (std::size_t size = 0; size < whole.size(); size += 7)
    CHECK_THROWS_AS(decode_record(whole.substr(0, size)), Error);
  CHECK_THROWS_WITH(decode_record(R"({"id": "c1", "init_process_pid": "x"})"),
                    Contains("init_process_pid: expected an integer"));
}

TEST_CASE("the start time is that of a living process only") {
  CHECK(start_time_of(::getpid()));
  CHECK(start_time_of(::getpid()) == start_time_of(::getpid()));
  CHECK_FALSE(start_time_of(0x7FFFFFFF));
}

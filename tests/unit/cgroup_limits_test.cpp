// SPDX-License-Identifier: Apache-2.0
#include "kernel/cgroup_limits.hpp"

#include "oci/error.hpp"
#include "spec/decode.hpp"
#include "support/catch.hpp"

using namespace oci;
using Catch::Matchers::StartsWith;

namespace {

using Texts = std::vector<std::string>;

CgroupLimits limits_of(const std::string& json) {
  return cgroup_limits(decode_resources(json));
}

/// "file=value" for each write, in order.
Texts written(const std::string& json) {
  Texts all;
  for (const auto& write : limits_of(json).writes) all.push_back(write.file + "=" + write.value);
  return all;
}

std::string refusal(const std::string& json) {
  try {
    limits_of(json);
  } catch (const Error& error) {
    return error.what();
  }
  return {};
}

}  // namespace

TEST_CASE("resources that ask for nothing write nothing") {
  const std::string json = R"({"memory": {}, "cpu": {}, "pids": {}, "blockIO": {}, "network": {}, "unified": {}})";
  CHECK(written(json).empty());
  CHECK(limits_of(json).ignored.empty());
}

TEST_CASE("memory.swap counts memory too, memory.swap.max does not") {
  CHECK(written(R"({"memory": {"limit": 100, "swap": 150}})") == Texts{"memory.swap.max=50", "memory.max=100"});
  CHECK(written(R"({"memory": {"limit": 100, "swap": 100}})") == Texts{"memory.swap.max=0", "memory.max=100"});
  CHECK(written(R"({"memory": {"limit": 100, "swap": -1}})") == Texts{"memory.swap.max=max", "memory.max=100"});
  CHECK(written(R"({"memory": {"limit": -1, "swap": 150}})") == Texts{"memory.swap.max=150", "memory.max=max"});
  CHECK(written(R"({"memory": {"limit": 100}})") == Texts{"memory.max=100"});
  CHECK(written(R"({"memory": {"limit": 100, "swap": 0}})") == Texts{"memory.max=100"});
}

TEST_CASE("unlimited memory without a word on swap lifts the swap limit as well") {
  CHECK(written(R"({"memory": {"limit": -1}})") == Texts{"memory.swap.max=max", "memory.max=max"});
}

TEST_CASE("a memory limit that cannot be converted names its field") {
  CHECK_THAT(refusal(R"({"memory": {"swap": 100}})"), StartsWith("memory.swap: memory and swap together"));
  CHECK_THAT(refusal(R"({"memory": {"limit": 200, "swap": 100}})"), StartsWith("memory.swap: 100 bytes"));
  CHECK_THAT(refusal(R"({"memory": {"limit": -2}})"), StartsWith("memory.limit: -2"));
  CHECK_THAT(refusal(R"({"memory": {"swap": -2}})"), StartsWith("memory.swap: -2"));
  CHECK_THAT(refusal(R"({"memory": {"reservation": -2}})"), StartsWith("memory.reservation: -2"));
}

TEST_CASE("only a swap limit that forbids nothing, or all swap, may do without its file") {
  const auto may_be_missing = [](const std::string& json) { return limits_of(json).writes.at(0).may_be_missing; };
  CHECK(may_be_missing(R"({"memory": {"limit": 100, "swap": 100}})"));
  CHECK(may_be_missing(R"({"memory": {"limit": 100, "swap": -1}})"));
  CHECK_FALSE(may_be_missing(R"({"memory": {"limit": 100, "swap": 150}})"));
  CHECK_FALSE(may_be_missing(R"({"memory": {"limit": 100}})"));
}

TEST_CASE("memory.reservation is memory.low") {
  CHECK(written(R"({"memory": {"reservation": 7}})") == Texts{"memory.low=7"});
  CHECK(written(R"({"memory": {"reservation": 0}})").empty());
}

TEST_CASE("cpu.shares become weights on a curve that keeps the default the default") {
  CHECK(cpu_weight(1) == 1);
  CHECK(cpu_weight(2) == 1);
  CHECK(cpu_weight(3) == 2);
  CHECK(cpu_weight(512) == 59);
  CHECK(cpu_weight(1024) == 100);
  CHECK(cpu_weight(2048) == 174);
  CHECK(cpu_weight(262'143) <= 10'000);
  CHECK(cpu_weight(262'144) == 10'000);
  CHECK(cpu_weight(UINT64_MAX) == 10'000);
  for (std::uint64_t shares = 2; shares < 262'144; shares += 37) CHECK(cpu_weight(shares) <= cpu_weight(shares + 37));
}

TEST_CASE("an idle cgroup gets no weight, and somebody is told") {
  CHECK(written(R"({"cpu": {"shares": 1024, "idle": 1}})") == Texts{"cpu.idle=1"});
  CHECK(limits_of(R"({"cpu": {"shares": 1024, "idle": 1}})").ignored.size() == 1);
  CHECK(written(R"({"cpu": {"shares": 1024, "idle": 0}})") == Texts{"cpu.idle=0", "cpu.weight=100"});
  CHECK(written(R"({"cpu": {"shares": 0}})").empty());
  CHECK_THAT(refusal(R"({"cpu": {"idle": 2}})"), StartsWith("cpu.idle: 2"));
}

TEST_CASE("quota and period share a file and each has a default") {
  CHECK(written(R"({"cpu": {"quota": 5000, "period": 10000}})") == Texts{"cpu.max=5000 10000"});
  CHECK(written(R"({"cpu": {"quota": 5000}})") == Texts{"cpu.max=5000 100000"});
  CHECK(written(R"({"cpu": {"period": 10000}})") == Texts{"cpu.max=max 10000"});
  CHECK(written(R"({"cpu": {"quota": -1}})") == Texts{"cpu.max=max 100000"});
  CHECK(written(R"({"cpu": {"quota": 0}})").empty());
}

TEST_CASE("a burst goes first, and again once there is a quota") {
  const auto both = limits_of(R"({"cpu": {"quota": 5000, "burst": 100}})").writes;
  REQUIRE(both.size() == 2);
  CHECK(both[0].file == "cpu.max.burst");
  CHECK(both[0].after_next);
  CHECK(both[1].file == "cpu.max");
  const auto alone = limits_of(R"({"cpu": {"burst": 100}})").writes;
  REQUIRE(alone.size() == 1);
  CHECK_FALSE(alone[0].after_next);
}

TEST_CASE("a cpuset's lists are the kernel's business") {
  CHECK(written(R"({"cpu": {"cpus": "0-3,7", "mems": "0"}})") == Texts{"cpuset.cpus=0-3,7", "cpuset.mems=0"});
}

TEST_CASE("no process at all would be a useless limit") {
  CHECK(written(R"({"pids": {"limit": 0}})") == Texts{"pids.max=1"});
  CHECK(written(R"({"pids": {"limit": 5}})") == Texts{"pids.max=5"});
  CHECK(written(R"({"pids": {"limit": -1}})") == Texts{"pids.max=max"});
  CHECK(written(R"({"pids": {"limit": -7}})") == Texts{"pids.max=max"});
}

TEST_CASE("what forbids nothing needs no controller") {
  for (const auto& write :
       limits_of(R"({"pids": {"limit": -1}, "memory": {"limit": -1}, "cpu": {"quota": -1}})").writes)
    CHECK(write.may_be_missing);
}

TEST_CASE("block I/O weights are BFQ's where there is BFQ, and io.weight elsewhere") {
  const auto writes =
      limits_of(R"({"blockIO": {"weight": 10, "weightDevice": [{"major": 8, "minor": 1, "weight": 1000}]}})").writes;
  REQUIRE(writes.size() == 2);
  CHECK(writes[0].file == "io.bfq.weight");
  CHECK(writes[0].value == "10");
  CHECK(writes[0].instead_file == "io.weight");
  CHECK(writes[0].instead_value == "1");
  CHECK(writes[1].value == "8:1 1000");
  CHECK(writes[1].instead_value == "8:1 10000");
  CHECK_THAT(refusal(R"({"blockIO": {"weight": 9}})"), StartsWith("blockIO.weight: 9"));
  CHECK_THAT(refusal(R"({"blockIO": {"weightDevice": [{"major": 8, "minor": 1, "weight": 1001}]}})"),
             StartsWith("blockIO.weightDevice[0]: 1001"));
}

TEST_CASE("each throttled device is a write of its own, and a rate of 0 lifts the limit") {
  CHECK(written(R"({"blockIO": {"throttleReadBpsDevice": [{"major": 8, "minor": 0, "rate": 1},
                                                          {"major": 8, "minor": 16, "rate": 2}],
                                "throttleWriteBpsDevice": [{"major": 8, "minor": 0, "rate": 3}],
                                "throttleReadIOPSDevice": [{"major": 8, "minor": 0, "rate": 4}],
                                "throttleWriteIOPSDevice": [{"major": 8, "minor": 0, "rate": 0}]}})") ==
        Texts{"io.max=8:0 rbps=1", "io.max=8:16 rbps=2", "io.max=8:0 wbps=3", "io.max=8:0 riops=4",
              "io.max=8:0 wiops=max"});
  CHECK_THAT(refusal(R"({"blockIO": {"throttleWriteIOPSDevice": [{"major": 8, "minor": 0, "rate": 1},
                                                                 {"major": -1, "minor": 0, "rate": 1}]}})"),
             StartsWith("blockIO.throttleWriteIOPSDevice[1]: "));
}

TEST_CASE("huge pages are limited in use and in reservation") {
  const std::string json = R"({"hugepageLimits": [{"pageSize": "2MB", "limit": 4096}]})";
  CHECK(written(json) == Texts{"hugetlb.2MB.max=4096", "hugetlb.2MB.rsvd.max=4096"});
  CHECK_FALSE(limits_of(json).writes.at(0).may_be_missing);
  CHECK(limits_of(json).writes.at(1).may_be_missing);
}

TEST_CASE("a page size that would lead out of the cgroup is refused") {
  for (const std::string size : {"", "MB", "2", "2mb", "2MB/../../x", "../2MB", "2MBx", "2TB"}) {
    Resources resources;
    resources.hugepage_limits = {{"1GB", 0}, {size, 1}};
    CHECK_THROWS_WITH(cgroup_limits(resources), StartsWith("hugepageLimits[1].pageSize: "));
  }
}

TEST_CASE("rdma devices are lines of one file") {
  CHECK(written(
            R"({"rdma": {"mlx5_0": {"hcaHandles": 3, "hcaObjects": 4}, "mlx5_1": {"hcaObjects": 5}, "mlx5_2": {}}})") ==
        Texts{"rdma.max=mlx5_0 hca_handle=3 hca_object=4", "rdma.max=mlx5_1 hca_object=5"});
  CHECK_THAT(refusal(R"({"rdma": {"a b": {"hcaHandles": 1}}})"), StartsWith("rdma.a b: "));
}

TEST_CASE("unified comes last and line by line") {
  CHECK(written(R"({"memory": {"limit": 100}, "pids": {"limit": 5},
                    "unified": {"memory.max": "200", "io.max": "8:0 rbps=1\n8:16 rbps=2\n"}})") ==
        Texts{"pids.max=5", "memory.max=100", "io.max=8:0 rbps=1", "io.max=8:16 rbps=2", "memory.max=200"});
}

TEST_CASE("a file that unified names has to be there, even for no limit") {
  CHECK_FALSE(limits_of(R"({"unified": {"memory.max": "max"}})").writes.at(0).may_be_missing);
}

TEST_CASE("unified names files of limits and nothing else") {
  for (const std::string name : {"../x/memory.max", "a/b.c", "memory", "", ".max", "..", "cgroup.procs", "cgroup.kill",
                                 "cgroup.freeze", "cgroup.threads", "cgroup.type"}) {
    Resources resources;
    resources.unified = {{name, "1"}};
    CHECK_THROWS_WITH(cgroup_limits(resources), StartsWith("unified." + name + ": unified resource \"" + name + "\""));
  }
}

TEST_CASE("what only cgroup v1 could do is reported when it is used") {
  const auto limits = limits_of(R"({"memory": {"kernel": 1, "kernelTCP": 1, "swappiness": 0, "disableOOMKiller": true},
                                    "cpu": {"realtimeRuntime": 1, "realtimePeriod": 1},
                                    "blockIO": {"leafWeight": 10},
                                    "network": {"classID": 1}})");
  CHECK(limits.writes.empty());
  CHECK(limits.ignored.size() == 8);
  CHECK(limits_of(R"({"memory": {"kernel": 0, "disableOOMKiller": false, "useHierarchy": true}})").ignored.empty());
}

TEST_CASE("checkBeforeUpdate refuses limits that are reached already") {
  const auto check = [](const std::string& memory) {
    check_memory_usage(*decode_resources("{\"memory\": " + memory + "}").memory, 100);
  };
  CHECK_NOTHROW(check(R"({"limit": 101, "swap": 150})"));
  CHECK_NOTHROW(check(R"({"limit": -1})"));
  CHECK_NOTHROW(check("{}"));
  CHECK_THROWS_WITH(check(R"({"limit": 100})"), "rejecting memory limit 100 <= usage 100");
  CHECK_THROWS_WITH(check(R"({"limit": 200, "swap": 50})"), "rejecting memory+swap limit 50 <= usage 100");
}

// SPDX-License-Identifier: Apache-2.0
#include "kernel/cgroup_update.hpp"

#include "oci/error.hpp"
#include "spec/decode.hpp"
#include "support/catch.hpp"

using namespace oci;
using Catch::Matchers::StartsWith;

namespace {

using Texts = std::vector<std::string>;

/// "file=value" for each write of an update, in order.
Texts written(const std::string& json, const PresentLimits& present) {
  Texts all;
  for (const auto& write : cgroup_limits(completed(decode_resources(json), present)).writes)
    all.push_back(write.file + "=" + write.value);
  return all;
}

}  // namespace

TEST_CASE("an update of the period alone keeps the quota, and the other way round") {
  const PresentLimits present{.memory = {}, .quota = 500'000, .period = 1'000'000};
  CHECK(written(R"({"cpu": {"period": 900000}})", present) == Texts{"cpu.max=500000 900000"});
  CHECK(written(R"({"cpu": {"quota": 600000}})", present) == Texts{"cpu.max=600000 1000000"});
  CHECK(written(R"({"cpu": {"quota": -1}})", present) == Texts{"cpu.max=max 1000000"});
  CHECK(written(R"({"cpu": {"quota": 7000, "period": 8000}})", present) == Texts{"cpu.max=7000 8000"});
  CHECK(written(R"({"cpu": {"shares": 1024}})", present) == Texts{"cpu.weight=100"});
}

TEST_CASE("an update of the period does not bring a quota") {
  const PresentLimits present{.memory = {}, .quota = -1, .period = 100'000};
  CHECK(written(R"({"cpu": {"period": 50000}})", present) == Texts{"cpu.max=max 50000"});
}

TEST_CASE("an update of memory and swap counts the present limit of memory as memory") {
  const PresentLimits present{.memory = 100, .quota = {}, .period = {}};
  CHECK(written(R"({"memory": {"swap": 150}})", present) == Texts{"memory.swap.max=50", "memory.max=100"});
  CHECK(written(R"({"memory": {"swap": 150, "limit": 120}})", present) ==
        Texts{"memory.swap.max=30", "memory.max=120"});
  CHECK(written(R"({"memory": {"swap": -1}})", present) == Texts{"memory.swap.max=max"});
  CHECK(written(R"({"memory": {"limit": 70}})", present) == Texts{"memory.max=70"});
}

TEST_CASE("without a limit of memory there is no telling what an update of memory and swap means") {
  CHECK_THROWS_WITH(written(R"({"memory": {"swap": 150}})", {}), StartsWith("memory.swap: memory and swap together"));
  CHECK_THROWS_WITH(written(R"({"memory": {"swap": 90}})", {.memory = 100, .quota = {}, .period = {}}),
                    StartsWith("memory.swap: 90 bytes"));
}

TEST_CASE("a file with one value is taken back as it was") {
  CHECK(taking_back("memory.max", "5", "max") == "max");
  CHECK(taking_back("cpu.max", "max 100000", "5000 10000") == "5000 10000");
  CHECK(taking_back("cpuset.cpus", "1", "") == "\n");
}

TEST_CASE("of a file with a line for each device, that line is taken back") {
  const std::string before = "8:0 rbps=5 wbps=max riops=max wiops=max\n8:16 rbps=max wbps=7 riops=max wiops=max";
  CHECK(taking_back("io.max", "8:16 rbps=9", before) == "8:16 rbps=max wbps=7 riops=max wiops=max");
  CHECK(taking_back("io.max", "8:1 rbps=9", before) == "8:1 rbps=max wbps=max riops=max wiops=max");
  CHECK(taking_back("rdma.max", "mlx hca_handle=1", "mlx hca_handle=max hca_object=3") ==
        "mlx hca_handle=max hca_object=3");
  CHECK(taking_back("misc.max", "sev 1", "").empty());
}

TEST_CASE("a default weight is taken back as the default, a device's as the device's") {
  const std::string before = "default 200\n8:0 50";
  CHECK(taking_back("io.weight", "5", before) == "default 200");
  CHECK(taking_back("io.weight", "default 5", before) == "default 200");
  CHECK(taking_back("io.weight", "8:0 5", before) == "8:0 50");
  CHECK(taking_back("io.weight", "8:16 5", before) == "8:16 default");
  CHECK(taking_back("io.bfq.weight", "5", "100") == "100");
}

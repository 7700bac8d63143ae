// SPDX-License-Identifier: Apache-2.0
#include "events.hpp"

#include "support/catch.hpp"

using namespace oci;
using namespace oci::cli;

namespace {

const std::string cpuset =
    R"("cpuset":{"cpu_exclusive":0,"mem_hardwall":0,"mem_exclusive":0,"memory_migrate":0,"memory_spread_page":0,)"
    R"("memory_spread_slab":0,"memory_pressure":0,"sched_load_balance":0,"sched_relax_domain_level":0},)";

}  // namespace

TEST_CASE("statistics of nothing have runc's members, and leave out what is 0") {
  CHECK(stats_event("c1", {}) ==
        R"({"type":"stats","id":"c1","data":{"cpu":{"usage":{"kernel":0,"user":0},"throttling":{}},)" + cpuset +
            R"("memory":{"usage":{"limit":0,"failcnt":0},"swap":{"limit":0,"failcnt":0},)"
            R"("kernel":{"limit":0,"failcnt":0},"kernelTCP":{"limit":0,"failcnt":0}},)"
            R"("pids":{},"blkio":{},"hugetlb":{},"intel_rdt":{},"network_interfaces":null}})"
            "\n");
}

TEST_CASE("statistics stand in runc's order on one line") {
  Statistics all;
  all.cpu = {
      .total = 3, .user = 1, .kernel = 2, .periods = 4, .throttled_periods = 5, .throttled_time = 6, .pressure = {}};
  all.cpu.pressure = Pressure{.some = {.avg10 = 0.12, .avg60 = 99.5, .avg300 = 100, .total = 7}, .full = {}};
  all.memory = {.cache = 8,
                .memory = {.limit = UINT64_MAX, .usage = 9, .peak = 10, .limit_hits = 11},
                .with_swap = {.limit = 12, .usage = 13, .peak = 0, .limit_hits = 0},
                .details = {{"file", 8}, {"anon", 0}},
                .pressure = {}};
  all.pids = {.current = 14, .limit = 15};
  all.io.bytes = {{.major = 8, .minor = 0, .is_write = false, .value = 16},
                  {.major = 8, .minor = 1, .is_write = true, .value = 0}};
  all.io.operations = {{.major = 8, .minor = 0, .is_write = true, .value = 17}};
  all.huge_pages = {{"2MB", {.usage = 18, .limit_hits = 19}}, {"1GB", {}}};
  CHECK(
      stats_event("c1", all) ==
      R"({"type":"stats","id":"c1","data":{"cpu":{"usage":{"total":3,"kernel":2,"user":1},)"
      R"("throttling":{"periods":4,"throttledPeriods":5,"throttledTime":6},)"
      R"("psi":{"some":{"avg10":0.12,"avg60":99.5,"avg300":100,"total":7},)"
      R"("full":{"avg10":0,"avg60":0,"avg300":0,"total":0}}},)" +
          cpuset +
          R"("memory":{"cache":8,"usage":{"limit":18446744073709551615,"usage":9,"max":10,"failcnt":11},)"
          R"("swap":{"limit":12,"usage":13,"failcnt":0},"kernel":{"limit":0,"failcnt":0},)"
          R"("kernelTCP":{"limit":0,"failcnt":0},"raw":{"anon":0,"file":8}},"pids":{"current":14,"limit":15},)"
          R"("blkio":{"ioServiceBytesRecursive":[{"major":8,"op":"Read","value":16},{"major":8,"minor":1,"op":"Write"}],)"
          R"("ioServicedRecursive":[{"major":8,"op":"Write","value":17}]},)"
          R"("hugetlb":{"1GB":{"failcnt":0},"2MB":{"usage":18,"failcnt":19}},)"
          R"("intel_rdt":{},"network_interfaces":null}})"
          "\n");
}

TEST_CASE("an OOM kill has no data") {
  CHECK(oom_event("c1") == "{\"type\":\"oom\",\"id\":\"c1\"}\n");
}

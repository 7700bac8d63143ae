// SPDX-License-Identifier: Apache-2.0
#include "kernel/cgroup_stats.hpp"

#include "support/catch.hpp"

using namespace oci;

TEST_CASE("cgroup v2's max is the largest number") {
  CHECK(cgroup_number("max") == UINT64_MAX);
  CHECK(cgroup_number("18446744073709551614") == UINT64_MAX - 1);
  CHECK(cgroup_number("12\n") == 12);
  CHECK(cgroup_number("") == 0);
  CHECK(cgroup_number("x") == 0);
}

TEST_CASE("pressure has two lines, and of the CPU only one before Linux 5.13") {
  const auto both = read_pressure(
      "some avg10=0.12 avg60=1.50 avg300=99.99 total=16095\nfull avg10=0.00 avg60=0.01 avg300=0.02 total=7\n");
  REQUIRE(both);
  CHECK(both->some.avg10 == 0.12);
  CHECK(both->some.avg60 == 1.5);
  CHECK(both->some.avg300 == 99.99);
  CHECK(both->some.total == 16'095);
  CHECK(both->full.avg60 == 0.01);
  CHECK(both->full.avg300 == 0.02);
  CHECK(both->full.total == 7);
  const auto one = read_pressure("some avg10=0.12 avg60=0.00 avg300=0.00 total=5\n");
  REQUIRE(one);
  CHECK(one->some.total == 5);
  CHECK(one->full.total == 0);
  CHECK_FALSE(read_pressure("").has_value());
}

TEST_CASE("cpu.stat counts microseconds, the statistics nanoseconds") {
  CpuStatistics cpu;
  read_cpu_stat(
      "usage_usec 30\nuser_usec 20\nsystem_usec 10\nnice_usec 4\nnr_periods 5\nnr_throttled 3\n"
      "throttled_usec 2\nnr_bursts 9\n",
      cpu);
  CHECK(cpu.total == 30'000);
  CHECK(cpu.user == 20'000);
  CHECK(cpu.kernel == 10'000);
  CHECK(cpu.periods == 5);
  CHECK(cpu.throttled_periods == 3);
  CHECK(cpu.throttled_time == 2'000);
}

TEST_CASE("memory.stat is taken over whole, and its file pages are the cache") {
  MemoryStatistics memory;
  read_memory_stat("anon 4096\nfile 8192\nkernel 5\n", memory);
  CHECK(memory.cache == 8192);
  CHECK(memory.details == std::map<std::string, std::uint64_t>{{"anon", 4096}, {"file", 8192}, {"kernel", 5}});
}

TEST_CASE("io.stat has a line for each device, and keys that nobody asks for") {
  IoStatistics io;
  read_io_stat("8:16 rbytes=1459200 wbytes=314773504 rios=192 wios=353 dbytes=9 dios=9\n253:0 \n7:1 rios=3\n", io);
  REQUIRE(io.bytes.size() == 2);
  CHECK(io.bytes[0].major == 8);
  CHECK(io.bytes[0].minor == 16);
  CHECK_FALSE(io.bytes[0].is_write);
  CHECK(io.bytes[0].value == 1'459'200);
  CHECK(io.bytes[1].is_write);
  CHECK(io.bytes[1].value == 314'773'504);
  REQUIRE(io.operations.size() == 3);
  CHECK(io.operations[1].value == 353);
  CHECK(io.operations[2].major == 7);
  CHECK(io.operations[2].value == 3);
}

TEST_CASE("memory and swap together are limited only if both are") {
  const MemoryAmount memory{.limit = 100, .usage = 10, .peak = 50, .limit_hits = 1};
  const auto both = together(memory, {.limit = 30, .usage = 3, .peak = 5, .limit_hits = 7});
  CHECK(both.limit == 130);
  CHECK(both.usage == 13);
  CHECK(both.peak == 0);
  CHECK(both.limit_hits == 7);
  CHECK(together(memory, {.limit = UINT64_MAX}).limit == UINT64_MAX);
  CHECK(together({.limit = UINT64_MAX}, {.limit = 30}).limit == UINT64_MAX);
}

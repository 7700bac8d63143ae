// SPDX-License-Identifier: Apache-2.0
// config.md, "Process", where exec is not like create: CPU affinity, schedulers and limits beside a Fork; and
// linux.memoryPolicy for both.
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "support/bundle.hpp"
#include "support/catch.hpp"

using test::Bundle;
using test::line_with;
using namespace Catch::Matchers;

namespace {

constexpr const char* on_cpus = "Cpus_allowed_list:";

void need_two_cpus() {
  cpu_set_t all;
  ::sched_getaffinity(0, sizeof(all), &all);
  if (!CPU_ISSET(0, &all) || !CPU_ISSET(1, &all)) test::skip("CPUs 0 and 1 are not both there");
}

std::string own_cpus() {
  return line_with(test::slurp("/proc/self/status"), on_cpus);
}

/// exec --process with these members; runs /inside with `words`, a JSON list's inside.
test::Result exec_process(Bundle& b, const std::string& words, const std::string& members) {
  test::spill(b.path("process.json"), R"({"cwd": "/", "args": ["/inside", )" + words + "], " + members + "}");
  return b.runtime({"exec", "--process", b.path("process.json"), "ID"});
}

test::Result exec_affinity(Bundle& b, const std::string& affinity) {
  return exec_process(b, R"("cat", "/proc/self/status")", R"("execCPUAffinity": )" + affinity);
}

std::string policy_of(const std::string& numa_maps) {
  const auto line = numa_maps.substr(0, numa_maps.find('\n'));
  const auto start = line.find(' ') + 1;
  return line.substr(start, line.find(' ', start) - start);
}

void need_memory_policies() {
  if (::access("/proc/self/numa_maps", R_OK) != 0) test::skip("the kernel has no memory policies");
}

constexpr const char* deadline = R"({"policy": "SCHED_DEADLINE", "runtime": 10000000, "deadline": 100000000,
                                     "period": 100000000, "flags": [)";

}  // namespace

// CPU affinity
// ----------------------------------------------------------------------------------------------------------

TEST_CASE("exec runs on the final CPUs, whatever the initial ones are") {
  need_two_cpus();
  Bundle b;
  b.args({"pause"}).launch();
  for (const auto* affinity : {R"({"final": "1"})", R"({"initial": "0", "final": "1"})",
                               R"({"initial": "0-1", "final": "1"})", R"({"initial": "1", "final": "1,4000"})"}) {
    INFO(affinity);
    const auto r = exec_affinity(b, affinity);
    CHECK(r.err.empty());
    CHECK(line_with(r.out, on_cpus) == std::string(on_cpus) + "\t1");
  }
}

TEST_CASE("exec with initial CPUs alone stays on them") {  // Linux 6.2: the kernel remembers what was asked for
  need_two_cpus();
  Bundle b;
  b.args({"pause"}).launch();
  CHECK(line_with(exec_affinity(b, R"({"initial": "1"})").out, on_cpus) == std::string(on_cpus) + "\t1");
  CHECK(line_with(exec_affinity(b, R"({"initial": "0,1"})").out, on_cpus) == std::string(on_cpus) + "\t0-1");
}

TEST_CASE("exec without CPUs has all of them, and not the caller's") {
  need_two_cpus();
  const auto all = own_cpus();
  Bundle b;
  b.args({"pause"}).launch();
  cpu_set_t before;
  cpu_set_t one;
  ::sched_getaffinity(0, sizeof(before), &before);
  CPU_ZERO(&one);
  CPU_SET(1, &one);
  ::sched_setaffinity(0, sizeof(one), &one);
  const auto without = b.exec({"cat", "/proc/self/status"});
  const auto empty = exec_affinity(b, R"({"initial": "", "final": ""})");
  ::sched_setaffinity(0, sizeof(before), &before);
  CHECK(line_with(without.out, on_cpus) == all);
  CHECK(line_with(empty.out, on_cpus) == all);
}

TEST_CASE("config.json's CPUs are exec's and not the first process's, and process.json's go before them") {
  need_two_cpus();
  Bundle b;
  b.set("process.execCPUAffinity", R"({"initial": "0", "final": "1"})").args({"pause"}).launch();
  CHECK(line_with(test::slurp("/proc/" + std::to_string(b.pid()) + "/status"), on_cpus) == own_cpus());
  CHECK(line_with(b.exec({"cat", "/proc/self/status"}).out, on_cpus) == std::string(on_cpus) + "\t1");
  CHECK(line_with(exec_affinity(b, R"({"final": "0"})").out, on_cpus) == std::string(on_cpus) + "\t0");
}

TEST_CASE("CPUs that are not there, or are no list, are refused by their field") {
  Bundle b;
  b.args({"pause"}).launch();
  const auto nowhere = exec_affinity(b, R"({"initial": "4000"})");
  CHECK(nowhere.status == 255);
  CHECK_THAT(nowhere.err, Contains("process.execCPUAffinity.initial: sched_setaffinity (CPUs 4000): invalid argument",
                                   Catch::CaseSensitive::No));
  const auto finally = exec_affinity(b, R"({"final": "4000"})");
  CHECK(finally.status == 255);
  CHECK_THAT(finally.err, Contains("process.execCPUAffinity.final: sched_setaffinity"));
  CHECK_THAT(test::unquoted(exec_affinity(b, R"({"initial": "1-"})").err),
             Contains(R"(process.execCPUAffinity.initial: "1-" is not a list)"));
}

// Memory policy
// ---------------------------------------------------------------------------------------------------------

TEST_CASE("the memory policy is the configured one, for the first process and for exec") {
  need_memory_policies();
  struct Row {
    const char* policy;
    const char* shown;  ///< in numa_maps
  };
  for (const auto& [policy, shown] :
       {Row{R"({"mode": "MPOL_BIND", "nodes": "0", "flags": ["MPOL_F_STATIC_NODES"]})", "bind=static:0"},
        Row{R"({"mode": "MPOL_INTERLEAVE", "nodes": "0"})", "interleave:0"},
        Row{R"({"mode": "MPOL_PREFERRED", "nodes": "0", "flags": ["MPOL_F_RELATIVE_NODES"]})", "prefer=relative:0"},
        Row{R"({"mode": "MPOL_LOCAL"})", "local"}, Row{R"({"mode": "MPOL_DEFAULT"})", "default"}}) {
    INFO(policy);
    Bundle b;
    b.set("linux.memoryPolicy", policy).args({"do", "cat", "/proc/self/numa_maps", "--", "pause"}).launch();
    REQUIRE(b.outputs("\n"));
    CHECK(policy_of(b.output()) == shown);
    CHECK(policy_of(b.exec({"cat", "/proc/self/numa_maps"}).out) == shown);
  }
}

TEST_CASE("a memory policy of nodes that are not there is refused by its field") {
  need_memory_policies();
  Bundle b;
  const auto r = b.set("linux.memoryPolicy", R"({"mode": "MPOL_BIND", "nodes": "1000"})").args({"pause"}).create();
  CHECK(r.status == 1);
  CHECK_THAT(r.err, Contains("linux.memoryPolicy: set_mempolicy (take memory by MPOL_BIND of nodes 1000)"));
  CHECK(b.leftovers().empty());
}

// Schedulers
// ------------------------------------------------------------------------------------------------------------

TEST_CASE("SCHED_DEADLINE, for the first process and for exec, with and without reset on fork") {
  for (const auto* flags : {"", R"("SCHED_FLAG_RESET_ON_FORK")"}) {
    INFO(flags);
    Bundle b;
    b.args({"do", "sched", "--", "pause"}).set("process.scheduler", std::string(deadline) + flags + "]}");
    const auto r = b.create();
    if (r.err.find("peration not permitted") != r.err.npos) test::skip("SCHED_DEADLINE is not permitted here");
    INFO(r.err);
    REQUIRE(r.status == 0);
    REQUIRE(b.start().status == 0);
    REQUIRE(b.outputs("policy="));
    const auto policy = std::string("policy=") + (*flags == 0 ? "6" : "1073741830");  // SCHED_RESET_ON_FORK
    CHECK_THAT(b.output(), StartsWith(policy));
    const auto e = b.exec({"sched"});
    CHECK(e.err.empty());
    CHECK_THAT(e.out, StartsWith(policy));
  }
}

TEST_CASE("a scheduler that the runtime has to set needs nothing of the seccomp filter but read and write") {
  Bundle b;
  b.args({"do", "sched", "--", "pause"}).set("process.scheduler", std::string(deadline) + "]}");
  // Without noNewPrivileges the filter is in force before the scheduler.
  b.set("process.noNewPrivileges", "false").set("linux.seccomp", R"({"defaultAction": "SCMP_ACT_ALLOW",
    "syscalls": [{"names": ["sendmsg", "recvmsg", "sendto", "recvfrom"], "action": "SCMP_ACT_KILL_PROCESS"}]})");
  const auto r = b.create();
  if (r.err.find("peration not permitted") != r.err.npos) test::skip("SCHED_DEADLINE is not permitted here");
  INFO(r.err);
  REQUIRE(r.status == 0);
  REQUIRE(b.start().status == 0);
  REQUIRE(b.outputs("policy="));
  CHECK_THAT(b.output(), StartsWith("policy=6"));
  CHECK_THAT(b.exec({"sched"}).out, StartsWith("policy=6"));
}

TEST_CASE("a scheduler with reset on fork is exec's in spite of the runtime's own fork, without privileges inside") {
  Bundle b;
  b.args({"pause"}).launch();
  const auto r = exec_process(b, R"("sched")", R"("user": {"uid": 1000, "gid": 1000}, "scheduler":
      {"policy": "SCHED_RR", "priority": 3, "flags": ["SCHED_FLAG_RESET_ON_FORK"]})");
  if (r.err.find("peration not permitted") != r.err.npos) test::skip("SCHED_RR is not permitted here");
  CHECK_THAT(r.out, StartsWith("policy=1073741826 priority=3 "));
}

TEST_CASE("the runtime raises the priorities of a process that is in a user namespace") {
  Bundle b;
  b.map_ids(100000, 65536).args({"do", "sched", "--", "ioprio", "--", "pause"});
  b.set("process.scheduler", R"({"policy": "SCHED_OTHER", "nice": -5})");
  b.set("process.ioPriority", R"({"class": "IOPRIO_CLASS_RT", "priority": 2})");
  const auto r = b.create();
  if (r.err.find("peration not permitted") != r.err.npos) test::skip("priorities may not be raised here");
  INFO(r.err);
  REQUIRE(r.status == 0);
  REQUIRE(b.start().status == 0);
  REQUIRE(b.outputs("class="));
  CHECK(b.output() == "policy=0 priority=0 nice=-5\nclass=1 priority=2\n");
  CHECK(b.exec({"do", "sched", "--", "ioprio"}).out == "policy=0 priority=0 nice=-5\nclass=1 priority=2\n");
}

TEST_CASE("exec has the scheduler and the I/O priority of config.json, unless its process.json has its own") {
  Bundle b;
  b.set("process.scheduler", R"({"policy": "SCHED_BATCH", "nice": 7})");
  b.set("process.ioPriority", R"({"class": "IOPRIO_CLASS_BE", "priority": 6})").args({"pause"}).launch();
  CHECK(b.exec({"do", "sched", "--", "ioprio"}).out == "policy=3 priority=0 nice=7\nclass=2 priority=6\n");
  const auto own = exec_process(b, R"("do", "sched", "--", "ioprio")", R"("scheduler": {"policy": "SCHED_IDLE"},
      "ioPriority": {"class": "IOPRIO_CLASS_IDLE", "priority": 0})");
  CHECK_THAT(own.out, StartsWith("policy=5 priority=0 "));
  CHECK_THAT(own.out, EndsWith("class=3 priority=0\n"));
}

// Limits
// ----------------------------------------------------------------------------------------------------------------

TEST_CASE("the processes of exec itself do not count against the limit of the user's processes") {
  // A user whom nobody else on the host is.
  const auto uid = std::to_string(3'000'000'000U + static_cast<unsigned>(::getpid()));
  Bundle b;
  b.set("process.user", "{\"uid\": " + uid + ", \"gid\": 0}").set("process.capabilities", "{}").args({"pause"});
  b.launch();
  const auto exec = [&](const std::string& most) {
    return exec_process(b, R"("rlimit", "6")",
                        R"("user": {"uid": )" + uid + R"(, "gid": 0}, "capabilities": {},
        "rlimits": [{"type": "RLIMIT_NPROC", "soft": )" +
                            most + R"(, "hard": )" + most + "}]");
  };
  const auto second = exec("2");
  CHECK(second.err.empty());
  CHECK(second.out == "2 2\n");
  CHECK(exec("1").status == 255);
}

// The machine
// -----------------------------------------------------------------------------------------------------------

TEST_CASE("the personality is set before a seccomp filter that denies personality(2)") {
  Bundle b;
  b.set("linux.personality", R"({"domain": "LINUX32"})").set("process.noNewPrivileges", "false");
  b.set("linux.seccomp", R"({"defaultAction": "SCMP_ACT_ALLOW", "syscalls":
      [{"names": ["personality"], "action": "SCMP_ACT_ERRNO", "errnoRet": 1}]})");
  b.args({"do", "cat", "/proc/self/personality", "--", "pause"}).launch();
  REQUIRE(b.outputs("\n"));
  CHECK(b.output() == "00000008\n");
  CHECK(b.exec({"cat", "/proc/self/personality"}).out == "00000008\n");
}

TEST_CASE("umask, oomScoreAdj and personality of config.json are exec's too") {
  Bundle b;
  b.set("process.user.umask", "63").set("process.oomScoreAdj", "123");
  b.set("linux.personality", R"({"domain": "LINUX32"})").args({"pause"}).launch();
  const auto r =
      exec_process(b, R"("do", "umask", "--", "cat", "/proc/self/oom_score_adj", "--", "personality")", R"("env": [])");
  CHECK(r.out == "0077\n123\n8\n");
}

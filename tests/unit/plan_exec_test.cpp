// SPDX-License-Identifier: Apache-2.0
// The order in which a process enters a container, where the order is what matters.
#include "plan/exec.hpp"

#include <linux/capability.h>
#include <sched.h>
#include <sys/resource.h>

#include <algorithm>

#include "support/catch.hpp"

using namespace oci;
using namespace Catch::Matchers;

namespace {

using Lines = std::vector<std::string>;

struct Request {
  Process process;
  Linux linux;
  Host host;
  int namespaces = CLONE_NEWPID | CLONE_NEWNS;
  bool awaits_affinity = false;

  Request() {
    process.args = {"program"};
    process.cwd = "/";
    process.user.uid = 1000;
  }

  Lines steps() const {
    ExecPlan request{.process = process, .linux = linux, .host = host, .id = "c", .first_process = FdRef(-1)};
    request.namespaces = namespaces;
    request.awaits_affinity = awaits_affinity;
    Lines lines;
    for (const auto& step : plan_exec(std::move(request)).steps) lines.push_back(describe(step.action));
    return lines;
  }
};

/// Its place among the steps; -1 when it is none of them.
std::ptrdiff_t place(const Lines& steps, std::string_view step) {
  const auto found = std::find(steps.begin(), steps.end(), step);
  return found == steps.end() ? -1 : found - steps.begin();
}

constexpr std::string_view fork_step = "be born again in the pid and time namespaces";

}  // namespace

TEST_CASE("exec runs on every CPU of the cgroup when execCPUAffinity says nothing") {
  Request request;
  CHECK(request.steps().front() == "run on every CPU");
  request.process.exec_cpu_affinity.emplace();
  CHECK(request.steps().front() == "run on every CPU");
}

TEST_CASE("with an initial affinity alone the final one is left to the kernel") {
  Request request;
  request.process.exec_cpu_affinity = CpuAffinity{"0", ""};
  for (const auto& step : request.steps()) CHECK_FALSE(step.starts_with("run on"));
}

TEST_CASE("the final affinity comes first of all, or once the runtime has set the initial one") {
  Request request;
  request.process.exec_cpu_affinity = CpuAffinity{"0", "1,3"};
  CHECK(request.steps().front() == "run on CPUs 1,3");
  request.awaits_affinity = true;
  CHECK(request.steps().at(0) == "wait for the runtime until adopted");
  CHECK(request.steps().at(1) == "run on CPUs 1,3");
}

TEST_CASE("a memory policy is in force before anything is entered") {
  Request request;
  request.linux.memory_policy = MemoryPolicy{"MPOL_BIND", "0-1", {"MPOL_F_STATIC_NODES"}};
  const auto steps = request.steps();
  const auto policy = place(steps, "take memory by MPOL_BIND|MPOL_F_STATIC_NODES of nodes 0-1");
  REQUIRE(policy >= 0);
  CHECK(policy < place(steps, "join the container's namespaces pid,mount"));
}

TEST_CASE("a scheduler that does not survive a fork is set behind it") {
  Request request;
  request.process.scheduler = Scheduler{"SCHED_DEADLINE", 0, 0, {}, 0, 0, 0};
  auto steps = request.steps();
  CHECK(place(steps, "set scheduling policy 6") > place(steps, fork_step));

  request.process.scheduler = Scheduler{"SCHED_FIFO", 0, 1, {"SCHED_FLAG_RESET_ON_FORK"}, 0, 0, 0};
  steps = request.steps();
  CHECK(place(steps, "set scheduling policy 1") > place(steps, fork_step));
}

TEST_CASE("a scheduler that survives a fork is set while the process has its privileges") {
  Request request;
  request.process.scheduler = Scheduler{"SCHED_FIFO", 0, 1, {}, 0, 0, 0};
  auto steps = request.steps();
  CHECK(place(steps, "set scheduling policy 1") < place(steps, "become 1000:0"));
  request.process.scheduler->flags = {"SCHED_FLAG_RESET_ON_FORK"};
  request.namespaces = CLONE_NEWNS;
  steps = request.steps();
  CHECK(place(steps, "set scheduling policy 1") < place(steps, "become 1000:0"));
}

TEST_CASE("a limit of processes has room for the one that forks, and not afterwards") {
  Request request;
  request.process.rlimits = {{"RLIMIT_NPROC", 2, 2}};
  auto steps = request.steps();
  const auto roomy = place(steps, "limit RLIMIT_NPROC to 3:3");
  const auto exact = place(steps, "limit RLIMIT_NPROC to 2:2");
  CHECK(roomy >= 0);
  CHECK(roomy < place(steps, fork_step));
  CHECK(exact > place(steps, fork_step));

  request.process.rlimits = {{"RLIMIT_NPROC", 2, 9}};
  CHECK(place(request.steps(), "limit RLIMIT_NPROC to 3:9") >= 0);
}

TEST_CASE("below a user namespace a limit of processes is not raised above the caller's, not even by root") {
  rlimit caller{};
  REQUIRE(::getrlimit(RLIMIT_NPROC, &caller) == 0);
  if (caller.rlim_max == RLIM_INFINITY) {
    caller = {1'000'000, 1'000'000};
    REQUIRE(::setrlimit(RLIMIT_NPROC, &caller) == 0);
  }
  const auto most = caller.rlim_max;
  const auto limit = [](rlim_t soft, rlim_t hard) {
    return "limit RLIMIT_NPROC to " + std::to_string(soft) + ":" + std::to_string(hard);
  };
  Request request;
  request.host.in_user_namespace = true;
  for (const unsigned uid : {1000, 0}) {
    request.process.user.uid = uid;
    request.process.rlimits = {{"RLIMIT_NPROC", most, most}};
    CHECK(place(request.steps(), limit(most, most)) >= 0);
    CHECK(place(request.steps(), limit(most + 1, most + 1)) < 0);
    request.process.rlimits = {{"RLIMIT_NPROC", most - 1, most - 1}};
    CHECK(place(request.steps(), limit(most, most)) >= 0);
  }
}

TEST_CASE("additional groups are refused where setgroups(2) is denied") {
  Request request;
  request.process.user.additional_gids = {5};
  CHECK(place(request.steps(), "become 1000:0,5") >= 0);
  request.host.may_set_groups = false;
  CHECK_THROWS_WITH(request.steps(), StartsWith("process.user.additionalGids: cannot set any additional groups"));
  request.host.may_set_groups = true;
  request.host.euid = 1000;
  request.host.capabilities = 0;
  CHECK_THROWS_WITH(request.steps(), StartsWith("process.user.additionalGids: cannot set any additional groups"));
  request.process.user.additional_gids.clear();
  CHECK(place(request.steps(), "become 1000:0") >= 0);
}

TEST_CASE("a limit of processes is set once where nobody counts, or nobody forks") {
  Request request;
  request.process.rlimits = {{"RLIMIT_NPROC", 2, 2}};
  request.namespaces = CLONE_NEWNS;
  auto steps = request.steps();
  CHECK(place(steps, "limit RLIMIT_NPROC to 3:3") < 0);
  CHECK(place(steps, "limit RLIMIT_NPROC to 2:2") >= 0);

  request.namespaces = CLONE_NEWPID;
  request.process.user.uid = 0;
  steps = request.steps();
  CHECK(std::count_if(steps.begin(), steps.end(), [](const auto& step) { return step.starts_with("limit"); }) == 1);
}

// SPDX-License-Identifier: Apache-2.0
// Who is born by a Fork, and for whom.
#include <poll.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <vector>

#include "init/run.hpp"
#include "kernel/ignored_signals.hpp"
#include "support/catch.hpp"

using namespace oci;

TEST_CASE("a process that is born when its runtime has gone does not become the program") {
  REQUIRE(::prctl(PR_SET_CHILD_SUBREAPER, 1) == 0);
  init::Progress progress;
  const pid_t runtime = ::fork();
  REQUIRE(runtime >= 0);
  if (runtime == 0) {
    auto [ours, theirs] = make_channel();
    const pid_t parent = ::getpid();
    if (::fork() != 0) ::_exit(0);
    ours.reset();
    pollfd end{theirs.get(), 0, 0};
    ::poll(&end, 1, -1);
    // The kernel closes a process's descriptors before its children are told of its end: until then it could still send
    // the signal that init::run() asks for.
    while (::getppid() == parent) ::sched_yield();
    InitPlan plan;
    plan.add(FindProgram{"/bin/true", ""});
    plan.add(Fork{});
    plan.add(Execute{{"true"}, {}});
    ::close(STDERR_FILENO);
    init::run(plan, init::arguments_of(plan), std::move(theirs), progress, ignored_signals());
  }
  std::vector<int> ends;
  for (int status = 0; ::waitpid(-1, &status, 0) > 0;) ends.push_back(WEXITSTATUS(status));
  ::prctl(PR_SET_CHILD_SUBREAPER, 0);
  std::sort(ends.begin(), ends.end());
  CHECK(ends == std::vector<int>{0, 0, 255});  // the runtime, the one that forked, the one that was born
}

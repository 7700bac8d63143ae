// SPDX-License-Identifier: Apache-2.0
// The runtime's side of the channel, when it is not as it should be.
#include "container/launch.hpp"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <csignal>

#include "support/catch.hpp"

using namespace oci;
using namespace Catch::Matchers;

namespace {

/// Says `ready`, and would wait on a pipe that nobody writes to.
Child ready_and_waiting() {
  std::array<int, 2> ends{};
  REQUIRE(::pipe2(ends.data(), O_CLOEXEC) == 0);
  InitPlan plan;
  plan.add(Meet{Word::ready});
  plan.add(AwaitStart{Fd(ends[0])});
  plan.add(Execute{{"true"}, {}});
  const Fd writer(ends[1]);
  auto child = Child::launch(std::move(plan), FdRef(-1));
  const auto message = child.next();
  REQUIRE(message);
  REQUIRE(message->word == Word::ready);
  return child;
}

}  // namespace

TEST_CASE("an answer that cannot be sent to a living process is an error") {
  const auto child = ready_and_waiting();
  static constexpr int not_open = 9999;
  CHECK_THROWS_WITH(child.answer(Word::go, FdRef(not_open)), "answer the container's process: Bad file descriptor");
}

TEST_CASE("an answer to a process that was killed is left to what next() says") {
  auto child = ready_and_waiting();
  ::kill(child.pid(), SIGKILL);
  CHECK_THROWS_WITH(child.next(), Contains("was killed by signal 9") && Contains("step 1 of 3"));
  CHECK_NOTHROW(child.answer(Word::go));
  CHECK_NOTHROW(child.refuse(Error("no")));
}

TEST_CASE("why a process has failed can be asked when this side fails, too") {
  auto waiting = ready_and_waiting();
  CHECK_NOTHROW(waiting.tell_failure());
  CHECK(waiting.plan().steps.size() == 3);

  InitPlan plan;
  plan.add(FindProgram{"/etc/passwd", ""});
  plan.add(Execute{{"true"}, {}});
  auto failed = Child::launch(std::move(plan), FdRef(-1));
  siginfo_t end{};
  REQUIRE(::waitid(P_PIDFD, static_cast<id_t>(failed.pidfd().get()), &end, WEXITED | WNOWAIT) == 0);
  CHECK_THROWS_WITH(failed.tell_failure(), Contains("permission denied"));
}

TEST_CASE("a process that closes the channel and lives on is not waited for") {
  auto child = ready_and_waiting();
  child.answer(Word::go);
  const auto begin = std::chrono::steady_clock::now();
  // Which one is seen depends on who is quicker: this side, or the process on its way to its next step.
  CHECK_THROWS_WITH(child.next(),
                    (Contains("closed its channel in step 1 of 3") || Contains("closed its channel in step 2 of 3")) &&
                        Contains("lived on"));
  CHECK(std::chrono::steady_clock::now() - begin < std::chrono::seconds(20));
  CHECK(::kill(child.pid(), 0) == -1);  // killed and reaped
}

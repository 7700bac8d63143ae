// SPDX-License-Identifier: Apache-2.0
#include "kernel/seccomp_listener.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "base/channel.hpp"
#include "base/syscalls.hpp"
#include "oci/error.hpp"
#include "support/catch.hpp"

using namespace oci;
using namespace Catch::Matchers;

TEST_CASE("only a seccomp listener is taken out of a process") {
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    ::pause();
    ::_exit(0);
  }
  const auto process = sys::pidfd_open(child);
  const auto taken = [&](int number) {
    try {
      take_listener(process, number);
    } catch (const Error& error) {
      return std::string(error.what());
    }
    return std::string("taken");
  };
  CHECK_THAT(taken(STDERR_FILENO), EndsWith("is no seccomp listener"));
  CHECK_THAT(taken(1000), StartsWith("take the seccomp listener, descriptor 1000"));
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
}

TEST_CASE("what is said by write is received as any other message, and the answer is heard by read") {
  const auto [ours, theirs] = make_channel();
  REQUIRE(say(theirs, Word::listener, 7, 42));
  const auto message = receive(ours);
  REQUIRE(message);
  CHECK(message->word == Word::listener);
  CHECK(message->step == 7);
  CHECK(message->code == 42);
  REQUIRE(send(ours, {Word::failure, 0, 2, "no agent", {}}));
  const auto answer = hear(theirs);
  REQUIRE(answer);
  CHECK(answer->word == Word::failure);
  CHECK(answer->code == 2);
  CHECK(answer->text == "no agent");
}

TEST_CASE("nothing is heard from an end that was closed") {
  auto [ours, theirs] = make_channel();
  ours.reset();
  CHECK_FALSE(hear(theirs));
}

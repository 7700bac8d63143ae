// SPDX-License-Identifier: Apache-2.0
#include "kernel/network_visit.hpp"

#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/syscalls.hpp"
#include "support/catch.hpp"

using namespace oci;

namespace {

std::string network() {
  return sys::readlinkat(working_directory, "/proc/self/ns/net");
}

/// A network namespace without anybody in it.
Fd new_network() {
  const auto home = sys::openat(working_directory, "/proc/self/ns/net", O_RDONLY);
  REQUIRE(::unshare(CLONE_NEWNET) == 0);
  auto made = sys::openat(working_directory, "/proc/self/ns/net", O_RDONLY);
  REQUIRE(::setns(home.get(), CLONE_NEWNET) == 0);
  return made;
}

}  // namespace

TEST_CASE("a visit to a network namespace ends where it began, also when an error ends it") {
  if (::geteuid() != 0) test::skip("needs root");
  const auto other = new_network();
  const auto home = network();
  {
    NetworkVisit visit;
    CHECK(network() == home);
    visit.begin(FdRef(other));
    CHECK(network() != home);
    visit.end();
    CHECK(network() == home);
  }
  CHECK(network() == home);
  try {
    NetworkVisit visit;
    visit.begin(FdRef(other));
    throw Error("on the way");
  } catch (const Error&) {
    CHECK(network() == home);
  }
  NetworkVisit nowhere;
  CHECK_THROWS_AS(nowhere.begin(FdRef(-1)), Error);
  CHECK(network() == home);
}

TEST_CASE("who may not come back does not leave") {
  if (::geteuid() != 0) test::skip("needs root");
  const pid_t child = ::fork();
  if (child == 0) {
    if (::unshare(CLONE_NEWUSER) != 0) ::_exit(1);
    try {
      const NetworkVisit visit;
    } catch (const Error& error) {
      ::_exit(error.code() == EPERM ? 0 : 2);
    }
    ::_exit(3);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(status == 0);
}

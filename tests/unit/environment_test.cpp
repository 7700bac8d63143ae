// SPDX-License-Identifier: Apache-2.0
#include "base/environment.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <string_view>

#include "support/catch.hpp"

namespace {

/// The exit status of a child that does `act`; its environment is no other test's.
template <class Act>
int status_of_child(Act act) {
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) ::_exit(act());
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

char secret[] = "SECRET=of-the-caller";
char* one_variable[] = {secret, nullptr};

bool has_secret() {
  const char* value = ::getenv("SECRET");
  return value && std::string_view(value) == "of-the-caller";
}

int is_not_for_children() {
  environ = one_variable;
  oci::withhold_environment();
  if (!has_secret()) return 1;
  if (std::any_of(std::begin(secret), std::end(secret), [](char byte) { return byte != 0; })) return 2;
  if (status_of_child([] { return environ[0] == nullptr && !has_secret() ? 0 : 1; }) != 0) return 3;
  return 0;
}

int is_moved_once() {
  environ = one_variable;
  oci::withhold_environment();
  char** const there = environ;
  oci::withhold_environment();
  return environ == there && has_secret() ? 0 : 1;
}

int may_be_none() {
  environ = nullptr;
  oci::withhold_environment();
  char* nothing = nullptr;
  environ = &nothing;
  oci::withhold_environment();
  return environ == &nothing ? 0 : 1;
}

}  // namespace

TEST_CASE("a withheld environment is this process's, not a child's, and nowhere else") {
  CHECK(status_of_child(is_not_for_children) == 0);
}

TEST_CASE("an environment that is withheld stays where it is") {
  CHECK(status_of_child(is_moved_once) == 0);
}

TEST_CASE("no environment is none to withhold") {
  CHECK(status_of_child(may_be_none) == 0);
}

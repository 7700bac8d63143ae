// SPDX-License-Identifier: Apache-2.0
#include "container/hooks.hpp"

#include <array>
#include <cstdlib>

#include "base/files.hpp"
#include "oci/error.hpp"
#include "support/catch.hpp"

using namespace oci;

namespace {

Hook shell(const std::string& script) {
  Hook hook;
  hook.path = "/bin/sh";
  hook.args = {"sh", "-c", script};
  return hook;
}

struct Directory {
  std::array<char, 32> name{"/tmp/hooks_test_XXXXXX"};
  Directory() { REQUIRE(::mkdtemp(name.data())); }
  Directory(const Directory&) = delete;
  Directory& operator=(const Directory&) = delete;
  ~Directory() {
    ::unlink((path() + "/log").c_str());
    ::rmdir(name.data());
  }
  std::string path() const { return name.data(); }
  std::string log() const { return try_read_file(working_directory, path() + "/log").value_or(""); }
};

std::string failure(const std::vector<Hook>& hooks, const std::string& kind, const std::string& bundle = "/") {
  try {
    run_hooks(hooks, kind, "{}", bundle);
  } catch (const Error& error) {
    return error.what();
  }
  return "none";
}

}  // namespace

TEST_CASE("hooks run in order, in the bundle, with the state on standard input") {
  const Directory bundle;
  run_hooks({shell("pwd >log; cat >>log"), shell("echo \" second\" >>log")}, "createRuntime", "{\"id\":1}",
            bundle.path());
  CHECK(bundle.log() == bundle.path() + "\n{\"id\":1} second\n");
}

TEST_CASE("a failing hook names itself, and ends the row") {
  const Directory bundle;
  CHECK(failure({shell(":"), shell("echo out; echo err >&2; exit 3"), shell("touch log")}, "createRuntime",
                bundle.path()) == "error running createRuntime hook #1: exit status 3, stdout: out, stderr: err");
  CHECK(::access((bundle.path() + "/log").c_str(), F_OK) != 0);
  CHECK(failure({shell("kill -SYS $$")}, "poststart") ==
        "error running poststart hook #0: killed by signal 31 (bad system call), stdout: , stderr: ");
  Hook missing;
  missing.path = "/nonexistent";
  CHECK(failure({missing}, "prestart") ==
        "error running prestart hook #0: execute /nonexistent: No such file or directory");
}

TEST_CASE("a hook has the time it was given and no more") {
  auto slow = shell("sleep 20");
  slow.timeout = 1;
  CHECK(failure({slow}, "prestart") ==
        "error running prestart hook #0: hook ran past specified timeout of 1.0s, stdout: , stderr: ");
  auto quick = shell("exit 0");
  quick.timeout = std::int64_t{1} << 62U;
  CHECK(failure({quick}, "prestart") == "none");
}

TEST_CASE("an environment that is given replaces the runtime's") {
  ::setenv("HOOKS_TEST", "inherited", 1);
  auto hook = shell("test \"$HOOKS_TEST\" = inherited");
  CHECK(failure({hook}, "prestart") == "none");
  hook.env.emplace();
  CHECK(failure({hook}, "prestart") != "none");
}

TEST_CASE("poststop hooks all run, and every failure is told") {
  const Directory bundle;
  const auto failures =
      run_every_hook({shell("exit 1"), shell("touch log"), shell("exit 2")}, "poststop", "{}", bundle.path());
  REQUIRE(failures.size() == 2);
  CHECK(failures[0] == "error running poststop hook #0: exit status 1, stdout: , stderr: ");
  CHECK(failures[1] == "error running poststop hook #2: exit status 2, stdout: , stderr: ");
  CHECK(::access((bundle.path() + "/log").c_str(), F_OK) == 0);
}

// SPDX-License-Identifier: Apache-2.0
// What others can see of the container's process before it is the program.
#include <linux/keyctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "support/bundle.hpp"
#include "support/catch.hpp"

using test::Bundle;
using namespace Catch::Matchers;

TEST_CASE("the caller's environment is not in the process that waits for start") {
  Bundle b;
  b.environment = test::Words{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "PROXY_PASSWORD=of-the-engine"};
  REQUIRE(b.args({"pause"}).create().status == 0);
  const auto environment = test::slurp("/proc/" + std::to_string(b.pid()) + "/environ");
  CHECK(!environment.empty());
  CHECK_THAT(environment, !Contains("of-the-engine"));
}

TEST_CASE("a process in a pid namespace of others is never there without its filter") {
  Bundle neighbour;
  neighbour.args({"pause"}).launch();
  Bundle b;
  b.set("linux.namespaces", R"([{"type": "mount"}, {"type": "ipc"}, {"type": "uts"}, {"type": "pid", "path": "/proc/)" +
                                std::to_string(neighbour.pid()) + R"(/ns/pid"}])");
  b.set("linux.seccomp", R"({"defaultAction": "SCMP_ACT_ALLOW", "syscalls":
                             [{"names": ["getpgrp"], "action": "SCMP_ACT_ERRNO"}]})");
  b.set("process.noNewPrivileges", "true");
  REQUIRE(b.args({"status"}).create().status == 0);
  // It waits for start: what is seen now was so from its birth on.
  CHECK(test::line_with(test::slurp("/proc/" + std::to_string(b.pid()) + "/status"), "Seccomp:") == "Seccomp:\t2");
  CHECK(b.start().status == 0);
}

TEST_CASE("a container that has used up its user's quota of keys does not get the caller's by that") {
  static constexpr unsigned host_id = 345'678;
  Bundle b;
  b.map_ids(host_id, 1000).args({"pause"}).launch();
  const pid_t hoarder = ::fork();
  if (hoarder == 0) {
    if (::syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, nullptr) < 0) ::_exit(1);
    if (::syscall(SYS_setresuid, host_id, host_id, host_id) < 0) ::_exit(1);
    for (int i = 0; i < 100'000; ++i)
      if (::syscall(SYS_add_key, "user", std::to_string(i).c_str(), "x", 1, KEY_SPEC_PROCESS_KEYRING) < 0) break;
    ::raise(SIGSTOP);
    ::_exit(0);
  }
  int status = 0;
  REQUIRE(::waitpid(hoarder, &status, WUNTRACED) == hoarder);
  CHECK(WIFSTOPPED(status));
  REQUIRE(::syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, "of-the-engine") > 0);
  const auto r = b.exec({"keyring"});
  CHECK(r.status == 0);
  CHECK(!r.out.empty());
  CHECK_THAT(r.out, !Contains("of-the-engine"));
  ::kill(hoarder, SIGKILL);
  ::waitpid(hoarder, nullptr, 0);
}

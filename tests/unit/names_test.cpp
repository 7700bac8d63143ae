// SPDX-License-Identifier: Apache-2.0
#include "spec/names.hpp"

#include <sched.h>

#include <csignal>

#include "support/catch.hpp"

using namespace oci;

TEST_CASE("a signal is a number, or a name in any case with or without SIG") {
  CHECK(find_signal("9") == 9);
  CHECK(find_signal("0") == 0);
  CHECK(find_signal("KILL") == SIGKILL);
  CHECK(find_signal("SIGTERM") == SIGTERM);
  CHECK(find_signal("sigusr1") == SIGUSR1);
  CHECK(find_signal("CLD") == SIGCHLD);
  CHECK(find_signal("POLL") == SIGIO);
  CHECK(find_signal("RTMIN") == SIGRTMIN);
  CHECK(find_signal("RTMIN+3") == SIGRTMIN + 3);
  CHECK(find_signal("SIGRTMAX-1") == SIGRTMAX - 1);
  for (const auto* bad : {"", "-1", "SIG", "9x", "NOPE", "RTMIN-1", "RTMAX+1", "RTMIN+99", "RTMIN+"}) {
    INFO(bad);
    CHECK_FALSE(find_signal(bad));
  }
}

TEST_CASE("a capability has its name with or without CAP_, in any case") {
  CHECK(find_capability("CAP_CHOWN") == 0U);
  CHECK(find_capability("SYS_ADMIN") == 21U);
  CHECK(find_capability("cap_net_admin") == 12U);
  CHECK_FALSE(find_capability("CAP_NOPE"));
  CHECK_FALSE(find_capability(""));
  CHECK(capability_name(21) == "CAP_SYS_ADMIN");
  CHECK(capability_names().at(0) == "CAP_CHOWN");
  CHECK(capability_names().size() >= 38);
}

TEST_CASE("the table of namespaces is in the order of their type") {
  for (const auto& row : namespace_names()) CHECK(name_of(row.type).name == row.name);
  CHECK(find_namespace("mount")->flag == CLONE_NEWNS);
  CHECK(find_namespace("mount")->proc_name == "mnt");
  CHECK(find_namespace("net") == nullptr);
}

TEST_CASE("rlimits, policies, flags and classes have the kernel's numbers") {
  CHECK(find_rlimit("RLIMIT_NOFILE") == 7);
  CHECK_FALSE(find_rlimit("NOFILE"));
  CHECK(find_scheduler_policy("SCHED_DEADLINE") == 6);
  CHECK(find_scheduler_flag("SCHED_FLAG_UTIL_CLAMP_MAX") == 0x40);
  CHECK(find_io_class("IOPRIO_CLASS_IDLE") == 3);
}

// SPDX-License-Identifier: Apache-2.0
// Filters are loaded into children, which try them.
#include "kernel/seccomp.hpp"

#include <linux/seccomp.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <functional>

#include "base/handle.hpp"
#include "oci/error.hpp"
#include "support/catch.hpp"
#include "support/seccomp.hpp"

using namespace oci;
using namespace test;
using Catch::Matchers::EndsWith;
using Catch::Matchers::StartsWith;

namespace {

std::string failure(const Seccomp& profile) {
  try {
    seccomp_program(profile, "");
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

/// personality(2) with an argument that changes nothing, or one that the kernel would take as a change.
auto personality(unsigned long value) {
  return [=] { return ::syscall(SYS_personality, value); };
}

}  // namespace

TEST_CASE("each action does what it is named after") {
  CHECK(under(allow({}), [] { return ::syscall(SYS_getppid); }).error == 0);
  CHECK(under(allow({rule({"getppid"}, "SCMP_ACT_ERRNO")}), [] { return ::syscall(SYS_getppid); }).error == EPERM);
  for (const auto* action : {"SCMP_ACT_KILL", "SCMP_ACT_KILL_THREAD", "SCMP_ACT_KILL_PROCESS", "SCMP_ACT_TRAP"}) {
    INFO(action);
    const auto outcome = under(allow({rule({"getppid"}, action)}), [] { return ::syscall(SYS_getppid); });
    CHECK(outcome.error == -1);
    CHECK(outcome.signal == SIGSYS);
  }
  CHECK(under(allow({rule({"getppid"}, "SCMP_ACT_LOG")}), [] { return ::syscall(SYS_getppid); }).error == 0);
  // seccomp(2): without a tracer, SECCOMP_RET_TRACE fails with ENOSYS.
  CHECK(under(allow({rule({"getppid"}, "SCMP_ACT_TRACE")}), [] { return ::syscall(SYS_getppid); }).error == ENOSYS);
}

TEST_CASE("errnoRet and defaultErrnoRet are what the call returns") {
  auto profile = allow({rule({"getppid"}, "SCMP_ACT_ERRNO")});
  profile.syscalls[0].errno_ret = 4095;
  CHECK(under(profile, [] { return ::syscall(SYS_getppid); }).error == 4095);
  profile.syscalls[0].errno_ret = 0;
  CHECK(under(profile, [] { return ::syscall(SYS_getppid); }).error == 0);
  profile = deny({rule({"clone3", "exit_group"}, "SCMP_ACT_ALLOW")});
  profile.default_errno_ret = EXDEV;
  CHECK(under(profile, [] { return ::syscall(SYS_getppid); }).error == EXDEV);
}

TEST_CASE("the value of SCMP_ACT_TRACE reaches the program") {
  auto profile = allow({rule({"getppid"}, "SCMP_ACT_TRACE")});
  profile.syscalls[0].errno_ret = 65535;
  const auto call = call_of(::seccomp_arch_native(), SYS_getppid);
  CHECK(evaluate(seccomp_program(profile, "").filter, call) == (SECCOMP_RET_TRACE | 65535U));
}

TEST_CASE("every operator compares 64 bits") {
  constexpr std::uint64_t wide = 0x100000005ULL;
  struct Case {
    const char* op;
    bool below, equal, above, low_half;
  };
  const auto row =
      GENERATE(Case{"SCMP_CMP_NE", true, false, true, true}, Case{"SCMP_CMP_LT", true, false, false, true},
               Case{"SCMP_CMP_LE", true, true, false, true}, Case{"SCMP_CMP_EQ", false, true, false, false},
               Case{"SCMP_CMP_GE", false, true, true, false}, Case{"SCMP_CMP_GT", false, false, true, false});
  INFO(row.op);
  const auto program = seccomp_program(allow({rule({"getppid"}, "SCMP_ACT_ERRNO", {{0, wide, 0, row.op}})}), "");
  const auto matches = [&](std::uint64_t value) {
    return under(program, [=] { return ::syscall(SYS_getppid, value); }).error == EPERM;
  };
  CHECK(matches(wide - 1) == row.below);
  CHECK(matches(wide) == row.equal);
  CHECK(matches(wide + 1) == row.above);
  CHECK(matches(wide & 0xffffffffU) == row.low_half);
}

TEST_CASE("SCMP_CMP_MASKED_EQ takes value as the mask and valueTwo as what must be left") {
  const auto program = seccomp_program(
      allow({rule({"getppid"}, "SCMP_ACT_ERRNO", {{1, 0xf0000000f0ULL, 0x1000000020ULL, "SCMP_CMP_MASKED_EQ"}})}), "");
  const auto matches = [&](std::uint64_t value) {
    return under(program, [=] { return ::syscall(SYS_getppid, 0, value); }).error == EPERM;
  };
  CHECK(matches(0x1000000020ULL));
  CHECK(matches(0x0100000f1200002fULL | 0x1000000020ULL));
  CHECK_FALSE(matches(0x20ULL));
  CHECK_FALSE(matches(0x3000000020ULL));
}

TEST_CASE("conditions on different arguments must all hold, on the same argument any of them") {
  const auto both = allow({rule({"getppid"}, "SCMP_ACT_ERRNO", {{0, 1, 0, "SCMP_CMP_EQ"}, {1, 2, 0, "SCMP_CMP_EQ"}})});
  CHECK(under(both, [] { return ::syscall(SYS_getppid, 1, 2); }).error == EPERM);
  CHECK(under(both, [] { return ::syscall(SYS_getppid, 1, 3); }).error == 0);
  CHECK(under(both, [] { return ::syscall(SYS_getppid, 0, 2); }).error == 0);
  const auto any = allow({rule({"getppid"}, "SCMP_ACT_ERRNO",
                               {{0, 1, 0, "SCMP_CMP_EQ"}, {0, 2, 0, "SCMP_CMP_EQ"}, {1, 7, 0, "SCMP_CMP_EQ"}})});
  CHECK(under(any, [] { return ::syscall(SYS_getppid, 1, 0); }).error == EPERM);
  CHECK(under(any, [] { return ::syscall(SYS_getppid, 2, 0); }).error == EPERM);
  CHECK(under(any, [] { return ::syscall(SYS_getppid, 3, 7); }).error == EPERM);
  CHECK(under(any, [] { return ::syscall(SYS_getppid, 3, 0); }).error == 0);
}

TEST_CASE("rules of one system call are told apart by their arguments") {
  auto profile = deny({rule({"personality"}, "SCMP_ACT_ALLOW", {{0, 0xffffffff, 0, "SCMP_CMP_EQ"}}),
                       rule({"personality"}, "SCMP_ACT_ERRNO", {{0, 8, 0, "SCMP_CMP_EQ"}})});
  profile.syscalls[1].errno_ret = EXDEV;
  CHECK(under(profile, personality(0xffffffff)).error == 0);
  CHECK(under(profile, personality(8)).error == EXDEV);
  CHECK(under(profile, personality(4)).error == EPERM);
}

TEST_CASE("system calls newer than the profile get ENOSYS, older ones the default action") {
  for (const auto* action : {"SCMP_ACT_ERRNO", "SCMP_ACT_KILL", "SCMP_ACT_KILL_PROCESS", "SCMP_ACT_TRAP"}) {
    INFO(action);
    auto profile = deny({rule({"getpid"}, "SCMP_ACT_ALLOW")});
    profile.default_action = action;
    CHECK(under(profile, [] { return ::syscall(unused_number); }).error == ENOSYS);
    CHECK(under(profile, [] { return ::syscall(SYS_getpid + 1); }).error == ENOSYS);
    CHECK(under(profile, [] { return ::syscall(SYS_getpid); }).error == 0);
    const auto below = under(profile, [] { return ::syscall(SYS_getpid - 1); });
    CHECK((std::string_view(action) == "SCMP_ACT_ERRNO" ? below.error == EPERM : below.signal == SIGSYS));
  }
  // A name whose rule repeats the default action is still one that the profile knows.
  const auto named = deny({rule({"getpid"}, "SCMP_ACT_ALLOW"), rule({"clone3"}, "SCMP_ACT_ERRNO")});
  CHECK(under(named, [] { return ::syscall(SYS_clone3, nullptr, 0); }).error == EPERM);
  CHECK(under(named, [] { return ::syscall(unused_number); }).error == ENOSYS);
}

TEST_CASE("a default action that refuses nothing leaves new system calls alone") {
  const auto call = call_of(::seccomp_arch_native(), unused_number);
  for (const auto* action : {"SCMP_ACT_ALLOW", "SCMP_ACT_LOG", "SCMP_ACT_TRACE"}) {
    auto profile = deny({rule({"getpid"}, "SCMP_ACT_ERRNO")});
    profile.default_action = action;
    CHECK(evaluate(seccomp_program(profile, "").filter, call) != (SECCOMP_RET_ERRNO | ENOSYS));
  }
}

TEST_CASE("names that libseccomp does not know are skipped") {
  const auto profile = deny({rule({"no_such_call", "getpid", ""}, "SCMP_ACT_ALLOW")});
  CHECK(under(profile, [] { return ::syscall(SYS_getpid); }).error == 0);
}

TEST_CASE("SCMP_ACT_NOTIFY hands out a listener, and the agent's answer is the call's result") {
  auto profile = allow({rule({"getppid"}, "SCMP_ACT_NOTIFY")});
  profile.listener_path = "/run/agent.sock";
  const auto program = seccomp_program(profile, "");
  CHECK(program.notifies);
  CHECK((program.flags & SECCOMP_FILTER_FLAG_NEW_LISTENER) != 0);

  int pair[2];
  REQUIRE(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == 0);
  const Fd ours(pair[0]), theirs(pair[1]);
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    const sock_fprog loaded{static_cast<unsigned short>(program.filter.size()),
                            const_cast<sock_filter*>(program.filter.data())};
    ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    const auto listener = ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, program.flags, &loaded);
    const bool told = ::write(theirs.get(), &listener, sizeof listener) == sizeof listener;
    ::_exit(told && listener >= 0 && ::syscall(SYS_getppid) == 42 ? 0 : 1);
  }
  long number = -1;
  REQUIRE(::read(ours.get(), &number, sizeof number) == sizeof number);
  const Fd process(static_cast<int>(::syscall(SYS_pidfd_open, child, 0)));
  const Fd listener(static_cast<int>(::syscall(SYS_pidfd_getfd, process.get(), number, 0)));
  REQUIRE(listener);
  seccomp_notif asked{};
  REQUIRE(::ioctl(listener.get(), SECCOMP_IOCTL_NOTIF_RECV, &asked) == 0);
  CHECK(asked.data.nr == SYS_getppid);
  seccomp_notif_resp answer{asked.id, 42, 0, 0};
  REQUIRE(::ioctl(listener.get(), SECCOMP_IOCTL_NOTIF_SEND, &answer) == 0);
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(status == 0);
}

TEST_CASE("a listenerPath without SCMP_ACT_NOTIFY is ignored") {
  auto profile = allow({});
  profile.listener_path = "/run/agent.sock";
  profile.listener_metadata = "for the agent";
  const auto program = seccomp_program(profile, "");
  CHECK_FALSE(program.notifies);
  CHECK((program.flags & SECCOMP_FILTER_FLAG_NEW_LISTENER) == 0);
}

TEST_CASE("flags are those of the profile, SPEC_ALLOW when it has none") {
  auto profile = allow({});
  const auto flags = [&](std::vector<std::string> names) {
    profile.flags = std::move(names);
    const auto program = seccomp_program(profile, "");
    CHECK((program.notifies || under(program, [] { return ::syscall(SYS_getppid); }).error == 0));
    return program.flags;
  };
  CHECK(seccomp_program(profile, "").flags == SECCOMP_FILTER_FLAG_SPEC_ALLOW);
  CHECK(flags({}) == 0);
  CHECK(flags({"SECCOMP_FILTER_FLAG_TSYNC"}) == 0);
  CHECK(flags({"SECCOMP_FILTER_FLAG_LOG"}) == 2);
  CHECK(flags({"SECCOMP_FILTER_FLAG_LOG", "SECCOMP_FILTER_FLAG_SPEC_ALLOW", "SECCOMP_FILTER_FLAG_TSYNC"}) == 6);
  CHECK(flags({"SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"}) == 0);
  profile.syscalls = {rule({"getppid"}, "SCMP_ACT_NOTIFY")};
  profile.listener_path = "/run/agent.sock";
  CHECK(flags({"SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"}) == 40);
  CHECK(flags({}) == 8);
}

TEST_CASE("what cannot be done names the field") {
  const auto broken = [](const std::function<void(Seccomp&)>& change) {
    auto profile = deny(
        {rule({"getpid", "gettid"}, "SCMP_ACT_ALLOW", {{0, 1, 0, "SCMP_CMP_EQ"}}), rule({"getuid"}, "SCMP_ACT_ALLOW")});
    change(profile);
    return failure(profile);
  };
  CHECK(broken([](auto&) {}) == "no error");
  CHECK_THAT(broken([](auto& p) { p.default_action = "SCMP_ACT_X"; }), StartsWith("linux.seccomp.defaultAction: "));
  CHECK_THAT(broken([](auto& p) { p.default_action = ""; }), StartsWith("linux.seccomp.defaultAction: "));
  CHECK_THAT(broken([](auto& p) { p.default_action = "SCMP_ACT_NOTIFY"; }),
             EndsWith("cannot be used as default action"));
  CHECK_THAT(broken([](auto& p) { p.default_errno_ret = 4096; }), StartsWith("linux.seccomp.defaultErrnoRet: 4096"));
  CHECK_THAT(broken([](auto& p) { p.syscalls[1].action = "ALLOW"; }), StartsWith("linux.seccomp.syscalls[1].action: "));
  CHECK_THAT(broken([](auto& p) { p.syscalls[1].errno_ret = 1; }), StartsWith("linux.seccomp.syscalls[1].errnoRet: "));
  CHECK_THAT(broken([](auto& p) { p.syscalls[1].names.clear(); }), StartsWith("linux.seccomp.syscalls[1].names: "));
  CHECK_THAT(broken([](auto& p) { p.syscalls[0].args[0].op = "=="; }),
             StartsWith("linux.seccomp.syscalls[0].args[0].op: "));
  CHECK_THAT(broken([](auto& p) { p.syscalls[0].args[0].index = 6; }),
             StartsWith("linux.seccomp.syscalls[0].args[0].index: 6"));
  CHECK_THAT(broken([](auto& p) {
               p.architectures = {"SCMP_ARCH_X86_64", "x86"};
             }),
             StartsWith("linux.seccomp.architectures[1]: "));
  CHECK_THAT(broken([](auto& p) { p.architectures = {"SCMP_ARCH_S390X"}; }),
             StartsWith("linux.seccomp.architectures: "));
  CHECK_THAT(broken([](auto& p) { p.flags = {"SECCOMP_FILTER_FLAG_X"}; }), StartsWith("linux.seccomp.flags[0]: "));
  CHECK_THAT(broken([](auto& p) { p.listener_metadata = "x"; }), StartsWith("linux.seccomp.listenerMetadata: "));
  CHECK_THAT(broken([](auto& p) { p.syscalls[1].action = "SCMP_ACT_NOTIFY"; }),
             StartsWith("linux.seccomp.listenerPath: "));
  CHECK(broken([](auto& p) {
          p.listener_path = "/run/agent.sock";
          p.syscalls[1] = rule({"read", "write"}, "SCMP_ACT_NOTIFY");
        }) == "linux.seccomp.syscalls[1].names[1]: SCMP_ACT_NOTIFY cannot be used for the write syscall");
  // The same conditions, another action: libseccomp cannot have both.
  CHECK_THAT(broken([](auto& p) {
               p.syscalls[1] = p.syscalls[0];
               p.syscalls[1].action = "SCMP_ACT_LOG";
             }),
             StartsWith("linux.seccomp.syscalls[1]: add the rule for getpid: "));
}

TEST_CASE("the tables are sorted and complete") {
  for (const auto table : {seccomp_actions(), seccomp_operators(), seccomp_architectures(), seccomp_flags()})
    CHECK(std::is_sorted(table.begin(), table.end(), [](const auto& a, const auto& b) { return a.name < b.name; }));
  CHECK(seccomp_actions().size() == 9);
  CHECK(seccomp_operators().size() == 7);
  CHECK(seccomp_flags().size() == 4);
  for (const auto& row : seccomp_architectures()) {
    // libseccomp's own names lack the prefix and are in lower case.
    std::string name(row.name.substr(std::strlen("SCMP_ARCH_")));
    for (auto& letter : name) letter = static_cast<char>(std::tolower(static_cast<unsigned char>(letter)));
    CHECK(::seccomp_arch_resolve_name(name.c_str()) == row.number);
  }
}

TEST_CASE("Podman's profile compiles and loads in a moment") {
  const auto profile = real_profile();
  auto best = std::chrono::microseconds::max();
  SeccompProgram program;
  for (int i = 0; i < 10; ++i) {
    const auto start = std::chrono::steady_clock::now();
    program = seccomp_program(profile, "");
    best =
        std::min(best, std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - start));
  }
  std::printf("seccomp: %zu instructions, compiled in %ld us\n", program.filter.size(),
              static_cast<long>(best.count()));
  CHECK(best < std::chrono::milliseconds(200));  // a loaded machine, under sanitizers
  CHECK(program.filter.size() < 1000);
  CHECK(under(program, [] { return ::syscall(SYS_getppid); }).error == 0);
  CHECK(under(program, [] { return ::syscall(unused_number); }).error == ENOSYS);
}

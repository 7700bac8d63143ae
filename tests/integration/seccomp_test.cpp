// SPDX-License-Identifier: Apache-2.0
// config-linux.md, "Seccomp".
#include <sys/syscall.h>

#include "support/bundle.hpp"
#include "support/catch.hpp"

using test::Bundle;
using test::line_with;
using namespace Catch::Matchers;

namespace {

/// A profile that allows everything but what `rules` says.
void allow_but(Bundle& b, const std::string& rules) {
  b.set("linux.seccomp",
        R"({"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_X86_64"], "syscalls": [)" + rules + "]}");
}

std::string nr(long number) {
  return std::to_string(number);
}

}  // namespace

TEST_CASE("a call with SCMP_ACT_ERRNO fails with the configured errno, EPERM without one") {
  Bundle b;
  allow_but(b, R"({"names": ["getpgrp"], "action": "SCMP_ACT_ERRNO", "errnoRet": 95},
                  {"names": ["getsid"], "action": "SCMP_ACT_ERRNO"})");
  CHECK(b.args({"do", "syscall", nr(SYS_getpgrp), "--", "syscall", nr(SYS_getsid), "--", "syscall", nr(SYS_getuid)})
            .run()
            .out == "EOPNOTSUPP\nEPERM\ndone\n");
}

TEST_CASE("the program runs with a filter, and only then") {
  Bundle b;
  CHECK(line_with(b.args({"status"}).run().out, "Seccomp:") == "Seccomp:\t0");
  allow_but(b, R"({"names": ["getpgrp"], "action": "SCMP_ACT_ERRNO"})");
  CHECK(line_with(b.run().out, "Seccomp:") == "Seccomp:\t2");
}

TEST_CASE("the filter holds with and without noNewPrivileges, for any user") {
  for (const auto* privileges : {"true", "false"}) {
    Bundle b;
    allow_but(b, R"({"names": ["getpgrp"], "action": "SCMP_ACT_ERRNO", "errnoRet": 95})");
    b.set("process.noNewPrivileges", privileges).set("process.user", R"({"uid": 1000, "gid": 1000})");
    CHECK(b.args({"syscall", nr(SYS_getpgrp)}).run().out == "EOPNOTSUPP\n");
  }
}

TEST_CASE("SCMP_ACT_KILL_PROCESS ends the program with SIGSYS") {
  Bundle b;
  allow_but(b, R"({"names": ["getpgrp"], "action": "SCMP_ACT_KILL_PROCESS"})");
  CHECK(b.args({"syscall", nr(SYS_getpgrp)}).run().status == 128 + 31);
}

TEST_CASE("a rule looks at arguments") {
  Bundle b;
  allow_but(
      b,
      R"({"names": ["getpgid"], "action": "SCMP_ACT_ERRNO", "errnoRet": 95, "args": [{"index": 0, "value": 1, "op": "SCMP_CMP_EQ"}]})");
  CHECK(b.args({"do", "syscall", nr(SYS_getpgid), "1", "--", "syscall", nr(SYS_getpgid), "0"}).run().out ==
        "EOPNOTSUPP\ndone\n");
}

TEST_CASE("several conditions on one argument are alternatives") {
  Bundle b;
  allow_but(b, R"({"names": ["getpgid"], "action": "SCMP_ACT_ERRNO", "errnoRet": 95, "args": [
                    {"index": 0, "value": 1, "op": "SCMP_CMP_EQ"}, {"index": 0, "value": 7777, "op": "SCMP_CMP_EQ"}]})");
  CHECK(b.args({"do", "syscall", nr(SYS_getpgid), "1", "--", "syscall", nr(SYS_getpgid), "7777", "--", "syscall",
                nr(SYS_getpgid), "0"})
            .run()
            .out == "EOPNOTSUPP\nEOPNOTSUPP\ndone\n");
}

TEST_CASE("a masked comparison looks at the mask's bits only") {
  Bundle b;
  allow_but(b, R"({"names": ["getpgid"], "action": "SCMP_ACT_ERRNO", "errnoRet": 95, "args": [
                    {"index": 0, "value": 4, "valueTwo": 4, "op": "SCMP_CMP_MASKED_EQ"}]})");
  CHECK(b.args({"do", "syscall", nr(SYS_getpgid), "5", "--", "syscall", nr(SYS_getpgid), "0"}).run().out ==
        "EOPNOTSUPP\ndone\n");
}

TEST_CASE("a name that no kernel knows is left out") {
  Bundle b;
  allow_but(b, R"({"names": ["not_a_call", "getpgrp"], "action": "SCMP_ACT_ERRNO", "errnoRet": 95})");
  CHECK(b.args({"syscall", nr(SYS_getpgrp)}).run().out == "EOPNOTSUPP\n");
}

TEST_CASE("calls newer than every listed one fail with ENOSYS where the default is an errno") {
  Bundle b;
  // Everything that the runtime and /inside call up to here is older than the call 600, which no kernel has.
  std::string names;
  for (const auto* name : {"read",
                           "write",
                           "close",
                           "fstat",
                           "mmap",
                           "mprotect",
                           "munmap",
                           "brk",
                           "rt_sigaction",
                           "rt_sigprocmask",
                           "ioctl",
                           "pread64",
                           "writev",
                           "access",
                           "getpid",
                           "execve",
                           "exit",
                           "exit_group",
                           "fcntl",
                           "getdents64",
                           "arch_prctl",
                           "set_tid_address",
                           "set_robust_list",
                           "rseq",
                           "prlimit64",
                           "getrandom",
                           "readlink",
                           "readlinkat",
                           "newfstatat",
                           "futex",
                           "close_range",
                           "openat",
                           "prctl",
                           "capset",
                           "capget",
                           "setgroups",
                           "setgid",
                           "setuid",
                           "setresuid",
                           "setresgid",
                           "lseek",
                           "chdir",
                           "fchdir",
                           "getcwd",
                           "dup",
                           "dup2",
                           "dup3",
                           "sendmsg",
                           "sendto",
                           "recvmsg",
                           "recvfrom",
                           "poll",
                           "ppoll",
                           "epoll_ctl",
                           "epoll_pwait",
                           "nanosleep",
                           "clone",
                           "clone3",
                           "gettid",
                           "tgkill",
                           "sigaltstack",
                           "madvise",
                           "stat",
                           "statx",
                           "faccessat",
                           "faccessat2",
                           "getppid",
                           "kill",
                           "unlinkat",
                           "openat2",
                           "getuid",
                           "getgid",
                           "geteuid",
                           "getegid",
                           "sched_yield",
                           "sched_getaffinity",
                           "epoll_create1",
                           "eventfd2",
                           "pidfd_open",
                           "pidfd_send_signal",
                           "umask",
                           "setsid",
                           "fchown",
                           "fchownat",
                           "mount",
                           "umount2",
                           "statfs",
                           "fstatfs"})
    names += std::string(names.empty() ? "\"" : ",\"") + name + "\"";
  b.set("linux.seccomp", R"({"defaultAction": "SCMP_ACT_ERRNO", "architectures": ["SCMP_ARCH_X86_64"], "syscalls": [
                             {"names": [)" +
                             names + R"(], "action": "SCMP_ACT_ALLOW"}]})");
  CHECK(b.args({"do", "syscall", "600", "--", "syscall", nr(SYS_acct)}).run().out == "ENOSYS\nEPERM\n");
}

TEST_CASE("an unknown action, operator or architecture is refused by name") {
  Bundle b;
  allow_but(b, R"({"names": ["getpgrp"], "action": "SCMP_ACT_MAYBE"})");
  CHECK_THAT(b.create().err, Contains("SCMP_ACT_MAYBE"));
  allow_but(
      b,
      R"({"names": ["getpgrp"], "action": "SCMP_ACT_ERRNO", "args": [{"index": 0, "value": 1, "op": "SCMP_CMP_ODD"}]})");
  CHECK_THAT(b.create().err, Contains("SCMP_CMP_ODD"));
  allow_but(b, "");
  CHECK_THAT(b.set("linux.seccomp.architectures", R"(["SCMP_ARCH_PDP11"])").create().err,
             Contains("PDP11", Catch::CaseSensitive::No));
  CHECK(b.leftovers().empty());
}

TEST_CASE("exec is under the same filter") {
  Bundle b;
  allow_but(b, R"({"names": ["getpgrp"], "action": "SCMP_ACT_ERRNO", "errnoRet": 95})");
  b.args({"pause"}).launch();
  CHECK(b.exec({"syscall", nr(SYS_getpgrp)}).out == "EOPNOTSUPP\n");
}

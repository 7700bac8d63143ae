// SPDX-License-Identifier: Apache-2.0
// What the program is made of: the answers for other architectures, and libseccomp's own answers, by evaluating it.
#include <linux/audit.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

#include "base/handle.hpp"
#include "kernel/seccomp.hpp"
#include "oci/error.hpp"
#include "support/catch.hpp"
#include "support/seccomp.hpp"

using namespace oci;
using namespace test;
using Catch::Matchers::EndsWith;

namespace {

/// The same profile compiled by libseccomp alone, all architectures in one.
std::vector<sock_filter> reference(const Seccomp& profile) {
  const auto number = [](auto names, std::string_view name) {
    for (const auto& row : names)
      if (row.name == name) return row.number;
    FAIL("no " << name);
    return 0U;
  };
  const auto action = [&](const std::string& name, const std::optional<std::uint32_t>& value) {
    return number(seccomp_actions(), name) | (name == "SCMP_ACT_ERRNO" ? value.value_or(EPERM) : 0);
  };
  const auto default_action = action(profile.default_action, profile.default_errno_ret);
  void* ruleset = ::seccomp_init(default_action);
  for (const auto& name : profile.architectures) ::seccomp_arch_add(ruleset, number(seccomp_architectures(), name));
  for (const auto& syscall : profile.syscalls)
    for (const auto& name : syscall.names) {
      std::vector<scmp_arg_cmp> conditions;
      for (const auto& arg : syscall.args)
        conditions.push_back(
            {arg.index, static_cast<scmp_compare>(number(seccomp_operators(), arg.op)), arg.value, arg.value_two});
      const int call = ::seccomp_syscall_resolve_name(name.c_str());
      const auto answer = action(syscall.action, syscall.errno_ret);
      if (call != __NR_SCMP_ERROR && answer != default_action)
        REQUIRE(::seccomp_rule_add_array(ruleset, answer, call, static_cast<unsigned>(conditions.size()),
                                         conditions.data()) == 0);
    }
  const Fd file(::memfd_create("reference", MFD_CLOEXEC));
  REQUIRE(::seccomp_export_bpf(ruleset, file.get()) == 0);
  ::seccomp_release(ruleset);
  std::vector<sock_filter> program(static_cast<std::size_t>(::lseek(file.get(), 0, SEEK_END)) / sizeof(sock_filter));
  REQUIRE(::pread(file.get(), program.data(), program.size() * sizeof(sock_filter), 0) > 0);
  return program;
}

/// Every number of every architecture, with arguments that profiles test. Counts those that get `instead` where
/// libseccomp alone gives its default action; everything else has to be the same.
unsigned differences(const Seccomp& profile, std::uint32_t default_answer, std::uint32_t instead) {
  const auto ours = seccomp_program(profile, "").filter;
  const auto theirs = reference(profile);
  unsigned count = 0;
  for (const std::uint32_t arch :
       std::initializer_list<std::uint32_t>{AUDIT_ARCH_X86_64, AUDIT_ARCH_I386, AUDIT_ARCH_AARCH64})
    for (const std::uint32_t base : {0U, 0x40000000U, 0x7ffffe00U, 0xfffffe00U})
      for (std::uint32_t number = base; number - base < 512; ++number)
        for (const std::uint64_t first : {0ULL, 1ULL, 2ULL, 8ULL, 16ULL, 0x20008ULL, 0xffffffffULL, 0x100000001ULL})
          for (const std::uint64_t third : {0ULL, 9ULL}) {
            const auto call = call_of(arch, number, first, third);
            const auto answer = evaluate(ours, call);
            const auto expected = evaluate(theirs, call);
            if (answer == expected) continue;
            INFO("arch " << arch << " number " << number << " arguments " << first << " " << third);
            REQUIRE(expected == default_answer);
            REQUIRE(answer == instead);
            ++count;
          }
  return count;
}

}  // namespace

#if defined(__x86_64__)
TEST_CASE("other architectures and x32 are refused unless the profile names them") {
  const auto program = seccomp_program(deny({rule({"getpid"}, "SCMP_ACT_ALLOW")}), "").filter;
  CHECK(evaluate(program, call_of(AUDIT_ARCH_I386, 20)) == SECCOMP_RET_KILL_THREAD);
  CHECK(evaluate(program, call_of(AUDIT_ARCH_X86_64, 0x40000000U | SYS_getpid)) == SECCOMP_RET_KILL_THREAD);
  CHECK(evaluate(program, call_of(AUDIT_ARCH_X86_64, SYS_getpid)) == SECCOMP_RET_ALLOW);

  auto more = deny({rule({"getpid", "socket"}, "SCMP_ACT_ALLOW")});
  more.architectures = {"SCMP_ARCH_X86", "SCMP_ARCH_X32"};  // this machine's own need not be named
  const auto joined = seccomp_program(more, "").filter;
  const auto enosys = SECCOMP_RET_ERRNO | ENOSYS;
  CHECK(evaluate(joined, call_of(AUDIT_ARCH_I386, 20)) == SECCOMP_RET_ALLOW);
  CHECK(evaluate(joined, call_of(AUDIT_ARCH_I386, 21)) == (SECCOMP_RET_ERRNO | EPERM));
  CHECK(evaluate(joined, call_of(AUDIT_ARCH_I386, 359)) == SECCOMP_RET_ALLOW);     // socket
  CHECK(evaluate(joined, call_of(AUDIT_ARCH_I386, 102, 1)) == SECCOMP_RET_ALLOW);  // socketcall(SYS_SOCKET)
  CHECK(evaluate(joined, call_of(AUDIT_ARCH_I386, 102, 2)) == (SECCOMP_RET_ERRNO | EPERM));
  CHECK(evaluate(joined, call_of(AUDIT_ARCH_I386, 360)) == enosys);
  CHECK(evaluate(joined, call_of(AUDIT_ARCH_X86_64, 0x40000000U | SYS_getpid)) == SECCOMP_RET_ALLOW);
  CHECK(evaluate(joined, call_of(AUDIT_ARCH_X86_64, 0x40000000U | (SYS_socket + 1))) == enosys);
  CHECK(evaluate(joined, call_of(AUDIT_ARCH_X86_64, SYS_getpid)) == SECCOMP_RET_ALLOW);
  CHECK(evaluate(joined, call_of(AUDIT_ARCH_AARCH64, 172)) == SECCOMP_RET_KILL_THREAD);
}

TEST_CASE("the program decides as libseccomp's own would") {
  auto profile = real_profile();
  REQUIRE(profile.default_errno_ret == ENOSYS);
  CHECK(differences(profile, 0, 0) == 0);
  profile.default_errno_ret = EPERM;
  CHECK(differences(profile, SECCOMP_RET_ERRNO | EPERM, SECCOMP_RET_ERRNO | ENOSYS) > 0);
  profile.default_action = "SCMP_ACT_ALLOW";  // nothing but the conditional ERRNO rules is left
  profile.default_errno_ret.reset();
  CHECK(differences(profile, 0, 0) == 0);
}

TEST_CASE("rules that libseccomp has to combine are combined by libseccomp") {
  auto profile =
      deny({rule({"read", "socketcall", "ipc", "shmget", "socket"}, "SCMP_ACT_ALLOW"), rule({"read"}, "SCMP_ACT_LOG"),
            rule({"write"}, "SCMP_ACT_LOG", {{0, 1, 0, "SCMP_CMP_EQ"}}),
            rule({"write", "waitpid", "semtimedop"}, "SCMP_ACT_ALLOW"),
            rule({"connect"}, "SCMP_ACT_KILL", {{2, 9, 0, "SCMP_CMP_GE"}}), rule({"clone3"}, "SCMP_ACT_LOG")});
  profile.architectures = {"SCMP_ARCH_X86", "SCMP_ARCH_X86_64", "SCMP_ARCH_X32"};
  profile.default_errno_ret = ENOSYS;
  CHECK(differences(profile, 0, 0) == 0);
}

TEST_CASE("more than 255 instructions can be jumped over") {
  Seccomp profile = deny({});
  profile.architectures = {"SCMP_ARCH_X86", "SCMP_ARCH_X32"};
  for (int number = 0; number < 450; ++number) {  // an answer of its own for each, so that no two ranges are one
    char* name = ::seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, number);
    if (!name) continue;
    profile.syscalls.push_back(rule({name}, "SCMP_ACT_ERRNO"));
    profile.syscalls.back().errno_ret = static_cast<std::uint32_t>(1000 + number);
    std::free(name);
  }
  profile.default_errno_ret = ENOSYS;
  CHECK(seccomp_program(profile, "").filter.size() > 3 * 255);
  CHECK(differences(profile, 0, 0) == 0);
  CHECK(under(profile, [] { return ::syscall(SYS_getpid); }).error == 1000 + SYS_getpid);
}
#endif

TEST_CASE("a filter that is too long for the kernel is refused before the kernel does") {
  Seccomp profile = deny({});
  for (std::uint64_t value = 0; value < 1200; ++value)
    profile.syscalls.push_back(rule({"getppid"}, "SCMP_ACT_ALLOW", {{0, value << 32U | value, 0, "SCMP_CMP_EQ"}}));
  CHECK_THROWS_WITH(seccomp_program(profile, ""), EndsWith("the kernel takes no more than 4096"));
}

// SPDX-License-Identifier: Apache-2.0
#include "kernel/seccomp_verdict.hpp"

#include <linux/audit.h>
#include <linux/seccomp.h>
#include <sys/syscall.h>

#include "support/catch.hpp"
#include "support/seccomp.hpp"

using namespace oci;
using namespace test;

namespace {

using Filter = std::vector<sock_filter>;

constexpr std::uint32_t low_half_of_first = offsetof(seccomp_data, args);

Filter loads_and_answers(sock_filter middle) {
  return {{BPF_LD | BPF_W | BPF_ABS, 0, 0, offsetof(seccomp_data, nr)}, middle, {BPF_RET | BPF_K, 0, 0, 7}};
}

}  // namespace

#ifdef __x86_64__
TEST_CASE("the verdict about a call is what the kernel would say") {
  const auto filter = seccomp_program(real_profile(), "").filter;
  for (std::uint32_t number = 0; number < 600; ++number)
    for (const std::uint64_t first : {0ULL, 8ULL, 0x10000011ULL, 0x8011ULL, 0x100008011ULL})
      for (const std::uint64_t third : {0ULL, 9ULL}) {
        INFO(number << " " << first << " " << third);
        const ForeseenCall call{static_cast<long>(number), {first, 0, third, 0, 0, 0}};
        const auto answer = verdict(filter, call);
        REQUIRE(answer == evaluate(filter, call_of(AUDIT_ARCH_X86_64, number, first, third)));
        const bool allowed = (*answer & SECCOMP_RET_ACTION_FULL) == SECCOMP_RET_ALLOW;
        REQUIRE(lets_through(filter, call) == allowed);
      }
}
#endif

TEST_CASE("a verdict that hangs on an unknown argument is none") {
  const Filter filter{{BPF_LD | BPF_W | BPF_ABS, 0, 0, low_half_of_first},
                      {BPF_JMP | BPF_JEQ | BPF_K, 0, 1, 5},
                      {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW},
                      {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW}};
  CHECK(lets_through(filter, {SYS_read, {5}}));
  CHECK_FALSE(verdict(filter, {SYS_read, {}}));
  CHECK_FALSE(lets_through(filter, {SYS_read, {}}));
}

TEST_CASE("what has been loaded and is not looked at may be unknown") {
  const Filter filter{{BPF_LD | BPF_W | BPF_ABS, 0, 0, low_half_of_first},
                      {BPF_ALU | BPF_AND | BPF_K, 0, 0, 1},
                      {BPF_LD | BPF_W | BPF_ABS, 0, 0, offsetof(seccomp_data, nr)},
                      {BPF_JMP | BPF_JSET | BPF_K, 1, 0, 0x80000000},
                      {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_LOG},
                      {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_KILL_PROCESS}};
  CHECK(lets_through(filter, {SYS_read, {}}));
}

TEST_CASE("an instruction that is not known gives no verdict") {
  const ForeseenCall call{SYS_read, {}};
  CHECK(verdict(loads_and_answers({BPF_JMP | BPF_JA, 0, 0, 0}), call) == 7U);
  CHECK_FALSE(verdict(loads_and_answers({BPF_ALU | BPF_ADD | BPF_K, 0, 0, 1}), call));
  CHECK_FALSE(verdict(loads_and_answers({BPF_MISC | BPF_TAX, 0, 0, 0}), call));
  CHECK_FALSE(verdict(loads_and_answers({BPF_JMP | BPF_JEQ | BPF_X, 0, 0, 0}), call));
  CHECK_FALSE(verdict(loads_and_answers({BPF_RET | BPF_A, 0, 0, 0}), call));
  CHECK_FALSE(verdict(loads_and_answers({BPF_JMP | BPF_JA, 0, 0, 100}), call));
  CHECK_FALSE(verdict({}, call));
}

TEST_CASE("only what is performed without anybody's help is let through") {
  for (const std::uint32_t refused : {SECCOMP_RET_KILL_PROCESS, SECCOMP_RET_KILL_THREAD, SECCOMP_RET_TRAP,
                                      SECCOMP_RET_ERRNO, SECCOMP_RET_USER_NOTIF, SECCOMP_RET_TRACE})
    CHECK_FALSE(lets_through(Filter{{BPF_RET | BPF_K, 0, 0, refused}}, {SYS_read, {}}));
}

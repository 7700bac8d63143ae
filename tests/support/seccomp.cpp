// SPDX-License-Identifier: Apache-2.0
#include "support/seccomp.hpp"

#include <seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <initializer_list>

#include "base/files.hpp"
#include "base/json.hpp"
#include "support/catch.hpp"

using namespace oci;

namespace test {
namespace {

bool holds(const json::Value* object, std::string_view array, std::string_view text) {
  const auto* values = object ? object->find(array) : nullptr;
  for (const auto* value = values ? values->first : nullptr; value; value = value->next)
    if (value->text == text) return true;
  return false;
}

bool has_any(const json::Value* object, std::string_view array) {
  const auto* values = object ? object->find(array) : nullptr;
  return values && values->first;
}

std::uint64_t number_in(const json::Value& object, std::string_view name) {
  const auto* value = object.find(name);
  return value && value->kind == json::Value::Kind::number ? std::stoull(std::string(value->text)) : 0;
}

/// Podman's default profile, as Podman itself reduces it for a container without added capabilities.
Seccomp podman_profile() {
  const auto text = read_file(working_directory, "/usr/share/containers/seccomp.json");
  const auto document = json::Document::parse(text);
  Seccomp profile;
  profile.default_action = document.root().find("defaultAction")->text;
  profile.default_errno_ret = number_in(document.root(), "defaultErrnoRet");
  profile.architectures = {"SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"};
  for (const auto* entry = document.root().find("syscalls")->first; entry; entry = entry->next) {
    const auto* includes = entry->find("includes");
    if (has_any(includes, "caps") || (has_any(includes, "arches") && !holds(includes, "arches", "amd64"))) continue;
    auto& syscall = profile.syscalls.emplace_back();
    syscall.action = entry->find("action")->text;
    for (const auto* name = entry->find("names")->first; name; name = name->next)
      syscall.names.emplace_back(name->text);
    if (entry->find("errnoRet")) syscall.errno_ret = static_cast<std::uint32_t>(number_in(*entry, "errnoRet"));
    if (!has_any(entry, "args")) continue;
    for (const auto* arg = entry->find("args")->first; arg; arg = arg->next)
      syscall.args.push_back({static_cast<std::uint32_t>(number_in(*arg, "index")), number_in(*arg, "value"),
                              number_in(*arg, "valueTwo"), std::string(arg->find("op")->text)});
  }
  return profile;
}

/// 400 system calls by their names, for a machine without Podman.
Seccomp large_profile() {
  std::vector<std::string> names;
  for (int number = 0; names.size() < 400 && number < 1000; ++number) {
    char* name = ::seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, number);
    if (name) names.emplace_back(name);
    std::free(name);
  }
  auto profile = deny({rule(std::move(names), "SCMP_ACT_ALLOW")});
  profile.default_errno_ret = ENOSYS;
  profile.architectures = {"SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"};
  return profile;
}

}  // namespace

Outcome under(const SeccompProgram& program, const std::function<long()>& call) {
  void* shared = ::mmap(nullptr, sizeof(int), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  REQUIRE(shared != MAP_FAILED);
  auto* error = static_cast<volatile int*>(shared);
  *error = -1;
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    // Catch's handlers would report the trap with system calls that the filter forbids.
    for (const int deadly : {SIGILL, SIGTRAP, SIGSEGV, SIGABRT}) ::signal(deadly, SIG_DFL);
    const sock_fprog loaded{static_cast<unsigned short>(program.filter.size()),
                            const_cast<sock_filter*>(program.filter.data())};
    const bool ready = ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
                       ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, program.flags, &loaded) >= 0;
    if (!ready)
      *error = -2;
    else
      *error = call() < 0 ? errno : 0;
    ::kill(::getpid(), SIGKILL);  // the filter may forbid this, and exit_group(2) too: then the trap ends it
    __builtin_trap();
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  const Outcome outcome{*error, *error == -1 ? WTERMSIG(status) : 0};
  ::munmap(shared, sizeof(int));
  REQUIRE(outcome.error != -2);
  return outcome;
}

Outcome under(const Seccomp& profile, const std::function<long()>& call) {
  return under(seccomp_program(profile, ""), call);
}

std::uint32_t evaluate(const std::vector<sock_filter>& program, const seccomp_data& call) {
  std::uint32_t a = 0;
  for (std::size_t pc = 0; pc < program.size(); ++pc) {
    const auto [code, jt, jf, k] = program[pc];
    switch (code) {
      case BPF_LD | BPF_W | BPF_ABS:
        std::memcpy(&a, reinterpret_cast<const char*>(&call) + k, sizeof a);
        break;
      case BPF_ALU | BPF_AND | BPF_K:
        a &= k;
        break;
      case BPF_JMP | BPF_JA:
        pc += k;
        break;
      case BPF_JMP | BPF_JEQ | BPF_K:
        pc += a == k ? jt : jf;
        break;
      case BPF_JMP | BPF_JGE | BPF_K:
        pc += a >= k ? jt : jf;
        break;
      case BPF_JMP | BPF_JGT | BPF_K:
        pc += a > k ? jt : jf;
        break;
      case BPF_JMP | BPF_JSET | BPF_K:
        pc += (a & k) != 0 ? jt : jf;
        break;
      case BPF_RET | BPF_K:
        return k;
      default:
        FAIL("unexpected instruction " << code);
    }
  }
  FAIL("the program ran past its end");
  return 0;
}

seccomp_data call_of(std::uint32_t arch, std::uint32_t number, std::uint64_t first, std::uint64_t third) {
  seccomp_data call{};
  call.nr = static_cast<int>(number);
  call.arch = arch;
  call.args[0] = first;
  call.args[2] = third;
  return call;
}

SeccompSyscall rule(std::vector<std::string> names, std::string action, std::vector<SeccompArg> args) {
  SeccompSyscall syscall;
  syscall.names = std::move(names);
  syscall.action = std::move(action);
  syscall.args = std::move(args);
  return syscall;
}

Seccomp deny(std::vector<SeccompSyscall> rules) {
  Seccomp profile;
  profile.default_action = "SCMP_ACT_ERRNO";
  profile.syscalls = std::move(rules);
  return profile;
}

Seccomp allow(std::vector<SeccompSyscall> rules) {
  auto profile = deny(std::move(rules));
  profile.default_action = "SCMP_ACT_ALLOW";
  return profile;
}

Seccomp real_profile() {
  return ::access("/usr/share/containers/seccomp.json", R_OK) == 0 ? podman_profile() : large_profile();
}

}  // namespace test

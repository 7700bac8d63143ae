// SPDX-License-Identifier: Apache-2.0
#include "kernel/seccomp.hpp"

#include <linux/seccomp.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <optional>
#include <set>

#include "base/files.hpp"
#include "base/handle.hpp"
#include "base/log.hpp"
#include "kernel/seccomp_cache.hpp"
#include "kernel/seccomp_table.hpp"
#include "oci/error.hpp"

#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5)  // Linux 5.19
#endif

namespace oci {
namespace {

constexpr std::array actions{
    SeccompName{"SCMP_ACT_ALLOW", SECCOMP_RET_ALLOW},
    SeccompName{"SCMP_ACT_ERRNO", SECCOMP_RET_ERRNO},
    SeccompName{"SCMP_ACT_KILL", SECCOMP_RET_KILL_THREAD},
    SeccompName{"SCMP_ACT_KILL_PROCESS", SECCOMP_RET_KILL_PROCESS},
    SeccompName{"SCMP_ACT_KILL_THREAD", SECCOMP_RET_KILL_THREAD},
    SeccompName{"SCMP_ACT_LOG", SECCOMP_RET_LOG},
    SeccompName{"SCMP_ACT_NOTIFY", SECCOMP_RET_USER_NOTIF},
    SeccompName{"SCMP_ACT_TRACE", SECCOMP_RET_TRACE},
    SeccompName{"SCMP_ACT_TRAP", SECCOMP_RET_TRAP},
};

constexpr std::array operators{
    SeccompName{"SCMP_CMP_EQ", SCMP_CMP_EQ}, SeccompName{"SCMP_CMP_GE", SCMP_CMP_GE},
    SeccompName{"SCMP_CMP_GT", SCMP_CMP_GT}, SeccompName{"SCMP_CMP_LE", SCMP_CMP_LE},
    SeccompName{"SCMP_CMP_LT", SCMP_CMP_LT}, SeccompName{"SCMP_CMP_MASKED_EQ", SCMP_CMP_MASKED_EQ},
    SeccompName{"SCMP_CMP_NE", SCMP_CMP_NE},
};

constexpr std::array architectures{
    SeccompName{"SCMP_ARCH_AARCH64", SCMP_ARCH_AARCH64},
    SeccompName{"SCMP_ARCH_ARM", SCMP_ARCH_ARM},
#ifdef SCMP_ARCH_LOONGARCH64  // libseccomp 2.6
    SeccompName{"SCMP_ARCH_LOONGARCH64", SCMP_ARCH_LOONGARCH64},
#endif
#ifdef SCMP_ARCH_M68K  // libseccomp 2.6
    SeccompName{"SCMP_ARCH_M68K", SCMP_ARCH_M68K},
#endif
    SeccompName{"SCMP_ARCH_MIPS", SCMP_ARCH_MIPS},
    SeccompName{"SCMP_ARCH_MIPS64", SCMP_ARCH_MIPS64},
    SeccompName{"SCMP_ARCH_MIPS64N32", SCMP_ARCH_MIPS64N32},
    SeccompName{"SCMP_ARCH_MIPSEL", SCMP_ARCH_MIPSEL},
    SeccompName{"SCMP_ARCH_MIPSEL64", SCMP_ARCH_MIPSEL64},
    SeccompName{"SCMP_ARCH_MIPSEL64N32", SCMP_ARCH_MIPSEL64N32},
    SeccompName{"SCMP_ARCH_PARISC", SCMP_ARCH_PARISC},
    SeccompName{"SCMP_ARCH_PARISC64", SCMP_ARCH_PARISC64},
    SeccompName{"SCMP_ARCH_PPC", SCMP_ARCH_PPC},
    SeccompName{"SCMP_ARCH_PPC64", SCMP_ARCH_PPC64},
    SeccompName{"SCMP_ARCH_PPC64LE", SCMP_ARCH_PPC64LE},
    SeccompName{"SCMP_ARCH_RISCV64", SCMP_ARCH_RISCV64},
    SeccompName{"SCMP_ARCH_S390", SCMP_ARCH_S390},
    SeccompName{"SCMP_ARCH_S390X", SCMP_ARCH_S390X},
    SeccompName{"SCMP_ARCH_X32", SCMP_ARCH_X32},
    SeccompName{"SCMP_ARCH_X86", SCMP_ARCH_X86},
    SeccompName{"SCMP_ARCH_X86_64", SCMP_ARCH_X86_64},
};

constexpr std::array flag_names{
    SeccompName{"SECCOMP_FILTER_FLAG_LOG", SECCOMP_FILTER_FLAG_LOG},
    SeccompName{"SECCOMP_FILTER_FLAG_SPEC_ALLOW", SECCOMP_FILTER_FLAG_SPEC_ALLOW},
    // Nothing to do: the process that loads the filter has one thread.
    SeccompName{"SECCOMP_FILTER_FLAG_TSYNC", 0},
    SeccompName{"SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV", SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV},
};

constexpr std::uint32_t largest_errno = 4095;  // MAX_ERRNO, to which the kernel cuts what SECCOMP_RET_ERRNO carries
constexpr unsigned argument_count = 6;         // of seccomp_data

/// Stored programs of another format must not be found: to be raised when the same profile compiles to something else.
constexpr std::string_view compiler_version = "1";

std::string element(std::string_view array, std::size_t index) {
  return std::string(array) + "[" + std::to_string(index) + "]";
}

std::uint32_t find(std::span<const SeccompName> names, std::string_view name) {
  const auto row = std::find_if(names.begin(), names.end(), [&](const SeccompName& n) { return n.name == name; });
  if (row == names.end()) throw Error("unknown value \"" + std::string(name) + "\"");
  return row->number;
}

[[noreturn]] void refuse(std::string_view field, std::string reason) {
  throw Error::in_field(field, std::move(reason));
}

/// What a system call that matches all conditions leads to.
struct Rule {
  const char* name;
  int number;  ///< for this machine, or libseccomp's pseudo number of a system call that only others have
  std::uint32_t action;
  std::vector<scmp_arg_cmp> conditions;
  std::size_t index;  ///< in the profile's syscalls
};

struct Policy {
  std::uint32_t default_action = 0;
  std::vector<std::uint32_t> architectures;  ///< this machine's first, each once
  std::vector<Rule> rules;  ///< also those that only repeat the default action: their names are known ones
};

// From the profile to a Policy --------------------------------------------------------------------------------------

std::uint32_t action_of(std::string_view name, const std::optional<std::uint32_t>& errno_ret,
                        std::string_view name_field, std::string_view errno_field) {
  const auto action = at_path([&] { return name_field; }, [&] { return find(actions, name); });
  const bool has_value = action == SECCOMP_RET_ERRNO || action == SECCOMP_RET_TRACE;
  const auto value = errno_ret.value_or(EPERM);
  const auto largest = action == SECCOMP_RET_ERRNO ? largest_errno : SECCOMP_RET_DATA;
  if (errno_ret && !has_value) refuse(errno_field, "the action " + std::string(name) + " returns no error number");
  if (has_value && value > largest)
    refuse(errno_field, std::to_string(value) + " is more than " + std::to_string(largest) + ", the largest for " +
                            std::string(name));
  return has_value ? action | value : action;
}

scmp_arg_cmp condition_of(const SeccompArg& arg) {
  if (arg.index >= argument_count)
    refuse("index", std::to_string(arg.index) + ", but system calls have the arguments 0 to 5");
  const auto op = static_cast<scmp_compare>(at_path([] { return "op"; }, [&] { return find(operators, arg.op); }));
  return scmp_arg_cmp{arg.index, op, arg.value, arg.value_two};
}

/// The conditions of each rule to make. libseccomp cannot test one argument twice in a rule; runc then makes a rule of
/// each condition, so that any of them suffices, and profiles rely on it.
std::vector<std::vector<scmp_arg_cmp>> alternatives(const std::vector<SeccompArg>& args) {
  std::vector<scmp_arg_cmp> conditions;
  std::array<bool, argument_count> seen{};
  bool twice = false;
  for (std::size_t i = 0; i < args.size(); ++i) {
    conditions.push_back(at_path([&] { return element("args", i); }, [&] { return condition_of(args[i]); }));
    twice |= std::exchange(seen.at(args[i].index), true);
  }
  if (!twice) return {conditions};
  std::vector<std::vector<scmp_arg_cmp>> each;
  each.reserve(conditions.size());
  for (const auto& condition : conditions) each.push_back({condition});
  return each;
}

void add_rules(Policy& policy, const SeccompSyscall& syscall, std::size_t index, UnknownCalls unknown) {
  const auto action = action_of(syscall.action, syscall.errno_ret, "action", "errnoRet");
  if (syscall.names.empty()) refuse("names", "empty");
  const auto conditions = alternatives(syscall.args);
  for (std::size_t i = 0; i < syscall.names.size(); ++i) {
    const auto& name = syscall.names[i];
    // The process tells the runtime the listener's number by write(2): it would wait for an answer that nobody can
    // give before that number is known. No other call of ours is like that (docs/architecture.md, "Seccomp agents").
    if (action == SECCOMP_RET_USER_NOTIF && name == "write")
      refuse(element("names", i), "SCMP_ACT_NOTIFY cannot be used for the write syscall");
    const int number = ::seccomp_syscall_resolve_name(name.c_str());
    if (number == __NR_SCMP_ERROR) {
      if (unknown == UnknownCalls::refused)
        refuse(element("names", i), "the system call \"" + name + "\" is not known here");
      if (log::debugging()) log::debug("seccomp: the system call \"" + name + "\" is not known here and has no rule");
      continue;
    }
    for (const auto& alternative : conditions)
      policy.rules.push_back({name.c_str(), number, action, alternative, index});
  }
}

Policy policy_of(const Seccomp& profile, UnknownCalls unknown) {
  Policy policy;
  policy.default_action =
      action_of(profile.default_action, profile.default_errno_ret, "defaultAction", "defaultErrnoRet");
  if (policy.default_action == SECCOMP_RET_USER_NOTIF)
    refuse("defaultAction", "SCMP_ACT_NOTIFY cannot be used as default action");
  policy.architectures.push_back(::seccomp_arch_native());
  for (std::size_t i = 0; i < profile.architectures.size(); ++i) {
    const auto architecture = at_path([&] { return element("architectures", i); },
                                      [&] { return find(architectures, profile.architectures[i]); });
    if (std::find(policy.architectures.begin(), policy.architectures.end(), architecture) == policy.architectures.end())
      policy.architectures.push_back(architecture);
  }
  for (std::size_t i = 0; i < profile.syscalls.size(); ++i)
    at_path([&] { return element("syscalls", i); }, [&] { add_rules(policy, profile.syscalls[i], i, unknown); });
  return policy;
}

// From the Policy to a program --------------------------------------------------------------------------------------

struct ReleaseRuleset {
  void operator()(void* ruleset) const noexcept { ::seccomp_release(ruleset); }
};
/// libseccomp's scmp_filter_ctx.
using Ruleset = std::unique_ptr<void, ReleaseRuleset>;

void check(int result, std::string_view attempt) {
  if (result < 0) throw Error::system(attempt, -result);
}

Ruleset make_ruleset(std::uint32_t default_action, std::uint32_t architecture) {
  Ruleset ruleset(::seccomp_init(default_action));
  if (!ruleset) throw Error("seccomp_init failed");
  const auto native = ::seccomp_arch_native();
  if (architecture == native) return ruleset;
  at_path([] { return "architectures"; },
          [&] {
            // The native one is still there when the other comes, so that the byte order of the two is compared.
            check(::seccomp_arch_add(ruleset.get(), architecture), "add an architecture to this machine's own");
            check(::seccomp_arch_remove(ruleset.get(), native), "leave this machine's architecture to its own program");
          });
  return ruleset;
}

std::vector<sock_filter> export_program(const Ruleset& ruleset) {
#if SCMP_VER_MAJOR > 2 || (SCMP_VER_MAJOR == 2 && SCMP_VER_MINOR >= 6)
  std::size_t size = 0;
  check(::seccomp_export_bpf_mem(ruleset.get(), nullptr, &size), "measure the seccomp program");
  std::vector<sock_filter> program(size / sizeof(sock_filter));
  check(::seccomp_export_bpf_mem(ruleset.get(), program.data(), &size), "export the seccomp program");
#else
  const Fd file(::memfd_create("seccomp", MFD_CLOEXEC));
  if (!file) throw Error::system("memfd_create");
  check(::seccomp_export_bpf(ruleset.get(), file.get()), "export the seccomp program");
  if (::lseek(file.get(), 0, SEEK_SET) < 0) throw Error::system("seek in the seccomp program");
  const auto bytes = read_all(file, "the seccomp program", std::size_t{1} << 24U);
  std::vector<sock_filter> program(bytes.size() / sizeof(sock_filter));
  std::memcpy(program.data(), bytes.data(), program.size() * sizeof(sock_filter));
#endif
  return program;
}

std::vector<sock_filter> compile(const Policy& policy, std::uint32_t architecture,
                                 const std::vector<const Rule*>& rules) {
  static constexpr std::size_t linear_search_is_fine = 32;
  const auto ruleset = make_ruleset(policy.default_action, architecture);
  for (const auto* rule : rules) {
    const auto count = static_cast<unsigned>(rule->conditions.size());
    at_path([&] { return element("syscalls", rule->index); },
            [&] {
              check(::seccomp_rule_add_array(ruleset.get(), rule->action, rule->number, count, rule->conditions.data()),
                    "add the rule for " + std::string(rule->name));
            });
  }
  // A binary tree; a library that refuses to build one builds a list, which decides the same.
  if (rules.size() > linear_search_is_fine) ::seccomp_attr_set(ruleset.get(), SCMP_FLTATR_CTL_OPTIMIZE, 2);
  return export_program(ruleset);
}

/// socketcall(2) and ipc(2) carry other system calls, and libseccomp tells those by the arguments, on the architectures
/// that have them (__PNR_* in seccomp-syscalls.h: -101 and on for sockets, -201 and on for System V IPC).
bool is_carried(int number) noexcept {
  return number <= -101 && number >= -299;
}
bool carries_others(std::string_view name) noexcept {
  return name == "socketcall" || name == "ipc";
}

/// The largest number that the profile's names stand for. Carried calls also got numbers of their own, the last of
/// them (402, msgctl) in Linux 5.1; libseccomp gives those away only from number to name.
std::optional<std::uint32_t> last_number(const Policy& policy, const std::vector<int>& numbers,
                                         std::uint32_t architecture) {
  static constexpr int last_carried = 402;
  int last = -1;
  std::set<std::string_view> carried;
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    last = std::max(last, numbers[i]);
    if (is_carried(numbers[i])) carried.insert(policy.rules[i].name);
  }
  for (int number = last_carried; number > last && !carried.empty(); --number) {
    const std::unique_ptr<char, decltype(&std::free)> name(::seccomp_syscall_resolve_num_arch(architecture, number),
                                                           &std::free);
    if (name && carried.contains(name.get())) return static_cast<std::uint32_t>(number);
  }
  return last < 0 ? std::nullopt : std::optional(static_cast<std::uint32_t>(last));
}

/// TRACE, LOG and ALLOW leave new system calls to a tracer or the kernel, which answer ENOSYS themselves.
bool refuses(std::uint32_t action) {
  const auto kind = action & SECCOMP_RET_ACTION_FULL;
  return kind == SECCOMP_RET_KILL_PROCESS || kind == SECCOMP_RET_KILL_THREAD || kind == SECCOMP_RET_TRAP ||
         (kind == SECCOMP_RET_ERRNO && (action & SECCOMP_RET_DATA) != ENOSYS);
}

/// Gives the table what has one answer; returns the numbers that are left, and adds that of each rule to `numbers`.
std::set<int> fill(SyscallTable& table, const Policy& policy, std::uint32_t architecture, std::vector<int>& numbers) {
  std::set<int> left;
  for (const auto& rule : policy.rules) {
    const int number = numbers.emplace_back(::seccomp_syscall_resolve_name_arch(architecture, rule.name));
    if (rule.action == policy.default_action) continue;
    if (is_carried(number) || carries_others(rule.name) || !rule.conditions.empty()) {
      left.insert(number);
    } else if (number >= 0) {  // else this architecture does not have it
      const auto [row, added] = table.answers.emplace(static_cast<std::uint32_t>(number), rule.action);
      if (!added && row->second != rule.action) left.insert(number);
    }
  }
  return left;
}

/// Numbers that have one answer go to the table. libseccomp gets what depends on arguments, is carried, or has
/// several rules: its time grows with the square of the rules, and with those of all architectures together.
SyscallTable table_of(const Policy& policy, std::uint32_t architecture) {
  SyscallTable table;
  table.x32 = architecture == SCMP_ARCH_X32;
  table.audit_arch = table.x32 ? SCMP_ARCH_X86_64 : architecture;  // the other tokens are the kernel's AUDIT_ARCH_*
  std::vector<int> numbers;
  const auto left = fill(table, policy, architecture, numbers);
  std::vector<const Rule*> rest;
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    if (policy.rules[i].action == policy.default_action || !left.contains(numbers[i])) continue;
    rest.push_back(&policy.rules[i]);
    if (numbers[i] >= 0) table.answers.erase(static_cast<std::uint32_t>(numbers[i]));
  }
  if (refuses(policy.default_action)) table.last = last_number(policy, numbers, architecture);
  table.rest = compile(policy, architecture, rest);
  return table;
}

std::vector<sock_filter> compile(const Seccomp& profile, UnknownCalls unknown) {
  const auto policy = policy_of(profile, unknown);
  std::vector<SyscallTable> tables;
  for (const auto architecture : policy.architectures) tables.push_back(table_of(policy, architecture));
  auto filter = join_tables(tables);
  if (filter.size() > BPF_MAXINSNS)
    throw Error("the filter has " + std::to_string(filter.size()) +
                " instructions, but the kernel takes no more than " + std::to_string(BPF_MAXINSNS));
  return filter;
}

// Flags -----------------------------------------------------------------------------------------------------------

/// seccomp(2): flags are looked at before the program, so an address that cannot be read tells whether they are known.
bool kernel_has(unsigned flags) noexcept {
  const auto result = ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, nullptr);
  return result < 0 && errno != EINVAL && errno != ENOSYS;
}

unsigned flags_of(const Seccomp& profile, bool notifies) {
  unsigned flags = 0;
  if (notifies && !kernel_has(SECCOMP_FILTER_FLAG_NEW_LISTENER))
    throw Error("seccomp notify unsupported: the kernel does not know SECCOMP_FILTER_FLAG_NEW_LISTENER");
  if (notifies) flags |= SECCOMP_FILTER_FLAG_NEW_LISTENER;
  if (!profile.flags)
    return kernel_has(SECCOMP_FILTER_FLAG_SPEC_ALLOW) ? flags | SECCOMP_FILTER_FLAG_SPEC_ALLOW : flags;
  for (std::size_t i = 0; i < profile.flags->size(); ++i) {
    const auto& name = (*profile.flags)[i];
    const auto flag = at_path([&] { return element("flags", i); }, [&] { return find(flag_names, name); });
    // The kernel refuses it without a listener, whose notifications it is about.
    if (flag == SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV && !notifies) {
      log::debug("seccomp: " + name + " has no effect, as no action is SCMP_ACT_NOTIFY");
      continue;
    }
    flags |= flag;
    if (flag != 0 && !kernel_has(flags)) refuse(element("flags", i), "the kernel does not know " + name);
  }
  return flags;
}

SeccompProgram program_of(const Seccomp& profile, const std::string& cache_dir, UnknownCalls unknown) {
  SeccompProgram program;
  program.notifies = std::any_of(profile.syscalls.begin(), profile.syscalls.end(),
                                 [](const SeccompSyscall& syscall) { return syscall.action == "SCMP_ACT_NOTIFY"; });
  if (program.notifies && profile.listener_path.empty())
    refuse("listenerPath", "missing, but an action is SCMP_ACT_NOTIFY");
  if (profile.listener_path.empty() && !profile.listener_metadata.empty())
    refuse("listenerMetadata", "set without a listenerPath");
  program.flags = flags_of(profile, program.notifies);
  const auto compiler = std::string(compiler_version) + " " + RUNTIME_VERSION + " libseccomp " + libseccomp_version() +
                        " " + std::to_string(::seccomp_arch_native()) +
                        (unknown == UnknownCalls::refused ? " strict" : "");
  SeccompCache cache(cache_dir, serialize(profile, compiler));
  if (auto known = cache.find()) {
    program.filter = std::move(*known);
  } else {
    program.filter = compile(profile, unknown);
    cache.store(program.filter);
  }
  return program;
}

}  // namespace

SeccompProgram seccomp_program(const Seccomp& profile, const std::string& cache_dir, UnknownCalls unknown) {
  auto program = at_path([] { return "linux.seccomp"; }, [&] { return program_of(profile, cache_dir, unknown); });
  log::debug("seccomp filter flags: " + std::to_string(program.flags));
  return program;
}

std::span<const SeccompName> seccomp_actions() noexcept {
  return actions;
}
std::span<const SeccompName> seccomp_operators() noexcept {
  return operators;
}
std::span<const SeccompName> seccomp_architectures() noexcept {
  return architectures;
}
std::span<const SeccompName> seccomp_flags() noexcept {
  return flag_names;
}

std::string libseccomp_version() {
  const auto* version = ::seccomp_version();
  return std::to_string(version->major) + "." + std::to_string(version->minor) + "." + std::to_string(version->micro);
}

}  // namespace oci

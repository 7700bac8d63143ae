// SPDX-License-Identifier: Apache-2.0
#include "plan/process.hpp"

#include <linux/capability.h>
#include <linux/sched.h>
#include <sys/personality.h>

#include <algorithm>
#include <unordered_set>

#include "base/log.hpp"
#include "oci/error.hpp"
#include "spec/names.hpp"
#include "spec/number_list.hpp"

namespace oci {
namespace {

/// Engines expect 0022 where config.json says nothing, although config.md would leave the caller's.
constexpr mode_t default_umask = 0022;
constexpr std::string_view default_search_path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
constexpr unsigned first_preserved = 3;

std::string_view value_of(const std::vector<std::string>& env, std::string_view name) {
  for (const auto& entry : env)
    if (entry.size() > name.size() && entry[name.size()] == '=' && entry.starts_with(name))
      return std::string_view(entry).substr(name.size() + 1);
  return {};
}

std::uint64_t bits(const std::vector<std::string>& names, std::vector<std::string>& unknown) {
  std::uint64_t set = 0;
  for (const auto& name : names) {
    if (const auto capability = find_capability(name))
      set |= std::uint64_t{1} << *capability;
    else if (std::find(unknown.begin(), unknown.end(), name) == unknown.end())
      unknown.push_back(name);
  }
  return set;
}

std::string join(std::vector<std::string> words) {
  std::sort(words.begin(), words.end());
  std::string text;
  for (const auto& word : words) text.append(text.empty() ? "" : " ").append(word);
  return text;
}

/// "MPOL_BIND|MPOL_F_STATIC_NODES"
std::string joined_flags(const MemoryPolicy& policy) {
  std::string text = policy.mode;
  for (const auto& flag : policy.flags) text.append("|").append(flag);
  return text;
}

std::vector<std::string> names_of(std::uint64_t set) {
  std::vector<std::string> names;
  for (unsigned capability = 0; set >> capability != 0; ++capability)
    if ((set >> capability & 1U) != 0) names.push_back(capability_name(capability));
  return names;
}

/// Neither root nor CAP_SYS_RESOURCE of a user namespace are what setrlimit(2) and fork(2) ask for: those of the
/// host's. The runtime itself may be in one, as below rootless Podman.
bool is_in_any_user_namespace(const ProcessPlan& request) {
  return request.in_user_namespace || request.host.in_user_namespace;
}

/// The kernel counts the process that forks and the one that it brings forth, until the first has ended: the user would
/// need room for one more than the container asks for. Root of the host is never refused (fork(2), EAGAIN).
bool counts_the_forking(const ProcessPlan& request, const Rlimit& limit) {
  const bool exempt = request.process.user.uid == 0 && !is_in_any_user_namespace(request);
  return request.forks_later && !exempt && limit.soft != RLIM_INFINITY && *find_rlimit(limit.type) == RLIMIT_NPROC;
}

/// Room for that one, no more: a user who is at the limit is to be refused (execve(2), EAGAIN).
rlimit with_room(const ProcessPlan& request, const Rlimit& limit) {
  const bool may_raise =
      !is_in_any_user_namespace(request) && (request.host.capabilities >> CAP_SYS_RESOURCE & 1U) != 0;
  rlimit current{};
  ::getrlimit(RLIMIT_NPROC, &current);
  const rlim_t most = may_raise ? RLIM_INFINITY : std::max(limit.hard, current.rlim_max);
  const rlim_t soft = std::min(limit.soft + 1, most);
  return {soft, std::max(soft, limit.hard)};
}

void add_limits(InitPlan& plan, const ProcessPlan& request) {
  const auto& limits = request.process.rlimits;
  for (std::size_t i = 0; i < limits.size(); ++i) {
    const auto& limit = limits[i];
    const bool roomy = counts_the_forking(request, limit);
    plan.add(SetLimit{*find_rlimit(limit.type), roomy ? with_room(request, limit) : rlimit{limit.soft, limit.hard},
                      limit.type},
             "process.rlimits[" + std::to_string(i) + "]");
  }
}

std::uint64_t scheduler_flags(const Scheduler& scheduler) {
  std::uint64_t flags = 0;
  for (const auto& flag : scheduler.flags) flags |= static_cast<std::uint64_t>(*find_scheduler_flag(flag));
  return flags;
}

/// sched(7): a SCHED_DEADLINE process cannot fork, and with SCHED_FLAG_RESET_ON_FORK the child does not get what its
/// parent has. Setting it late also leaves a deadline's runtime to the program.
bool waits_for_fork(const ProcessPlan& request) {
  const auto& wanted = *request.process.scheduler;
  const bool resets = (scheduler_flags(wanted) & SCHED_FLAG_RESET_ON_FORK) != 0;
  return find_scheduler_policy(wanted.policy) == SCHED_DEADLINE || (request.forks_later && resets);
}

void add_scheduler(InitPlan& plan, const ProcessPlan& request) {
  const auto& wanted = *request.process.scheduler;
  const auto& resources = request.linux.resources;
  plan.add(SetScheduler{.policy = static_cast<std::uint32_t>(*find_scheduler_policy(wanted.policy)),
                        .flags = scheduler_flags(wanted),
                        .nice = wanted.nice,
                        .priority = static_cast<std::uint32_t>(wanted.priority),
                        .runtime = wanted.runtime,
                        .deadline = wanted.deadline,
                        .period = wanted.period,
                        .in_cpuset = resources.cpu && !resources.cpu->cpus.empty()},
           "process.scheduler");
}

/// Groups that cannot be set are not left out: they may be there to take rights away (user_namespaces(7)).
void check_groups(const ProcessPlan& request) {
  const auto& host = request.host;
  // In a user namespace it has all capabilities, and may_set_groups says whether that is enough.
  const bool privileged = host.euid == 0 || request.in_user_namespace || (host.capabilities >> CAP_SETGID & 1U) != 0;
  if (request.keeps_groups) {
    // As crun has it: Podman sends the groups that the image gives the user along with the annotation.
    if (!request.process.user.additional_gids.empty())
      log::warning(
          "process.user.additionalGids is ignored: annotation run.oci.keep_original_groups keeps the caller's");
    return;
  }
  if (request.process.user.additional_gids.empty() || (privileged && host.may_set_groups)) return;
  throw Error(
      "process.user.additionalGids: cannot set any additional groups in a rootless container: setgroups(2) is denied",
      EPERM);
}

bool sets_groups(const ProcessPlan& request) {
  if (request.keeps_groups) return false;
  const auto& host = request.host;
  return (host.euid == 0 && host.may_set_groups) || !request.process.user.additional_gids.empty();
}

void add_scheduling(InitPlan& plan, const ProcessPlan& request) {
  const auto& process = request.process;
  if (process.scheduler && !waits_for_fork(request)) add_scheduler(plan, request);
  if (const auto& wanted = process.io_priority) {
    static constexpr int class_shift = 13;  // ioprio_set(2): IOPRIO_PRIO_VALUE
    plan.add(SetIoPriority{*find_io_class(wanted->io_class) << class_shift | wanted->priority}, "process.ioPriority");
  }
  if (request.linux.personality)
    plan.add(SetPersonality{request.linux.personality->domain == "LINUX32" ? PER_LINUX32 : PER_LINUX},
             "linux.personality");
}

bool has_labels(const Process& process) {
  return !process.apparmor_profile.empty() || !process.selinux_label.empty();
}

}  // namespace

CapabilitySets capability_sets(const std::optional<Capabilities>& capabilities, const Host& host,
                               bool in_user_namespace) {
  CapabilitySets sets;
  if (!capabilities) return sets;  // none at all; runc would leave all
  std::vector<std::string> unknown;
  sets.bounding = bits(capabilities->bounding, unknown);
  sets.effective = bits(capabilities->effective, unknown);
  sets.permitted = bits(capabilities->permitted, unknown);
  sets.inheritable = bits(capabilities->inheritable, unknown);
  sets.ambient = bits(capabilities->ambient, unknown);
  // In a user namespace of its own the process is born with all of them; elsewhere it cannot get more than the runtime
  // has.
  const auto available = in_user_namespace ? ~std::uint64_t{0} : host.capabilities;
  for (const auto& name : names_of((sets.permitted | sets.effective) & ~available)) unknown.push_back(name);
  if (!unknown.empty()) log::warning("ignoring unknown or unavailable capabilities: [" + join(unknown) + "]");
  sets.permitted &= available;
  sets.inheritable &= available;
  sets.effective &= sets.permitted;  // capset(2) refuses more
  // capabilities(7): ambient ones must be permitted and inheritable.
  const auto raisable = sets.permitted & sets.inheritable;
  for (const auto& name : names_of(sets.ambient & ~raisable))
    log::warning("can't raise ambient capability " + name + ": operation not permitted");
  sets.ambient &= raisable;
  return sets;
}

std::vector<std::string> environment(const ProcessPlan& request) {
  std::vector<std::string> all = request.process.env;
  all.insert(all.end(), request.extra_env.begin(), request.extra_env.end());
  std::vector<std::string> result;
  std::unordered_set<std::string> seen;
  for (auto entry = all.rbegin(); entry != all.rend(); ++entry)  // the last one of a name counts
    if (seen.insert(entry->substr(0, entry->find('='))).second) result.push_back(std::move(*entry));
  std::reverse(result.begin(), result.end());
  std::erase(result, "HOME=");
  return result;
}

void keep_proc_for_labels(InitPlan& plan, const ProcessPlan& request) {
  if (has_labels(request.process)) plan.add(UseHostProc{});
}

void add_labels(InitPlan& plan, const ProcessPlan& request, Proc proc) {
  const auto& process = request.process;
  if (!process.apparmor_profile.empty()) {
    if (!has_apparmor()) throw Error("process.apparmorProfile: AppArmor is not enabled on this host");
    plan.add(SetLabel{"apparmor/exec", "exec", "exec " + process.apparmor_profile}, "process.apparmorProfile");
  }
  if (!process.selinux_label.empty()) {
    if (!has_selinux()) throw Error("selinux label is specified in config, but selinux is disabled or not supported");
    plan.add(SetLabel{"exec", "", process.selinux_label}, "process.selinuxLabel");
  }
  if (proc == Proc::host && has_labels(process)) plan.add(ForgetHostProc{});
}

void add_raised_limits(InitPlan& plan, const Process& process) {
  for (const auto& limit : process.rlimits) {
    const int resource = *find_rlimit(limit.type);
    rlimit current{};
    ::getrlimit(static_cast<__rlimit_resource_t>(resource), &current);
    if (limit.hard > current.rlim_max)
      plan.add(SetLimit{resource, {current.rlim_cur, limit.hard}, limit.type}, "process.rlimits");
  }
}

void add_streams(InitPlan& plan, const Process& process, Console console) {
  if (!process.terminal) {
    plan.add(OwnStandardStreams{process.user.uid}, "process.user");
    return;
  }
  OpenTerminal terminal;
  terminal.rows = static_cast<std::uint16_t>(process.console_size.height);
  terminal.columns = static_cast<std::uint16_t>(process.console_size.width);
  terminal.owner = process.user.uid;
  terminal.bind_console = console == Console::dev_console;
  plan.add(terminal, "process.terminal");
}

void add_memory_policy(InitPlan& plan, const Linux& linux) {
  if (!linux.memory_policy) return;
  const auto& wanted = *linux.memory_policy;
  int mode = *find_memory_policy_mode(wanted.mode);
  for (const auto& flag : wanted.flags) mode |= *find_memory_policy_flag(flag);
  plan.add(SetMemoryPolicy{mode, parse_number_list(wanted.nodes), joined_flags(wanted)}, "linux.memoryPolicy");
}

void add_first(InitPlan& plan, const ProcessPlan& request) {
  if (!request.process.oom_score_adj) return;
  const bool privileged = request.host.euid == 0 && !request.host.in_user_namespace;
  plan.add(SetOomScore{*request.process.oom_score_adj, !privileged}, "process.oomScoreAdj");
}

void add_identity(InitPlan& plan, const ProcessPlan& request) {
  const auto& process = request.process;
  const auto sets = capability_sets(process.capabilities, request.host, request.in_user_namespace);
  if (!request.keyring.empty()) plan.add(JoinKeyring{request.keyring});
  add_scheduling(plan, request);
  if (value_of(environment(request), "HOME").empty()) plan.add(FindHome{process.user.uid}, "process.env");
  plan.add(ChangeDirectory{process.cwd, false, request.makes_cwd}, "process.cwd");
  plan.add(SealDescriptors{first_preserved + request.preserve_fds, request.start_fifo});
  add_limits(plan, request);  // now that nothing has to be opened any more: RLIMIT_NOFILE may be small
  // seccomp(2): without no_new_privs loading needs CAP_SYS_ADMIN, so it comes before that is gone.
  if (request.seccomp && !process.no_new_privileges) plan.add(LoadSeccomp(*request.seccomp), "linux.seccomp");
  plan.add(DropBoundingSet{sets.bounding}, "process.capabilities.bounding");
  check_groups(request);
  const auto& groups = process.user.additional_gids;
  plan.add(SetUser{process.user.uid,
                   process.user.gid,
                   {groups.begin(), groups.end()},
                   sets_groups(request),
                   process.user.umask.value_or(default_umask)},
           "process.user");
  plan.add(SetCapabilities{sets}, "process.capabilities");
  if (process.no_new_privileges) plan.add(NoNewPrivileges{}, "process.noNewPrivileges");
  plan.add(ChangeDirectory{process.cwd, true}, "process.cwd");
  const auto env = environment(request);
  const auto search_path = value_of(env, "PATH");
  plan.add(FindProgram{process.args.front(), std::string(search_path.empty() ? default_search_path : search_path)},
           "process.args");
}

void add_behind_fork(InitPlan& plan, const ProcessPlan& request) {
  const auto& limits = request.process.rlimits;
  for (std::size_t i = 0; i < limits.size(); ++i)
    if (counts_the_forking(request, limits[i]))
      plan.add(SetLimit{RLIMIT_NPROC, {limits[i].soft, limits[i].hard}, limits[i].type},
               "process.rlimits[" + std::to_string(i) + "]");
  if (request.process.scheduler && waits_for_fork(request)) add_scheduler(plan, request);
}

void add_late_filter(InitPlan& plan, ProcessPlan& request) {
  if (request.seccomp && request.process.no_new_privileges) plan.add(std::move(*request.seccomp), "linux.seccomp");
}

void add_program(InitPlan& plan, const ProcessPlan& request) {
  plan.add(Execute{request.process.args, environment(request)}, "process.args");
}

}  // namespace oci

// SPDX-License-Identifier: Apache-2.0
#include "plan/exec.hpp"

#include <sched.h>

#include "plan/behind_fork.hpp"
#include "plan/process.hpp"
#include "spec/number_list.hpp"

namespace oci {
namespace {

/// config.md, "execCPUAffinity". The process is born in its cgroup, with what it has inherited of `initial`; whoever
/// gives no CPUs wants the cgroup's, and not the caller's.
void add_affinity(InitPlan& plan, const ExecPlan& request) {
  static const CpuAffinity none;
  const auto& wanted = request.process.exec_cpu_affinity ? *request.process.exec_cpu_affinity : none;
  if (request.awaits_affinity) plan.add(Meet{Word::adopt}, "process.execCPUAffinity.initial");
  if (!wanted.final.empty())
    plan.add(SetAffinity{parse_number_list(wanted.final)}, "process.execCPUAffinity.final");
  else if (wanted.initial.empty())
    plan.add(SetAffinity{});
}

}  // namespace

InitPlan plan_exec(ExecPlan request) {
  const auto& wanted = request.process;
  const bool in_user_namespace = (request.namespaces & CLONE_NEWUSER) != 0;
  ProcessPlan process{.process = wanted,
                      .host = request.host,
                      .linux = request.linux,
                      .in_user_namespace = in_user_namespace,
                      .keyring = request.no_new_keyring ? "" : "_ses." + request.id,
                      .seccomp = std::move(request.seccomp),
                      .preserve_fds = request.preserve_fds,
                      .keeps_groups = request.keeps_groups,
                      .forks_later = (request.namespaces & CLONE_NEWPID) != 0,
                      .makes_cwd = false};
  InitPlan plan;
  plan.steps.reserve(usual_steps);
  add_affinity(plan, request);
  // What it forks later inherits the group.
  if (!request.resctrl_tasks.empty()) plan.add(JoinResctrl{std::move(request.resctrl_tasks)}, "linux.intelRdt");
  add_memory_policy(plan, request.linux);
  add_first(plan, process);
  keep_proc_for_labels(plan, process);
  add_labels(plan, process, Proc::host);
  if (in_user_namespace) add_raised_limits(plan, wanted);  // inside, the container's root may only lower them
  if (in_user_namespace && !process.keyring.empty()) plan.add(JoinKeyring{});
  if (request.namespaces != 0) plan.add(JoinProcess{request.first_process, request.namespaces}, "linux.namespaces");
  if (request.root) plan.add(EnterRoot{std::move(request.root)}, "root.path");
  if (in_user_namespace) plan.add(BecomeRoot{request.keeps_groups}, "linux.namespaces");
  add_streams(plan, wanted, Console::none);
  if (wanted.terminal && request.terminal_is_copied) plan.add(Meet{Word::start}, "process.terminal");
  add_identity(plan, process);
  // Everything the container's other processes could abuse is gone before one of them can see this process
  // (CVE-2016-9962).
  if (process.forks_later) plan.add(Fork{}, "linux.namespaces");
  plan.add(NewSession{});
  add_behind_fork(plan, process);
  const bool notifies = process.seccomp && process.seccomp->notifies;
  add_late_filter(plan, process);
  if (notifies) plan.add(Meet{Word::listener}, "linux.seccomp");  // execve closes what has not been taken
  add_program(plan, process);
  if (process.forks_later) load_filter_before_fork(plan);
  return plan;
}

}  // namespace oci

// SPDX-License-Identifier: Apache-2.0
#include "plan/create.hpp"

#include <linux/capability.h>

#include "oci/error.hpp"
#include "plan/behind_fork.hpp"
#include "plan/hooks.hpp"
#include "plan/mounts.hpp"
#include "plan/namespaces.hpp"
#include "plan/network_work.hpp"
#include "plan/process.hpp"
#include "spec/annotations.hpp"
#include "spec/names.hpp"
#include "spec/sysctl.hpp"

namespace oci {
namespace {

/// A namespace that is joined may be the host's own.
void refuse_host_sysctl(const Linux& linux, const std::string& name) {
  const auto type = sysctl_namespace(sysctl_file(name));
  const auto* entry = linux.find(type);
  if (entry && !entry->path.empty() && is_own_namespace(*entry))
    throw Error("linux.sysctl." + name + ": " + entry->path + " is the host's " + std::string(name_of(type).name) +
                " namespace");
}

/// Before anything that finds the devices in place: hooks, sysctls, the program.
void add_network_devices(InitPlan& plan, const Linux& linux, const Host& host) {
  if (linux.net_devices.empty()) return;
  const auto field = "linux.netDevices." + linux.net_devices.begin()->first;
  static constexpr auto needed = std::uint64_t{1} << CAP_NET_ADMIN | std::uint64_t{1} << CAP_SYS_ADMIN;
  if ((host.capabilities & needed) != needed)
    throw Error(field + ": moving network devices needs CAP_NET_ADMIN and CAP_SYS_ADMIN on the host", EPERM);
  const auto* network = linux.find(NamespaceType::network);
  if (network && !network->path.empty() && is_own_namespace(*network))
    throw Error(field + ": " + network->path + " is the host's network namespace, which has the device already");
  plan.add(Meet{Word::network}, "linux.netDevices");
}

void add_machine(InitPlan& plan, const Spec& spec) {
  const auto* network = spec.linux.find(NamespaceType::network);
  if (network && network->path.empty()) plan.add(RaiseLoopback{}, "linux.namespaces");
  if (!spec.hostname.empty()) plan.add(SetHostname{spec.hostname}, "hostname");
  if (!spec.domainname.empty()) plan.add(SetDomainname{spec.domainname}, "domainname");
  for (const auto& [name, value] : spec.linux.sysctl) {
    refuse_host_sysctl(spec.linux, name);
    plan.add(SetSysctl{sysctl_file(name), value}, "linux.sysctl." + name);
  }
}

/// What is still done in the host's namespaces.
void add_beginning(InitPlan& plan, CreatePlan& request, const ProcessPlan& process, const NamespacePlan& namespaces) {
  // What it forks later inherits the group.
  if (!request.resctrl_tasks.empty()) plan.add(JoinResctrl{std::move(request.resctrl_tasks)}, "linux.intelRdt");
  add_memory_policy(plan, request.spec.linux);
  if (!namespaces.new_user) add_first(plan, process);  // else the runtime does it, which keeps the host's privileges
  if (namespaces.user && !process.keyring.empty()) plan.add(JoinKeyring{});
}

/// The last meeting, `start` where there is one, and the filter as late as its notifications permit.
void add_start(InitPlan& plan, ProcessPlan& process, Fd start_fifo) {
  // Nobody is there to take a listener any more once `create` has ended.
  if (process.seccomp && process.seccomp->notifies) add_late_filter(plan, process);
  plan.add(Meet{start_fifo ? Word::ready : Word::start});
  if (start_fifo) plan.add(AwaitStart{std::move(start_fifo)});
  if (process.seccomp && !process.seccomp->notifies) add_late_filter(plan, process);
}

MountHost mounts_of(CreatePlan& request, const Extensions& wanted, bool user_namespace, FdRef pid_namespace) {
  auto mounts = mount_host(request.host, request.spec, user_namespace, pid_namespace);
  mounts.bundle = request.bundle;
  mounts.cgroup_directory = request.cgroup;
  mounts.container_ids = std::move(request.container_ids);
  mounts.no_pivot = request.no_pivot;
  mounts.context_option = wanted.context_option;
  return mounts;
}

}  // namespace

InitPlan plan_create(CreatePlan request) {
  const auto& spec = request.spec;
  auto namespaces = plan_namespaces(spec.linux);
  const auto wanted = extensions(spec.annotations);
  namespaces.keeps_groups = wanted.keeps_groups;
  ProcessPlan process{.process = *spec.process,
                      .host = request.host,
                      .linux = spec.linux,
                      .in_user_namespace = namespaces.user,
                      .keyring = request.no_new_keyring ? "" : "_ses." + request.id,
                      .seccomp = std::move(request.seccomp),
                      .preserve_fds = request.preserve_fds,
                      .extra_env = std::move(request.extra_env),
                      .keeps_groups = wanted.keeps_groups,
                      .forks_later = namespaces.birth == Birth::late,
                      .start_fifo = request.start_fifo};
  const auto state = [&](const char* status) {
    return StateTemplate{request.id, status, request.bundle, spec.annotations};
  };

  InitPlan plan;
  plan.steps.reserve(usual_steps + spec.mounts.size());
  const Proc proc = namespaces.birth == Birth::late ? Proc::host : Proc::container;
  add_beginning(plan, request, process, namespaces);
  if (proc == Proc::host) keep_proc_for_labels(plan, process);
  const FdRef pid_namespace = add_namespaces(plan, spec.linux, namespaces);
  add_network_devices(plan, spec.linux, request.host);

  const auto mounts = mounts_of(request, wanted, namespaces.user, pid_namespace);
  add_filesystem(plan, spec, mounts);
  if (!spec.hooks.prestart.empty() || !spec.hooks.create_runtime.empty())
    plan.add(Meet{Word::hooks}, "hooks");  // config.md: after the namespaces have been created, before pivot_root
  add_hooks(
      plan, spec.hooks.create_container,
      {.name = "createContainer", .cwd = request.rootfs, .output = request.hook_output, .errors = request.hook_errors},
      state("creating"));
  add_new_root(plan, spec, mounts);
  add_streams(plan, *spec.process, Console::dev_console);
  add_restrictions(plan, spec);

  add_machine(plan, spec);
  if (namespaces.birth != Birth::late) plan.add(NewSession{});
  add_labels(plan, process, proc);
  // The caller's affinity (an engine's, a probe's) is not the container's: its cpuset alone says where it runs.
  plan.add(SetAffinity{});
  add_identity(plan, process);
  // Whoever is in a pid namespace that others share is there with the container's own privileges and no others.
  if (namespaces.birth == Birth::late) {
    plan.add(Fork{}, "linux.namespaces");
    plan.add(NewSession{});
  }
  add_behind_fork(plan, process);
  add_start(plan, process, std::move(request.start_fifo));
  add_hooks(plan, spec.hooks.start_container, {.name = "startContainer", .cwd = "", .inherited = environment(process)},
            state("created"));
  add_program(plan, process);
  if (process.forks_later) load_filter_before_fork(plan);
  leave_network_work(plan, namespaces);
  return plan;
}

}  // namespace oci

// SPDX-License-Identifier: Apache-2.0
// From `process` to the steps that make it: limits, labels, user, capabilities, filter, program. Shared by create and
// exec.
#pragma once
#include "oci/spec.hpp"
#include "plan/host.hpp"
#include "plan/plan.hpp"

namespace oci {

/// What the steps are made from beside config.json's process.
struct ProcessPlan {
  const Process& process;
  const Host& host;
  const Linux& linux;              ///< of the container that the process belongs to
  bool in_user_namespace = false;  ///< of the container's
  std::string keyring{};           ///< to join; empty: the caller's stays
  std::optional<LoadSeccomp> seccomp{};
  unsigned preserve_fds = 0;
  std::vector<std::string> extra_env{};  ///< what the runtime itself adds
  bool keeps_groups = false;             ///< the caller's supplementary groups stay
  bool forks_later = false;              ///< a Fork follows add_identity
  bool makes_cwd = true;                 ///< exec does not: the file system is not the runtime's any more
  FdRef start_fifo{-1};                  ///< stays open through SealDescriptors
};

/// Needs the host's privileges and its /proc: before anything is entered.
void add_first(InitPlan& plan, const ProcessPlan& request);

/// linux.memoryPolicy, first of all: what the kernel allocates for the process from then on obeys it.
void add_memory_policy(InitPlan& plan, const Linux& linux);

/// Which procfs labels are written through: the container's, or the host's, which keep_proc_for_labels() has kept.
enum class Proc : std::uint8_t { container, host };
void add_labels(InitPlan& plan, const ProcessPlan& request, Proc proc);
/// Before anything is entered, for a process that enters a pid namespace last: the container's procfs will not have it
/// when labels are written, and in a user namespace it may make none of the host's.
void keep_proc_for_labels(InitPlan& plan, const ProcessPlan& request);

/// Limits above the runtime's own hard ones, where add_identity would be too late to raise them.
void add_raised_limits(InitPlan& plan, const Process& process);

/// A terminal, or the caller's own stdin, stdout and stderr.
enum class Console : std::uint8_t { none, dev_console };
void add_streams(InitPlan& plan, const Process& process, Console console);

/// Limits and schedulers, then who the process is. After these it has no more privileges than config.json gives it;
/// what follows is only what may have to wait: meetings, Fork, add_behind_fork and so on.
void add_identity(InitPlan& plan, const ProcessPlan& request);

/// What a Fork would spoil, or would be spoilt by: for the process that becomes the program, and as late as can be.
void add_behind_fork(InitPlan& plan, const ProcessPlan& request);

/// The seccomp filter of a process with noNewPrivileges, as late as can be (config-linux.md, "Seccomp").
void add_late_filter(InitPlan& plan, ProcessPlan& request);

void add_program(InitPlan& plan, const ProcessPlan& request);

/// The environment as the program gets it: of two entries with one name the last counts; HOME without a value is left
/// to FindHome.
std::vector<std::string> environment(const ProcessPlan& request);

/// Names to bits. What the kernel or the caller does not have is left out with a warning (config.md, "capabilities").
CapabilitySets capability_sets(const std::optional<Capabilities>& capabilities, const Host& host,
                               bool in_user_namespace);

}  // namespace oci

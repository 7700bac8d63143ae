// SPDX-License-Identifier: Apache-2.0
// Whether a remembered container still lives, and how its life is ended.
#pragma once
#include <optional>
#include <string>

#include "base/handle.hpp"
#include "container/state.hpp"
#include "kernel/cgroup.hpp"
#include "oci/container.hpp"

namespace oci {

/// @throws Error while the container is only being made
Record existing(const StateDirectory& directory);

/// The first process, if it lives and is no zombie: its pidfd is compared with the start time, so it is never a later
/// process with the same number.
std::optional<Pidfd> first_process(const Record& record);

/// Nothing when it has none, or when it is gone.
std::optional<Cgroup> cgroup_of(const Record& record);
/// @throws Error when there is none to freeze
Cgroup cgroup_to_freeze(const Record& record);

Status status_of(const StateDirectory& directory, const Record& record);
/// The same where first_process() has just found it alive.
Status status_while_alive(const StateDirectory& directory, const Record& record);

/// Who waits for start is undumpable, and setns(2) asks for the rights of ptrace(2). `deed`: "exec in".
/// @throws Error for others than root
void check_may_enter_created(const Record& record, const std::string& deed);

/// SIGKILL to the first process, and to everything in the cgroup, which is the container's alone; waits until the first
/// has ended.
void end_processes(const std::optional<Cgroup>& cgroup, const std::optional<Pidfd>& process);

/// Behind the removal of its cgroup there is nothing left of a unit but what systemd remembers of it. A bus that cannot
/// be asked for that, because there is none any more, keeps no container from being deleted.
void forget_unit(const SystemdUnit& unit);

/// With the status "stopped". What fails is a warning, and keeps no other from running.
void run_poststop_hooks(const Record& record);

/// Ends what lives, removes cgroup and directory, runs the poststop hooks. Without `force` what lives in the cgroup of
/// a container that has ended on its own, and that had a pid namespace of its own, is another's, and an error.
void remove_container(StateDirectory& directory, const Record& record, bool force);

/// The same for a container that has ended while its caller waited: the program's exit status is what that one waits
/// for, a failure here is a matter for the log.
void remove_after_run(StateDirectory& directory, const Record& record);

/// Ends a first process that only the directory still knows of.
void end_remembered_process(const StateDirectory& directory);

}  // namespace oci

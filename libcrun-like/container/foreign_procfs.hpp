// SPDX-License-Identifier: Apache-2.0
// The procfs of a pid namespace that others live in, for kernels before 6.17; since then fsconfig(2) "pidns" makes it.
#pragma once
#include <string>

#include "base/handle.hpp"
#include "plan/mount_steps.hpp"

namespace oci {

/// A detached procfs of `step.pid_namespace`, with the step's parameters and attributes.
///
/// fsopen(2) takes the pid namespace of its caller, so somebody has to be inside for one system call, where others can
/// see and seize him. That process has nothing that would be worth it: the capabilities of a user namespace of its own,
/// no file system, no descriptor but the channel, a filter that lets it make that call and say so. It is born in
/// `cgroup` (a directory; empty: the runtime's), so that it ends with the container. The mount is made by the runtime.
/// @throws Error also where user namespaces are not permitted
MountFd open_foreign_procfs(const MountFilesystem& step, const std::string& cgroup);

}  // namespace oci

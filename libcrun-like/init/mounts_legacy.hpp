// SPDX-License-Identifier: Apache-2.0
// The same steps by mount(2), for kernels before 5.12 and for seccomp filters around the runtime that do not know the
// newer calls. Targets are still opened first and then named by their descriptor, so a lookup is no less safe; what is
// lost is that a mount stands for a moment without its flags.
#pragma once
#include "base/rooted_path.hpp"
#include "init/mount_calls.hpp"
#include "init/mounts.hpp"
#include "init/scene.hpp"
#include "plan/mount_steps.hpp"

namespace oci::init::legacy {

/// Answers with the errno.
int mount_filesystem(const MountFilesystem& step, Parameters parameters, const Place& place, Scene& scene);
int bind(FdRef source, const Place& place, bool recursive, Scene& scene);
/// Changes the mount that is on top at `target`, a path of the container. Exact flags, as MS_REMOUNT | MS_BIND has
/// them.
int change(const std::string& target, const MountAttributes& attributes, Scene& scene);

/// The host's procfs, by which descriptors are named later: before a container is entered.
void keep_host_proc(Scene& scene);
/// umount2(2) of this mount, what is mounted in it (MNT_DETACH), and what covers it. EINVAL: it is locked, or not in
/// the namespace; EBUSY: it is covered faster than it can be uncovered.
int unmount(FdRef mount, Scene& scene);
/// Whether that would fail because it came with another mount, from which it cannot be taken (mount_namespaces(7)).
bool is_locked(FdRef mount, Scene& scene);

/// Whether mount(2) has to be used for this one: a flag or a parameter that fsconfig(2) has no way to say.
bool needs_mount(const MountFilesystem& step, Parameters parameters) noexcept;

}  // namespace oci::init::legacy

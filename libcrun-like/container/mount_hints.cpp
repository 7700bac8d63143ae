// SPDX-License-Identifier: Apache-2.0
#include "container/mount_hints.hpp"

#include <algorithm>
#include <cerrno>
#include <string_view>

#include "plan/prepared_mount.hpp"

namespace oci {
namespace {

bool names_group(const MountFilesystem& mount) {
  return std::any_of(mount.parameters.begin(), mount.parameters.end(),
                     [](const std::string& parameter) { return parameter.starts_with("gid="); });
}

}  // namespace

std::string mount_hint(const Action& action, int code) {
  const auto* mount = filesystem_of(action);
  if (!mount) return {};
  // mount_too_revealing() in the kernel's fs/namespace.c.
  if (mount->type == "proc" && code == EPERM)
    return "; in a user namespace a procfs takes a pid namespace of its own, and a caller whose own /proc is not "
           "covered in places: uncover it (podman run --security-opt unmask=ALL), or bind it instead (type none, "
           "source /proc, options rbind)";
  if (mount->type == "mqueue" && code == EPERM)
    return "; the ipc namespace belongs to another user namespace: bind the host's /dev/mqueue, or leave the mount out";
  if (mount->type == "devpts" && code == EINVAL && names_group(*mount))
    return "; the group of gid=… has no number on the host: map it in linux.gidMappings, or leave the option out";
  return {};
}

}  // namespace oci

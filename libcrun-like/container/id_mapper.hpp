// SPDX-License-Identifier: Apache-2.0
// Id-mapped mounts (mount_setattr(2), MOUNT_ATTR_IDMAP), for the container's process: it takes privileges over the file
// system, which a process in a user namespace has not, and over the ids that the maps name.
#pragma once
#include "base/handle.hpp"
#include "plan/mount_steps.hpp"

namespace oci {

class IdMapper {
 public:
  /// Maps the ids of a mount that hangs nowhere yet, if `step` has maps. @throws Error
  void map(FdRef mount, const BindMount& step);
  void map(FdRef mount, const MountFilesystem& step);

 private:
  void map(FdRef mount, const MountIdMaps& maps, const std::string& what);

  // The user namespace of the mount before: mounts with the same maps mostly follow each other, and there may be more
  // maps than this process may have descriptors.
  MountIdMaps maps_;
  Fd namespace_;
};

}  // namespace oci

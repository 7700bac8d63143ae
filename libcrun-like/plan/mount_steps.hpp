// SPDX-License-Identifier: Apache-2.0
// The steps that build the container's file system. Decided in plan/mounts.cpp, made in init/mounts*.cpp, nowhere else.
// Targets are paths of the container, resolved below its root when their turn comes.
#pragma once
#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

namespace oci {

/// What a mount's options ask for beyond its file system's own parameters; MOUNT_ATTR_* of mount_setattr(2).
struct MountAttributes {
  std::uint64_t set = 0;
  std::uint64_t clear = 0;
  std::uint64_t recursive_set = 0;
  std::uint64_t recursive_clear = 0;
  std::vector<unsigned long> propagation;  ///< MS_SHARED | MS_REC, …: one change each, in the order given
};

/// The mount namespace's copy of the host's mounts gets this propagation, so that nothing made here is seen there.
struct SetPropagation {
  unsigned long flags = 0;  ///< MS_SLAVE | MS_REC, …
};

/// Makes the root file system a mount of its own and opens it; later targets are resolved below it.
struct BindRoot {
  std::string rootfs;  ///< on the host, absolute
};

/// A new instance of a file system: fsopen, fsconfig, fsmount, move_mount.
struct MountFilesystem {
  std::string type;
  std::string source;
  std::string target;
  std::vector<std::string> parameters;  ///< "size=65536k", "ro": fsconfig(2), one each
  MountAttributes attributes;
  bool copy_up = false;         ///< tmpfs: start with the content of the directory it covers
  bool readonly_later = false;  ///< RemountReadonly follows once devices have been made in it
};

/// A directory or file of the host seen in the container: open_tree, mount_setattr, move_mount.
struct BindMount {
  std::string source;  ///< on the host, absolute
  std::string target;
  bool recursive = false;
  bool keeps_flags = true;       ///< no flag was named, so the source's stay as they are
  bool opened_by_parent = false; ///< the mapped root may not reach the source: ask the runtime (Word::source)
  MountAttributes attributes;
};

/// cgroup2, or what stands in for it where a user namespace may not mount one.
struct MountCgroup {
  std::string target;
  MountAttributes attributes;
  std::vector<std::string> parameters;
  std::string host_directory;  ///< bound when mounting is not permitted; the container's cgroup or the host's root
};

/// A mount that was writable while it was being filled becomes read-only.
struct RemountReadonly {
  std::string target;
};

struct MakeDevice {
  std::string path;
  mode_t mode = 0;  ///< S_IFCHR and so on, with permissions
  dev_t number = 0;
  uid_t uid = 0;
  gid_t gid = 0;
  bool bind_host = false;  ///< a user namespace may not mknod: the host's node is bound instead
};

struct MakeSymlink {
  std::string target;
  std::string path;
};

/// Hides a path: a file below /dev/null, a directory below an empty read-only one. A missing path is fine.
struct MaskPath {
  std::string path;
};

struct ReadonlyPath {
  std::string path;
};

struct RemountRootReadonly {};

/// pivot_root(2) into the root, the host's tree unmounted.
struct PivotRoot {};

/// MS_MOVE and chroot(2), where the host's root is a ramdisk that cannot be pivoted.
struct MoveRoot {};

/// chroot(2) alone: the container shares the runtime's mount namespace.
struct ChangeRoot {};

/// linux.rootfsPropagation once the container is in its root.
struct SetRootPropagation {
  unsigned long flags = 0;
};

}  // namespace oci

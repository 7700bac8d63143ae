// SPDX-License-Identifier: Apache-2.0
// The steps that build the container's file system. Decided in plan/mounts.cpp, made in init/, nowhere else.
// Targets are cleaned paths of the container, resolved below its root when their turn comes.
#pragma once
#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/handle.hpp"
#include "base/mount_attributes.hpp"
#include "oci/spec.hpp"

namespace oci {

/// The mount namespace's copy of the host's mounts gets this propagation, so that nothing made here is seen there.
struct SetPropagation {
  unsigned long flags = 0;  ///< MS_SLAVE | MS_REC, …
};

/// Opens the root file system, and makes it a mount of its own; later targets are resolved below it.
struct BindRoot {
  std::string rootfs{};          ///< on the host, absolute
  bool mounts = true;            ///< false where nothing is mounted in it, and the namespace is the host's: only opened
  bool in_host_view = false;     ///< the mount namespace is the host's: what is mounted inside must not spread there
  bool detaches_parent = false;  ///< the mount it lies in is shared with the host, and must not hand the bind on
  bool masks_files = false;      ///< MaskPath steps follow: keep the host's /dev/null while it can be trusted
  /// Nobody looks for the container's mounts where the directory is: the root hangs nowhere until PivotRoot puts it in
  /// the host's place.
  bool is_detached = false;
};

/// mount_setattr(2) MOUNT_ATTR_IDMAP: whom the mount shows for the owners that the file system has. `container_id` of a
/// mapping is the file system's, `host_id` what the host sees (user_namespaces(7) the other way round). The runtime
/// does it, because that takes privileges over the file system, and the privilege to write the maps.
struct MountIdMaps {
  std::vector<IdMapping> uids{};
  std::vector<IdMapping> gids{};
  bool recursive = false;  ///< the mounts below as well
  bool operator==(const MountIdMaps&) const = default;
};

/// A new instance of a file system: fsopen, fsconfig, fsmount, move_mount.
struct MountFilesystem {
  std::string type{};
  std::string source{};
  std::string target{};
  std::vector<std::string> parameters{};  ///< "size=65536k", "newinstance": fsconfig(2), one each
  MountAttributes attributes;
  bool copy_up = false;    ///< tmpfs: starts with the content of the directory it covers
  std::string stand_in{};  ///< directory of the host, bound where the kernel does not permit the mount (sysfs, cgroup2)
  std::string label{};     ///< mqueue: has no context= parameter, its directory is labelled instead
  bool foreign_processes = false;        ///< proc of a pid namespace that this process is not in yet
  FdRef pid_namespace{-1};               ///< that namespace, where it is known; the plan's maker keeps it
  std::optional<MountIdMaps> id_maps{};  ///< asked of the runtime (Word::idmap)
  bool made_before = false;              ///< by a MakeFilesystem, see OpenSource
  bool left_to_runtime = false;          ///< sysfs: comes from the runtime (plan/network_work.hpp), if that can make it
};

/// A directory or file of the host seen in the container: open_tree, mount_setattr, move_mount.
struct BindMount {
  std::string source{};  ///< on the host, absolute
  std::string target{};
  bool recursive = false;
  /// The mapped root may not reach the source, or there are id maps: ask the runtime (Word::source).
  bool opened_by_parent = false;
  bool source_nofollow = false;  ///< binds the link that the source is
  bool target_nofollow = false;  ///< on the link that the target is
  bool copy_symlink = false;     ///< a link is made again instead of bound
  MountAttributes attributes;    ///< empty: the source's flags stay as they are
  /// Those of `attributes.clear` that the options name. The kernel may hold on to the others in a user namespace
  /// (mount_namespaces(7), locked flags), to these not.
  std::uint64_t insists_on_clearing = 0;
  std::optional<MountIdMaps> id_maps{};
  bool opened_before = false;  ///< by an OpenSource
};

/// Goes before mounts are changed in a container that runs: those that are added are remembered, and taken away again
/// when a later step fails.
struct PrepareMountChanges {
  std::size_t mounts = 0;  ///< that will be added, at most
};

/// The source of a BindMount to come, while the host's mounts can be seen, and no name leads to what the container has
/// put there. These steps and MakeFilesystem are in the order of the mounts that they are for.
struct OpenSource {
  BindMount bind;
};

/// The same for a MountFilesystem: devices and parameters like lowerdir= are names of the host's.
struct MakeFilesystem {
  MountFilesystem mount;
};

/// Behind the entry into another mount namespace: its root is the container's from here on.
struct UseNamespaceRoot {};

/// What is mounted at a place of the container, without a link on the way: a link could lead to what hides something.
struct RemoveMount {
  std::string target{};
  bool only_checks = false;  ///< that something is: nothing is unmounted when a later one has no mount
};

/// Changes a mount of the container: read-only once it has been filled, or what the option "remount" says.
struct ChangeMount {
  std::string target{};
  MountAttributes attributes;
};

struct DeviceNode {
  std::string name{};  ///< in MakeDevices::directory
  mode_t mode = 0;     ///< S_IFCHR and so on, with permissions
  dev_t number = 0;
  uid_t uid = 0;
  gid_t gid = 0;
};

struct DeviceLink {
  std::string name{};
  std::string target{};
  bool replaces = false;  ///< what the image has of that name gives way; otherwise it stays
};

/// Nodes and links in one directory, which is opened once.
struct MakeDevices {
  std::string directory{};
  std::vector<DeviceNode> nodes{};
  std::vector<DeviceLink> links{};
  bool binds_host = false;  ///< a user namespace may not mknod: the host's nodes are bound instead
};

/// Hides a path: a file below /dev/null, a directory below an empty read-only one. A missing path is fine.
struct MaskPath {
  std::string path{};
};

/// Makes a path read-only; its other flags stay, and so do mounts below it. A missing path is fine.
struct ReadonlyPath {
  std::string path{};
  bool is_leaf = false;  ///< config.json mounts nothing below it
};

struct RemountRootReadonly {};

/// The root becomes the namespace's, and the host's tree is unmounted: by pivot_root(2), where the root is attached.
struct PivotRoot {
  bool host_is_shared = false;  ///< unmounting must not reach the host: its mounts become slaves first
};

/// MS_MOVE and chroot(2), where the host's root is a ramdisk that cannot be pivoted.
struct MoveRoot {};

/// chroot(2) alone: the container shares the runtime's mount namespace.
struct ChangeRoot {};

/// linux.rootfsPropagation once the container is in its root.
struct SetRootPropagation {
  unsigned long flags = 0;
};

}  // namespace oci

// SPDX-License-Identifier: Apache-2.0
// What config.json says about the container's file system, turned into steps. Pure: nothing is opened or looked up
// here.
#pragma once
#include <cstdint>
#include <string>

#include "kernel/id_maps.hpp"
#include "oci/spec.hpp"
#include "plan/host.hpp"
#include "plan/plan.hpp"

namespace oci {

/// What mounts depend on beyond config.json.
struct MountHost {
  std::string bundle{};                     ///< absolute; relative sources start here
  std::string cgroup_directory{};           ///< of the container, below the host's cgroup2; empty when it is not known
  bool user_namespace = false;              ///< the process will be in one that does not own the devices: no mknod(2)
  bool parent_opens_sources = false;        ///< the mapped root may not reach bind sources
  bool may_change_root = true;              ///< the runtime has CAP_SYS_CHROOT, which pivot_root(2) does without
  bool may_map_ids = true;                  ///< the runtime has CAP_SYS_ADMIN, which id-mapped mounts need
  IdMaps container_ids{};                   ///< of the container's user namespace; read by needs_container_ids() only
  bool enters_pid_namespace_later = false;  ///< by a Fork step behind the mounts
  FdRef pid_namespace{-1};                  ///< the one it will enter, where it is known
  bool no_pivot = false;
  bool container_runs = false;             ///< mounts are added to it, and may have to be taken away again
  bool kcore = false;                      ///< the kernel has /proc/kcore, so /dev/core is there too
  bool selinux = false;                    ///< linux.mountLabel has a meaning
  std::string context_option = "context";  ///< of mount(8), which takes the label
};

/// What follows from the runtime's rights, and from the namespaces that the process enters: its user namespace, and
/// behind the mounts a pid namespace, where there is one. The bundle, the cgroup and what the caller wants are left to
/// say.
MountHost mount_host(const Host& host, const Spec& spec, bool user_namespace, FdRef pid_namespace);

/// A destination below `rootfs`, the root's absolute path on the host, means what it names in there: runc has always
/// taken it so, where config.md has paths of the container only.
void use_container_paths(Spec& spec, const std::string& rootfs);

/// A container without a mount namespace whose mounts are therefore the host's: whoever deletes it has to unmount them.
bool mounts_in_host_view(const Spec& spec);

/// The root, config.json's mounts in its order, and the devices. Host hooks and createContainer hooks come behind
/// these.
void add_filesystem(InitPlan& plan, const Spec& spec, const MountHost& host);

/// The process's way into the root.
void add_new_root(InitPlan& plan, const Spec& spec, const MountHost& host);

/// What becomes read-only or hidden, once nothing has to be made there any more (/dev/console is the last).
void add_restrictions(InitPlan& plan, const Spec& spec);

/// SetPropagation for a copy of the host's mounts, unless config.json wants that to be as it is.
void add_propagation(InitPlan& plan, const Spec& spec);

/// spec.mounts alone, in their order.
void add_mounts(InitPlan& plan, const Spec& spec, const MountHost& host);

enum class Deed : std::uint8_t { mount, unmount };
/// A place for a mount, or one to be unmounted. @throws Error where none may be
std::string mount_target(const Mount& mount, Deed deed);

/// Where a bind comes from: relative sources start at the bundle.
std::string source_of_bind(const Mount& mount, const std::string& bundle);

}  // namespace oci

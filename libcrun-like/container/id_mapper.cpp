// SPDX-License-Identifier: Apache-2.0
#include "container/id_mapper.hpp"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/mount.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <string_view>

#include "base/syscalls.hpp"
#include "kernel/id_maps.hpp"

namespace oci {
namespace {

struct FilesystemName {
  unsigned long magic;
  std::string_view name;
};
/// Those that people bind and that some kernel does not map. Their numbers are all that a detached mount tells.
constexpr std::array filesystem_names{FilesystemName{PROC_SUPER_MAGIC, "proc"},
                                      FilesystemName{SYSFS_MAGIC, "sysfs"},
                                      FilesystemName{CGROUP2_SUPER_MAGIC, "cgroup2"},
                                      FilesystemName{CGROUP_SUPER_MAGIC, "cgroup"},
                                      FilesystemName{NFS_SUPER_MAGIC, "nfs"},
                                      FilesystemName{FUSE_SUPER_MAGIC, "fuse"},
                                      FilesystemName{OVERLAYFS_SUPER_MAGIC, "overlay"},
                                      FilesystemName{TMPFS_MAGIC, "tmpfs"},
                                      FilesystemName{RAMFS_MAGIC, "ramfs"},
                                      FilesystemName{DEVPTS_SUPER_MAGIC, "devpts"},
                                      FilesystemName{V9FS_MAGIC, "9p"},
                                      FilesystemName{SMB2_SUPER_MAGIC, "smb2"},
                                      FilesystemName{CIFS_SUPER_MAGIC, "cifs"},
                                      FilesystemName{CEPH_SUPER_MAGIC, "ceph"},
                                      FilesystemName{HUGETLBFS_MAGIC, "hugetlbfs"},
                                      FilesystemName{SECURITYFS_MAGIC, "securityfs"},
                                      FilesystemName{BPF_FS_MAGIC, "bpf"},
                                      FilesystemName{NSFS_MAGIC, "nsfs"},
                                      FilesystemName{EXT4_SUPER_MAGIC, "ext4"},
                                      FilesystemName{XFS_SUPER_MAGIC, "xfs"},
                                      FilesystemName{BTRFS_SUPER_MAGIC, "btrfs"}};

std::string filesystem_of(FdRef mount) {
  const auto magic = sys::filesystem_magic(mount);
  const auto* found = std::find_if(filesystem_names.begin(), filesystem_names.end(),
                                   [&](const FilesystemName& entry) { return entry.magic == magic; });
  if (found != filesystem_names.end()) return std::string(found->name);
  std::array<char, 16> digits{};
  auto* const end = std::to_chars(digits.data(), digits.data() + digits.size(), magic, 16).ptr;
  return "the file system 0x" + std::string(digits.data(), end);
}

/// mount_setattr(2), "ERRORS", which have several reasons each.
std::string reason(FdRef mount, bool recursive, int code) {
  std::string type = filesystem_of(mount) + (recursive ? ", or what is mounted below," : "");
  if (code == EINVAL) return type + " does not support id-mapped mounts in this kernel";
  if (code == EPERM)
    return type + " is id-mapped already, or belongs to a user namespace in which the runtime has no CAP_SYS_ADMIN";
  if (code == ENOSYS) return "Linux 5.12 or later is needed, and a seccomp filter that lets it through";
  return type;
}

}  // namespace

void IdMapper::map(FdRef mount, const BindMount& step) {
  if (step.id_maps) map(mount, *step.id_maps, step.source);
}

void IdMapper::map(FdRef mount, const MountFilesystem& step) {
  if (step.id_maps) map(mount, *step.id_maps, "a new " + step.type);
}

void IdMapper::map(FdRef mount, const MountIdMaps& maps, const std::string& what) {
  if (!namespace_ || maps.uids != maps_.uids || maps.gids != maps_.gids) {
    namespace_.reset();
    namespace_ = make_user_namespace(maps.uids, maps.gids);
    maps_ = maps;
  }
  mount_attr attributes{};
  attributes.attr_set = MOUNT_ATTR_IDMAP;
  attributes.userns_fd = static_cast<std::uint64_t>(namespace_.get());
  const unsigned flags = AT_EMPTY_PATH | (maps.recursive ? unsigned{AT_RECURSIVE} : 0);
  if (::mount_setattr(mount.get(), "", flags, &attributes, sizeof attributes) == 0) return;
  const int code = errno;
  throw Error::system("map the ids of " + what + " (MOUNT_ATTR_IDMAP): " + reason(mount, maps.recursive, code), code);
}

}  // namespace oci

// SPDX-License-Identifier: Apache-2.0
#include "container/host_view.hpp"

#include <sys/mount.h>
#include <sys/stat.h>

#include <charconv>
#include <climits>
#include <cstdlib>

#include "base/log.hpp"
#include "oci/error.hpp"

namespace oci {
namespace {

/// In the state directory: a link to "MOUNT ID:ROOTFS".
constexpr const char* link_name = "host-view";

/// Of the topmost mount at `path`; 0 when there is no such path.
std::uint64_t mount_id(const std::string& path) {
  // The first is never used again for another mount, and is there since Linux 6.8.
  static constexpr unsigned unique = 0x4000;  // STATX_MNT_ID_UNIQUE
  static constexpr unsigned reused = 0x1000;  // STATX_MNT_ID
  struct statx status {};
  for (const unsigned mask : {unique, reused})
    if (::statx(AT_FDCWD, path.c_str(), 0, mask, &status) == 0 && (status.stx_mask & mask) != 0)
      return status.stx_mnt_id;
  return 0;
}

}  // namespace

void remember_host_view(const StateDirectory& directory, const std::string& rootfs) {
  // Where a link leads is mounted, so that is what will have to be unmounted.
  char resolved[PATH_MAX];
  if (!::realpath(rootfs.c_str(), static_cast<char*>(resolved))) throw Error::system("root.path: " + rootfs);
  const std::string place(static_cast<const char*>(resolved));
  // Nobody who is in it already would see what is mounted on it, `delete` included.
  if (place == "/") throw Error("root.path: the host's root needs a mount namespace, and linux.namespaces has none");
  directory.remember(link_name, std::to_string(mount_id(place)) + ":" + place);
}

void clear_host_view(const StateDirectory& directory) {
  const auto known = directory.recall(link_name);
  const auto colon = known.find(':');
  if (colon == known.npos) return;
  std::uint64_t before = 0;
  std::from_chars(known.data(), known.data() + colon, before);
  const auto rootfs = known.substr(colon + 1);
  const auto now = mount_id(rootfs);
  if (now == 0 || now == before) return;
  if (::umount2(rootfs.c_str(), MNT_DETACH | UMOUNT_NOFOLLOW) < 0)
    log::warning(Error::system("unmount " + rootfs + " (MNT_DETACH)").what());
}

}  // namespace oci

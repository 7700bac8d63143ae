// SPDX-License-Identifier: Apache-2.0
// Mounts of a container that runs: what only there has to be done. Its processes may move, cover and unmount things at
// any time, so a mount is taken away by a descriptor of it, and never by its path.
#include <sys/prctl.h>
#include <sys/stat.h>

#include <csignal>
#include <string>
#include <string_view>

#include "base/files.hpp"
#include "base/mountinfo.hpp"
#include "base/text.hpp"
#include "init/mount_calls.hpp"
#include "init/mounts_legacy.hpp"
#include "init/perform_mounts.hpp"

namespace oci::init {
namespace {

/// Nothing that a file system's server would have to be asked for: it may be dead, or another user's (FUSE).
struct statx look_at(FdRef file) {
  struct statx found {};
  if (::statx(file.get(), "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, 0, &found) < 0)
    throw Error::system("statx of a mount point");
  if ((found.stx_attributes_mask & STATX_ATTR_MOUNT_ROOT) == 0)
    throw Error("the kernel does not tell mount points (Linux 5.8 or later is needed)", ENOSYS);
  return found;
}

/// Empty when it is not there.
MountLine line_of(std::string_view mountinfo, std::string_view id) {
  while (!mountinfo.empty())
    if (const auto line = cut_mount_line(mountinfo); line.id == id) return line;
  return {};
}

/// Whether it shows what it is mounted on: the two names move together, whatever is renamed.
bool is_bound_to_itself(const MountLine& mount, const MountLine& parent) {
  if (mount.device != parent.device || !mount.point.starts_with(parent.point)) return false;
  std::string covered(parent.root == "/" ? "" : parent.root);
  covered.append(mount.point, parent.point == "/" ? 0 : parent.point.size());
  return covered == mount.root;
}

/// The container leads to a mask, without a link, when it renames a directory above. How one looks: init/masks.cpp.
void check_removable(const struct statx& mount, const std::string& attempt, Scene& scene) {
  const bool is_null = S_ISCHR(mount.stx_mode) && mount.stx_rdev_major == 1 && mount.stx_rdev_minor == 3;
  if (is_null) throw Error(attempt + ": it is /dev/null, which hides a file (linux.maskedPaths)", EPERM);
  const auto mounts = read_file(scene.host_proc, "self/mountinfo", std::size_t{64} << 20U);
  const auto line = line_of(mounts, std::to_string(mount.stx_mnt_id));
  if (!has_part(line.options, ",", "ro")) return;
  if (line.type == "tmpfs" && has_part(line.superblock, ",", "nr_inodes=1"))
    throw Error(attempt + ": it is a tmpfs that hides a directory (linux.maskedPaths)", EPERM);
  if (is_bound_to_itself(line, line_of(mounts, line.parent)))
    throw Error(attempt + ": it keeps what it is mounted on read-only (linux.readonlyPaths)", EPERM);
}

}  // namespace

void perform(const PrepareMountChanges& step, Scene& scene) {
  ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);  // before anything is entered, as in init/namespaces.cpp
  // A terminal's signals come to this process, too, and half of the mounts would stay. The runtime ends it by SIGKILL.
  sigset_t all;
  ::sigfillset(&all);
  ::sigprocmask(SIG_SETMASK, &all, nullptr);
  legacy::keep_host_proc(scene);
  scene.added.reserve(step.mounts);  // nothing may fail once a mount hangs in the container
  scene.remembers_mounts = true;
}

void perform(const UseNamespaceRoot& /*step*/, Scene& scene) {
  scene.root = sys::openat(working_directory, "/", O_PATH | O_DIRECTORY);  // setns(2) has changed what that is
}

void perform(const RemoveMount& step, Scene& scene) {
  auto [mount, code] = try_open_in_root(scene.root, step.target, O_PATH, Links::refuse);
  const std::string attempt = "unmount " + step.target;
  if (code == ELOOP) throw Error(attempt + ": there is a symbolic link on the way", ELOOP);
  if (code != 0) throw Error::system(attempt, code);
  const auto found = look_at(mount);
  if ((found.stx_attributes & STATX_ATTR_MOUNT_ROOT) == 0) throw Error(attempt + ": it is not a mount point", EINVAL);
  check_removable(found, attempt, scene);
  if (legacy::is_locked(mount, scene))
    throw Error(attempt + ": it is locked, because it came with the mount that it is in (mount_namespaces(7))", EINVAL);
  if (!step.only_checks) check(legacy::unmount(mount, scene), step);
}

bool take_back(Scene& scene) noexcept {
  bool all = true;
  for (; !scene.added.empty(); scene.added.pop_back()) {
    try {
      const int code = legacy::unmount(scene.added.back(), scene);
      all = all && (code == 0 || code == EINVAL);  // the container itself has unmounted it
    } catch (const Error&) {
      all = false;  // the failure that led here is what is told, and the other ones are still to go
    }
  }
  return all;
}

}  // namespace oci::init

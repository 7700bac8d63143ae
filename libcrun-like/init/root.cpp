// SPDX-License-Identifier: Apache-2.0
#include <sched.h>
#include <sys/mount.h>
#include <sys/syscall.h>

#include <algorithm>
#include <string_view>
#include <utility>
#include <vector>

#include "base/files.hpp"
#include "base/mountinfo.hpp"
#include "init/mount_calls.hpp"
#include "init/mounts_legacy.hpp"
#include "init/perform_mounts.hpp"

namespace oci::init {
namespace {

/// The mount that holds `path` must not hand on to the host what is attached in it. Only a mount's root can be told so:
/// go up until one is found.
void detach_from_host(std::string path) {
  for (;;) {
    if (::mount(nullptr, path.c_str(), nullptr, MS_PRIVATE, nullptr) == 0) return;
    if (errno != EINVAL || path == "/") throw Error::system("make the mount of " + path + " private");
    path = clean_path(path.append("/.."));
  }
}

void bind_now(const BindRoot& step, Scene& scene) {
  auto tree = clone_tree(working_directory, step.rootfs, AT_RECURSIVE, {}, scene);
  check(tree.code, step);
  scene.root = Fd(tree.mount.release());
  scene.detached_root = &step;
  // Where a filter denies move_mount(2), there is still a way back to mount(2) here.
  if (!step.is_detached || move_mount_is_denied()) attach_root(scene);
  // Only now: what is attached to a shared mount becomes shared (attach_recursive_mnt() of the kernel).
  if (step.in_host_view)
    check(change_attributes(scene.root, {.propagation = {static_cast<unsigned long>(MS_PRIVATE) | MS_REC}}, true),
          step);
  if (!step.masks_files) return;
  // Read-only, or the container's root could change the mode and owner of the host's node through it.
  auto null = clone_tree(working_directory, "/dev/null", AT_SYMLINK_NOFOLLOW,
                         {.set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC}, scene);
  if (null.code != 0) throw Error::system("open_tree /dev/null (OPEN_TREE_CLONE)", null.code);
  verify_null(null.mount);
  scene.null_device = Fd(null.mount.release());
}

void bind_before(const BindRoot& step, Scene& scene) {
  const char* path = step.rootfs.c_str();
  if (::mount(path, path, nullptr, MS_BIND | MS_REC, nullptr) < 0) check(errno, step);
  if (step.in_host_view && ::mount(nullptr, path, nullptr, MS_PRIVATE | MS_REC, nullptr) < 0) check(errno, step);
  scene.root = sys::openat(working_directory, step.rootfs, O_PATH | O_DIRECTORY);
}

/// Mount points of every procfs and sysfs of the host that is whole, innermost last.
std::vector<std::string> whole_kernel_trees(std::string_view mountinfo, const std::string& rootfs) {
  std::vector<std::string> points;
  while (!mountinfo.empty()) {
    const auto line = cut_mount_line(mountinfo);
    const std::string point = unescape_mountinfo(line.point);
    const bool ours = point == rootfs || point.starts_with(rootfs + "/");
    if (line.root == "/" && !ours && (line.type == "proc" || line.type == "sysfs")) points.push_back(point);
  }
  return points;
}

/// After MS_MOVE the old tree is still mounted, only covered. A whole procfs or sysfs in it would permit a user
/// namespace to mount another without our masks (mount_too_revealing() of the kernel).
void remove_kernel_trees(const std::string& rootfs) {
  auto points =
      whole_kernel_trees(read_file(working_directory, "/proc/self/mountinfo", std::size_t{64} << 20U), rootfs);
  std::reverse(points.begin(), points.end());
  for (const auto& point : points) {
    if (::umount2(point.c_str(), MNT_DETACH) == 0 || errno == ENOENT || errno == ENOTDIR) continue;
    // In a user namespace it is locked where it is: covered it is as little use.
    if (::mount("tmpfs", point.c_str(), "tmpfs", MS_RDONLY, "nr_blocks=1,nr_inodes=1") < 0)
      throw Error::system("unmount or cover the host's " + point);
  }
}

void enter(FdRef root) {
  if (::fchdir(root.get()) < 0) throw Error::system("change to the root file system");
}

void become_root(std::string_view attempt) {
  if (::chroot(".") < 0) throw Error::system(attempt);
  if (::chdir("/") < 0) throw Error::system("change to / of the container");
}

/// Whether unmounting "/" would not reach other mount namespaces: it does where what "/" is mounted on is shared. The
/// kernel tells who would put "/" in its own place, EINVAL before it says EBUSY (pivot_root(2), "EINVAL The parent
/// mount of the current root is shared").
bool may_unmount_root() {
  return ::syscall(SYS_pivot_root, "/", "/") < 0 && errno == EBUSY;
}

/// Whether a filter does not want the call to be made: without a namespace the kernel says EINVAL.
bool is_setns_denied(const Pidfd& process) {
  return ::setns(process.get(), 0) < 0 && errno != EINVAL;
}

/// Leads to what is on top in the process's mount namespace (setns(2): also in the one that it is in).
void go_to_top(const Pidfd& self) {
  if (::setns(self.get(), CLONE_NEWNS) < 0) throw Error::system("setns to the root of the mount namespace");
}

/// Puts the detached root in the place of all that the namespace has mounted. pivot_root(2) would do the same, but
/// looks at every process of the machine for those that are in the old root (chroot_fs_refs() of the kernel), for
/// longer than everything else here takes together where there are a thousand. False when that is not possible, because
/// a filter forbids it or the host's root is the first mount of the namespace; nothing has changed then.
bool replace_host(Scene& scene) {
  const Pidfd self(static_cast<int>(::syscall(SYS_pidfd_open, ::getpid(), 0)));
  if (!self || is_setns_denied(self) || !may_unmount_root() || ::umount2("/", MNT_DETACH) < 0) return false;
  // The last one is the first mount of all, which the kernel never unmounts; others are what a chroot(2) of the runtime
  // has hidden. They may be shared with the host, and what is attached to a shared mount shows there.
  do {
    go_to_top(self);
    if (::mount(nullptr, "/", nullptr, MS_PRIVATE | MS_REC, nullptr) < 0)
      throw Error::system("make the mounts below the host's root private");
    if (!may_unmount_root()) throw Error("what is below the host's root is mounted on a shared mount", EINVAL);
  } while (::umount2("/", MNT_DETACH) == 0);
  if (errno != EINVAL) throw Error::system("unmount what was below the host's root (MNT_DETACH)");
  if (::move_mount(scene.root.get(), "", AT_FDCWD, "/", MOVE_MOUNT_F_EMPTY_PATH) < 0)
    throw Error::system("move the root file system to /");
  scene.detached_root = nullptr;
  go_to_top(self);
  return true;
}

}  // namespace

void attach_root(Scene& scene) {
  const auto* step = std::exchange(scene.detached_root, nullptr);
  if (!step) return;
  // Where it is attached does not matter, only that it is: its descriptor is the root from here on.
  if (::move_mount(scene.root.get(), "", AT_FDCWD, step->rootfs.c_str(),
                   MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_SYMLINKS) < 0)
    check(errno, *step);
}

void perform(const SetPropagation& step, Scene& /*scene*/) {
  if (::mount(nullptr, "/", nullptr, step.flags, nullptr) < 0) check(errno, step);
}

void perform(const BindRoot& step, Scene& scene) {
  if (!step.mounts) {
    scene.root = sys::openat(working_directory, step.rootfs, O_PATH | O_DIRECTORY);
    return;
  }
  if (step.detaches_parent) detach_from_host(step.rootfs);
  with_mount_api(
      scene, [&] { bind_now(step, scene); }, [&] { bind_before(step, scene); });
}

void perform(const PivotRoot& step, Scene& scene) {
  if (scene.detached_root && replace_host(scene)) return;
  attach_root(scene);
  const Fd host = step.host_is_shared ? sys::openat(working_directory, "/", O_PATH | O_DIRECTORY) : Fd();
  enter(scene.root);
  // The old root ends up on top of the new one, at the same place, and needs no directory (pivot_root(2),
  // "pivot_root(".", ".")").
  if (::syscall(SYS_pivot_root, ".", ".") < 0) check(errno, step);
  if (host) {
    if (::fchdir(host.get()) < 0) throw Error::system("change to the host's root");
    if (::mount(nullptr, ".", nullptr, MS_SLAVE | MS_REC, nullptr) < 0)
      throw Error::system("make the host's mounts rslave");
  }
  if (::umount2(".", MNT_DETACH) < 0) throw Error::system("unmount the host's root (MNT_DETACH)");
  if (host) enter(scene.root);
}

void perform(const MoveRoot& step, Scene& scene) {
  enter(scene.root);
  remove_kernel_trees(sys::readlinkat(working_directory, "/proc/self/cwd"));
  if (::mount(".", "/", nullptr, MS_MOVE, nullptr) < 0) check(errno, step);
  become_root(describe_mount_step(step));
}

void perform(const ChangeRoot& step, Scene& scene) {
  enter(scene.root);
  become_root(describe_mount_step(step));
}

void perform(const SetRootPropagation& step, Scene& /*scene*/) {
  if (::mount(nullptr, "/", nullptr, step.flags, nullptr) < 0) check(errno, step);
}

void perform(const RemountRootReadonly& step, Scene& scene) {
  with_mount_api(
      scene, [&] { check(change_attributes(scene.root, {.set = MOUNT_ATTR_RDONLY}, true), step); },
      [&] { check(legacy::change("/", {.set = MOUNT_ATTR_RDONLY}, scene), step); });
}

}  // namespace oci::init

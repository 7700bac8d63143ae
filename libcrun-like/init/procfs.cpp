// SPDX-License-Identifier: Apache-2.0
#include <linux/openat2.h>
#include <sys/mount.h>

#include "init/mount_calls.hpp"
#include "init/mounts.hpp"
#include "init/scene.hpp"

namespace oci::init {
namespace {

/// Without fsopen(2) the container's own has to do: its root, whatever hangs below it.
Fd attached_proc(Scene& scene) {
  Fd proc = scene.root ? open_in_root(scene.root, "/proc", O_PATH | O_DIRECTORY, Links::refuse)
                       : sys::openat(working_directory, "/proc", O_PATH | O_DIRECTORY | O_NOFOLLOW);
  if (!sys::is_proc_root(proc)) throw Error("/proc is no procfs", ENODEV);
  return proc;
}

sys::TriedFd try_open(Scene& scene, const std::string& path, int flags) {
  return sys::try_openat2(scene.proc, path.c_str(), flags, RESOLVE_BENEATH | RESOLVE_NO_XDEV | RESOLVE_NO_MAGICLINKS);
}

}  // namespace

FdRef proc_of(Scene& scene) {
  if (scene.proc) return scene.proc;
  with_mount_api(
      scene,
      [&] {
        const MountFilesystem proc{.type = "proc",
                                   .source = "proc",
                                   .target = "nowhere",
                                   .attributes = {.set = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC}};
        scene.proc = Fd(make_filesystem(proc, {}).release());
      },
      [&] { scene.proc = attached_proc(scene); });
  return scene.proc;
}

Fd open_proc(Scene& scene, const std::string& path, int flags) {
  proc_of(scene);
  auto tried = try_open(scene, path, flags);
  if (tried.code == EXDEV && !scene.legacy_mounts) {
    // Something is mounted on the way, such as a read-only path. A copy of the mount alone has nothing mounted in it.
    auto bare = clone_tree(scene.proc, "", AT_EMPTY_PATH, {}, scene);
    if (bare.code != 0) throw Error::system("open_tree /proc (OPEN_TREE_CLONE)", bare.code);
    scene.proc = Fd(bare.mount.release());
    tried = try_open(scene, path, flags);
  }
  if (tried.code != 0)
    throw Error::system("open /proc/" + path + " (" + sys::open_flags_in_words(flags) + ")", tried.code);
  return std::move(tried.fd);
}

}  // namespace oci::init

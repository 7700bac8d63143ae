// SPDX-License-Identifier: Apache-2.0
// Mounts of a container that runs: what only there has to be done. Its processes may move, cover and unmount things at
// any time, so a mount is taken away by a descriptor of it, and never by its path.
#include <sys/prctl.h>
#include <sys/stat.h>

#include <csignal>

#include "init/mount_calls.hpp"
#include "init/mounts_legacy.hpp"
#include "init/perform_mounts.hpp"

namespace oci::init {
namespace {

bool is_mount_point(FdRef file) {
  struct statx found {};
  // Nothing that a file system's server would have to be asked for: it may be dead, or another user's (FUSE).
  if (::statx(file.get(), "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, 0, &found) < 0)
    throw Error::system("statx of a mount point");
  if ((found.stx_attributes_mask & STATX_ATTR_MOUNT_ROOT) == 0)
    throw Error("the kernel does not tell mount points (Linux 5.8 or later is needed)", ENOSYS);
  return (found.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0;
}

}  // namespace

void perform(const PrepareMountChanges& /*step*/, Scene& scene) {
  ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);  // before anything is entered, as in init/namespaces.cpp
  // A terminal's signals come to this process, too, and half of the mounts would stay. The runtime ends it by SIGKILL.
  sigset_t all;
  ::sigfillset(&all);
  ::sigprocmask(SIG_SETMASK, &all, nullptr);
  legacy::keep_host_proc(scene);
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
  if (!is_mount_point(mount)) throw Error(attempt + ": it is not a mount point", EINVAL);
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

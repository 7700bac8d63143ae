// SPDX-License-Identifier: Apache-2.0
#include "container/sources.hpp"

#include <sched.h>
#include <sys/mount.h>

#include "base/syscalls.hpp"

namespace oci {
namespace {

/// Takes this process back to the mount namespace and directory that it left.
class WayBack {
 public:
  WayBack()
      : home_(sys::openat(working_directory, "/proc/self/ns/mnt", O_RDONLY)),
        root_(sys::openat(working_directory, "/", O_PATH | O_DIRECTORY)),
        directory_(sys::openat(working_directory, ".", O_PATH | O_DIRECTORY)) {}
  WayBack(const WayBack&) = delete;
  WayBack& operator=(const WayBack&) = delete;
  ~WayBack() {
    // Failing here would leave the runtime in the container's namespace: there is no way on from that.
    // setns(2) also takes the root of a runtime that lives in a chroot.
    if (::setns(home_.get(), CLONE_NEWNS) < 0 || ::fchdir(root_.get()) < 0 || ::chroot(".") < 0 ||
        ::fchdir(directory_.get()) < 0)
      ::_exit(1);
  }

 private:
  Fd home_;
  Fd root_;
  Fd directory_;
};

}  // namespace

MountFd open_source_for(const Pidfd& child, const BindMount& bind) {
  const WayBack way_back;
  if (::setns(child.get(), CLONE_NEWNS) < 0) throw Error::system("setns to the container's mount namespace");
  const unsigned flags =
      (bind.recursive ? unsigned{AT_RECURSIVE} : 0) | (bind.source_nofollow ? unsigned{AT_SYMLINK_NOFOLLOW} : 0);
  MountFd mount(::open_tree(working_directory.get(), bind.source.c_str(), OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | flags));
  if (mount) return mount;
  const int code = errno;
  // mount_namespaces(7): mounts from a more privileged namespace are locked together, or one could see what they cover.
  const bool locked = code == EINVAL && !bind.recursive;
  throw Error::system(
      "bind source " + bind.source + (locked ? ": the host has mounts below it, so a user namespace needs rbind" : ""),
      code);
}

}  // namespace oci

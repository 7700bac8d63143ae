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
        directory_(sys::openat(working_directory, ".", O_PATH | O_DIRECTORY)) {}
  WayBack(WayBack&&) = delete;
  ~WayBack() {
    // Failing here would leave the runtime in the container's namespace: there is no way on from that.
    if (::setns(home_.get(), CLONE_NEWNS) < 0 || ::fchdir(directory_.get()) < 0) ::_exit(1);
  }

 private:
  Fd home_;
  Fd directory_;
};

}  // namespace

MountFd open_source_for(const Pidfd& child, const BindMount& bind) {
  const WayBack way_back;
  if (::setns(child.get(), CLONE_NEWNS) < 0) throw Error::system("setns to the container's mount namespace");
  return sys::open_tree(working_directory, bind.source, OPEN_TREE_CLONE | (bind.recursive ? static_cast<unsigned>(AT_RECURSIVE) : 0U));
}

}  // namespace oci

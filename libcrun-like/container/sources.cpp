// SPDX-License-Identifier: Apache-2.0
#include "container/sources.hpp"

#include <linux/capability.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <array>

#include "base/channel.hpp"
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
  WayBack(WayBack&&) = delete;
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

void keep_only_mounting() {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> sets{};
  sets[0].effective = sets[0].permitted = 1U << CAP_SYS_ADMIN;
  if (::syscall(SYS_capset, &header, sets.data()) < 0) throw Error::system("capset");
}

MountFd new_procfs() {
  const auto context = sys::fsopen("proc");
  if (::fsconfig(context.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) < 0)
    throw Error::system("fsconfig create proc");
  MountFd mount(::fsmount(context.get(), FSMOUNT_CLOEXEC, 0));
  if (!mount) throw Error::system("fsmount proc");
  return mount;
}

/// In a child: enters the namespace, and has a child of its own make the mount, because setns(2) moves only children
/// there.
[[noreturn]] void make_procfs(FdRef pid_namespace, FdRef channel) noexcept {
  try {
    keep_only_mounting();
    if (::setns(pid_namespace.get(), CLONE_NEWPID) < 0) throw Error::system("setns to the pid namespace");
    const pid_t inside = ::fork();
    if (inside < 0) throw Error::system("fork");
    if (inside == 0)
      send(channel, {Word::go, 0, 0, {}, {}}, new_procfs());
    else
      ::waitpid(inside, nullptr, 0);
  } catch (const Error& error) {
    send(channel, {Word::failure, 0, error.code(), error.what(), {}});
  }
  ::_exit(0);
}

}  // namespace

MountFd open_procfs_for(FdRef pid_namespace) {
  auto [ours, theirs] = make_channel();
  const pid_t child = ::fork();
  if (child < 0) throw Error::system("fork");
  if (child == 0) make_procfs(pid_namespace, theirs);
  theirs.reset();
  auto answer = receive(ours);
  ::waitpid(child, nullptr, 0);
  if (!answer) throw Error("mount proc: the process that makes it has died");
  if (answer->word == Word::failure) throw Error("mount proc: " + answer->text, answer->code);
  return MountFd(answer->fd.release());
}

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

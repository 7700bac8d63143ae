// SPDX-License-Identifier: Apache-2.0
// Entering namespaces, and the sibling that is born into those which only a new process can enter.
#include <poll.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include <csignal>
#include <utility>
#include <vector>

#include "base/files.hpp"
#include "base/syscalls.hpp"
#include "init/perform_process.hpp"

namespace oci::init {
namespace {

/// From everybody's view but the host root's (CVE-2016-9962). ptrace(2), "Ptrace access mode checking": of an
/// undumpable process only who has CAP_SYS_PTRACE in the user namespace in which its program was executed, the
/// runtime's, may look at memory, descriptors and files in /proc.
///
/// Root's runtime is undumpable from its beginning (container/entry.cpp), and so is this process. An ordinary user's
/// cannot be: the files in /proc of an undumpable process belong to the host's root (proc(5)), so that neither the
/// runtime nor newuidmap(1) could write uid_map, setgroups and gid_map, nor this process open its own timens_offsets.
/// It becomes so here instead, before anybody could reach it:
/// - With a user namespace of its own, once the maps are written, in BecomeRoot. Until then it is alone in there, and
///   others of its user's containers see it only if they share the host's pid namespace, where they see all of their
///   user's processes: they have his id, and no runtime could take that away.
/// - Before it joins a user namespace in which others live: these have CAP_SYS_PTRACE over whoever enters it, and see
///   him, too, where the container has the host's pids.
/// - The pid namespace of others is entered last of all (Fork).
/// Each time anew: with the sysctl fs.suid_dumpable=1 a change of ids, or the entry into somebody else's user
/// namespace, makes a process dumpable again (commit_creds() in the kernel's kernel/cred.c).
void hide() {
  ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}

[[noreturn]] void fail_to_join(const OpenNamespace& entry, int code) {
  throw Error::system("setns " + entry.path, code);
}

/// PR_SET_PDEATHSIG is silent about a parent that died before it was set, and who the parent is cannot be asked from
/// within another pid namespace.
bool has_hung_up(FdRef channel) {
  pollfd end{channel.get(), 0, 0};
  return ::poll(&end, 1, 0) > 0 && (end.revents & POLLHUP) != 0;
}

}  // namespace

void perform(const JoinNamespaces& join, Scene& scene) {
  // The user namespace may take away what entering the others needs, or give it (setns(2): CAP_SYS_ADMIN in the owner
  // of each). So: all that work before it, then the user namespace, then the rest.
  std::vector<const OpenNamespace*> later;
  const OpenNamespace* user = nullptr;
  for (const auto& entry : join.namespaces) {
    if (entry.type == CLONE_NEWUSER)
      user = &entry;
    else if (::setns(entry.fd.get(), entry.type) < 0) {
      if (errno != EPERM) fail_to_join(entry, errno);
      later.push_back(&entry);
    }
  }
  // Opened while it is its own: the rights that the kernel asks for are those of who opened it.
  if (user && join.sets_time_offsets)
    scene.time_offsets = sys::openat(working_directory, "/proc/self/timens_offsets", O_WRONLY);
  if (user) hide();
  if (user && ::setns(user->fd.get(), CLONE_NEWUSER) < 0) fail_to_join(*user, errno);
  for (const auto* entry : later)
    if (::setns(entry->fd.get(), entry->type) < 0) fail_to_join(*entry, errno);
}

void perform(const JoinProcess& join, Scene& scene) {
  hide();
  if (::setns(join.process.get(), join.types) < 0) throw Error::system("setns to the container's first process");
  scene.root = sys::openat(working_directory, "/", O_PATH | O_DIRECTORY);
}

void perform(const EnterRoot& enter, Scene& scene) {
  if (::fchdir(enter.root.get()) < 0 || ::chroot(".") < 0) throw Error::system("chroot to the container's root");
  scene.root = sys::openat(working_directory, "/", O_PATH | O_DIRECTORY);
}

void perform(const Unshare& unshare, Scene& /*scene*/) {
  if (::unshare(unshare.types) < 0) throw Error::system("unshare namespaces");
}

void perform(const SetTimeOffsets& offsets, Scene& scene) {
  static constexpr auto name = "/proc/self/timens_offsets";
  // Still the host's /proc: nothing of the container has been entered.
  auto file = scene.time_offsets ? std::move(scene.time_offsets) : sys::openat(working_directory, name, O_WRONLY);
  write_all(file, offsets.text, name);
}

void perform(const BecomeRoot& root, Scene& /*scene*/) {
  // setgroups(2) is forbidden where an unprivileged user wrote the maps; the groups then stay, as user_namespaces(7)
  // wants it.
  if (!root.keeps_groups && ::syscall(SYS_setgroups, 0, nullptr) < 0 && errno != EPERM)
    throw Error::system("drop the supplementary groups");
  if (::syscall(SYS_setresgid, 0, 0, 0) < 0) throw Error::system("setresgid 0 in the user namespace");
  if (::syscall(SYS_setresuid, 0, 0, 0) < 0) throw Error::system("setresuid 0 in the user namespace");
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // a change of ids has ended it
  hide();
}

void perform(const Fork& /*fork*/, Scene& scene) {
  // A filter may be in force that plan/behind_fork.cpp has tried with every call made from here on: they are listed
  // there.
  // clone(2), not clone3(2): filters that cannot look into clone3's memory answer ENOSYS to it. CLONE_PARENT makes the
  // runtime its parent; the kernel stores the pid where the runtime can see it, in the numbers of the pid namespace
  // that this process still lives in.
  static_assert(sizeof(scene.progress->pid) == sizeof(pid_t));
  if (::madvise(scene.progress, sizeof *scene.progress, MADV_DONTFORK) < 0)
    throw Error::system("madvise MADV_DONTFORK");
  const auto pid = ::syscall(SYS_clone, static_cast<unsigned long>(CLONE_PARENT | CLONE_PARENT_SETTID | SIGCHLD),
                             nullptr, &scene.progress->pid, nullptr, nullptr);
  if (pid < 0) throw Error::system("clone the container's process");
  if (pid > 0) ::_exit(0);
  scene.progress = nullptr;
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // the kernel gives a new process none
  if (scene.parent && has_hung_up(scene.parent)) throw Error("the runtime has gone away");
}

}  // namespace oci::init

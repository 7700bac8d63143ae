// SPDX-License-Identifier: Apache-2.0
#include "container/foreign_procfs.hpp"

#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/keyctl.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <array>
#include <bit>
#include <csignal>
#include <cstddef>

#include "base/channel.hpp"
#include "base/environment.hpp"
#include "base/syscalls.hpp"
#include "init/mounts.hpp"
#include "kernel/seccomp_verdict.hpp"

namespace oci {
namespace {

constexpr std::uint32_t allow = SECCOMP_RET_ALLOW;

constexpr sock_filter load(std::size_t offset) {
  return {BPF_LD | BPF_W | BPF_ABS, 0, 0, static_cast<std::uint32_t>(offset)};
}
constexpr sock_filter answer(std::uint32_t action) {
  return {BPF_RET | BPF_K, 0, 0, action};
}
/// Goes on with the next instruction when the accumulator has the value, else skips it.
constexpr sock_filter if_equal(long value) {
  return {BPF_JMP | BPF_JEQ | BPF_K, 0, 1, static_cast<std::uint32_t>(value)};
}

/// The whole life of the helper from here on: one child, which opens a procfs and says so. Also for whoever seizes it.
constexpr std::array last_calls{
    load(offsetof(seccomp_data, arch)),
    sock_filter{BPF_JMP | BPF_JEQ | BPF_K, 1, 0, native_audit_arch},
    answer(SECCOMP_RET_KILL_PROCESS),
    load(offsetof(seccomp_data, nr)),
    if_equal(SYS_fsopen),
    answer(allow),
    if_equal(SYS_sendmsg),
    answer(allow),
    if_equal(SYS_wait4),
    answer(allow),
    if_equal(SYS_exit_group),
    answer(allow),
    sock_filter{BPF_JMP | BPF_JEQ | BPF_K, 1, 0, SYS_clone},
    answer(SECCOMP_RET_KILL_PROCESS),
    load(offsetof(seccomp_data, args) + (std::endian::native == std::endian::big ? sizeof(std::uint32_t) : 0)),
    if_equal(SIGCHLD),
    answer(allow),
    answer(SECCOMP_RET_KILL_PROCESS),
};

/// Nothing of the engine's: no descriptors or keys.
FdRef keep_only(FdRef channel, FdRef pid_namespace) {
  static constexpr std::array<int, 2> places{0, 1};
  const auto kept = sys::duplicate(channel);
  const auto space = sys::duplicate(pid_namespace);
  if (::dup2(kept.get(), places[0]) < 0 || ::dup2(space.get(), places[1]) < 0) throw Error::system("dup2");
  sys::close_from(places[1] + 1);
  if (::syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, nullptr) < 0 && errno != ENOSYS && errno != EPERM)
    throw Error::system("join a session keyring");
  if (::setns(places[1], CLONE_NEWPID) < 0) throw Error::system("setns to the pid namespace");
  ::close(places[1]);
  return FdRef(places[0]);
}

/// An id that owns nothing. CAP_SYS_ADMIN stays up to the new user namespace: some kernels give the one of a process
/// without it no capabilities (apparmor_restrict_unprivileged_userns).
void become_nobody() {
  static constexpr unsigned nobody = 65534;
  if (::syscall(SYS_setgroups, 0, nullptr) < 0 && errno != EPERM) throw Error::system("drop the supplementary groups");
  if (::prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0) throw Error::system("prctl PR_SET_KEEPCAPS");
  // EINVAL: a rootless runtime's user namespace may not have the id; its own is no privileged one.
  if (::syscall(SYS_setresgid, nobody, nobody, nobody) < 0 && errno != EINVAL) throw Error::system("setresgid 65534");
  if (::syscall(SYS_setresuid, nobody, nobody, nobody) < 0 && errno != EINVAL) throw Error::system("setresuid 65534");
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> sets{};
  sets[0].effective = sets[0].permitted = 1U << CAP_SYS_ADMIN;
  if (::syscall(SYS_capset, &header, sets.data()) < 0) throw Error::system("capset");
}

void leave_namespaces() {
  // Each of the host's could be entered through /proc/PID/ns.
  if (::unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP) == 0)
    return;
  throw Error::system(
      "before Linux 6.17 this takes a user namespace, which this host does not permit: raise "
      "/proc/sys/user/max_user_namespaces, use Linux 6.17, or give the container a pid namespace of its own",
      errno);
}

/// /proc/PID/root is followed with the rights of whoever asks.
void leave_file_system() {
  const auto context = sys::fsopen("tmpfs");
  if (::fsconfig(context.get(), FSCONFIG_SET_FLAG, "ro", nullptr, 0) < 0 ||
      ::fsconfig(context.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) < 0)
    throw Error::system("make an empty file system");
  const MountFd empty(::fsmount(context.get(), FSMOUNT_CLOEXEC, 0));
  if (!empty) throw Error::system("mount an empty file system");
  if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) < 0) throw Error::system("make the mounts private");
  sys::move_mount(empty, sys::openat(working_directory, "/", O_PATH | O_DIRECTORY), "to /");
  if (::fchdir(empty.get()) < 0 || ::syscall(SYS_pivot_root, ".", ".") < 0 || ::umount2(".", MNT_DETACH) < 0)
    throw Error::system("enter an empty file system");
}

void allow_last_calls() {
  const sock_fprog program{last_calls.size(), const_cast<sock_filter*>(last_calls.data())};
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) < 0)
    throw Error::system("load a seccomp filter");
}

/// setns(2) and unshare(2) move only children into a pid namespace. No memory is allocated under the filter.
void open_inside(FdRef channel) noexcept {
  const Message opened{Word::go, 0, 0, {}, {}};
  const auto inside = ::syscall(SYS_clone, static_cast<unsigned long>(SIGCHLD), nullptr, nullptr, nullptr, nullptr);
  if (inside != 0) {
    if (inside < 0) send(channel, {Word::failure, 0, errno, {}, {}});
    ::wait4(static_cast<pid_t>(inside), nullptr, 0, nullptr);
    return;
  }
  const int context = ::fsopen("proc", FSOPEN_CLOEXEC);
  if (context < 0)
    send(channel, {Word::failure, 0, errno, {}, {}});
  else
    send(channel, opened, FdRef(context));
}

[[noreturn]] void help(FdRef pid_namespace, FdRef theirs) noexcept {
  FdRef channel = theirs;
  try {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    channel = keep_only(theirs, pid_namespace);
    become_nobody();
    leave_namespaces();
    leave_file_system();
    allow_last_calls();
    open_inside(channel);
  } catch (const Error& error) {
    send(channel, {Word::failure, 0, error.code(), error.what(), {}});
  }
  ::_exit(0);
}

/// A child that does all this. Seized, it could be kept from ever ending.
class Helper {
 public:
  /// clone3(2) with CLONE_INTO_CGROUP, or without where there is none to go to.
  Helper(const std::string& cgroup, FdRef pid_namespace) {
    auto [ours, theirs] = make_channel();
    const Fd directory = cgroup.empty() ? Fd() : sys::openat(working_directory, cgroup, O_PATH | O_DIRECTORY);
    int pidfd = -1;
    clone_args args{};
    args.flags = CLONE_PIDFD | (directory ? CLONE_INTO_CGROUP : 0);
    args.cgroup = directory ? static_cast<std::uint64_t>(directory.get()) : 0;
    args.pidfd = reinterpret_cast<std::uint64_t>(&pidfd);
    args.exit_signal = SIGCHLD;
    withhold_environment();
    const auto pid = ::syscall(SYS_clone3, &args, sizeof args);
    if (pid < 0) throw Error::system("clone3");
    if (pid == 0) help(pid_namespace, theirs);
    process_ = Pidfd(pidfd);
    channel_ = std::move(ours);
  }
  Helper(const Helper&) = delete;
  Helper& operator=(const Helper&) = delete;
  ~Helper() {
    channel_.reset();
    // Not right away: its child would be left to the container's first process, which may not reap it.
    if (!sys::has_ended(process_, longest_wait_ms)) sys::pidfd_send_signal(process_, SIGKILL);
    sys::wait_status(process_);
  }

  Fd context() const {
    pollfd ready{channel_.get(), POLLIN, 0};
    if (::poll(&ready, 1, longest_wait_ms) == 0) throw Error("the process that opens it was stopped in there", EBUSY);
    auto said = receive(channel_);
    if (!said) throw Error("the process that opens it has died");
    if (said->word == Word::go) return std::move(said->fd);
    throw said->text.empty() ? Error::system("fsopen proc in it", said->code) : Error(said->text, said->code);
  }

 private:
  static constexpr int longest_wait_ms = 10'000;
  Pidfd process_;
  Fd channel_;
};

/// Only procfs knows "hidepid". Whoever has seized the helper may have sent another file system's context, which would
/// be made with the runtime's privileges.
void check_is_proc(FdRef context) {
  if (::fsconfig(context.get(), FSCONFIG_SET_STRING, "hidepid", "0", 0) < 0)
    throw Error::system("what came from the pid namespace is no procfs");
}

}  // namespace

MountFd open_foreign_procfs(const MountFilesystem& step, const std::string& cgroup) {
  return in_context([&] { return "procfs of another pid namespace"; },
                    [&] {
                      const Helper helper(cgroup, step.pid_namespace);
                      const auto context = helper.context();
                      check_is_proc(context);
                      init::create_filesystem(step, context, step.parameters);
                      auto mount = init::mount_filesystem(step, context);
                      if (!sys::is_proc_root(mount)) throw Error("what was made in the pid namespace is no procfs");
                      return mount;
                    });
}

}  // namespace oci

// SPDX-License-Identifier: Apache-2.0
#include "base/syscalls.hpp"

#include <linux/magic.h>
#include <linux/openat2.h>
#include <poll.h>
#include <sched.h>
#include <sys/mount.h>
extern "C" {
#include <sys/pidfd.h>  // glibc 2.36 forgot to say so itself
}
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <sys/wait.h>

#include <array>

namespace oci::sys {
namespace {

std::string in_words(std::string_view verb, std::string_view path) {
  return std::string(verb).append(" ").append(path);
}

void close_range(unsigned first, unsigned flags) {
  if (::syscall(SYS_close_range, first, ~0U, flags) < 0)
    throw Error::system("close_range from descriptor " + std::to_string(first));
}

}  // namespace

std::string open_flags_in_words(int flags) {
  struct Name {
    int bits;
    const char* name;
  };
  static constexpr std::array names{
      Name{O_CREAT, "O_CREAT"},   Name{O_EXCL, "O_EXCL"},         Name{O_TRUNC, "O_TRUNC"},
      Name{O_APPEND, "O_APPEND"}, Name{O_NONBLOCK, "O_NONBLOCK"}, Name{O_DIRECTORY, "O_DIRECTORY"},
      Name{O_PATH, "O_PATH"},     Name{O_NOFOLLOW, "O_NOFOLLOW"}, Name{O_NOCTTY, "O_NOCTTY"}};
  const int access = flags & O_ACCMODE;
  std::string words = access == O_RDONLY ? "O_RDONLY" : access == O_WRONLY ? "O_WRONLY" : "O_RDWR";
  for (const auto& [bits, name] : names)
    if ((flags & bits) == bits) words.append("|").append(name);
  return words;
}

TriedFd try_openat(FdRef dir, const std::string& path, int flags, mode_t mode) noexcept {
  const int fd = ::openat(dir.get(), path.c_str(), flags | O_CLOEXEC, mode);
  return {Fd(fd), fd < 0 ? errno : 0};
}

Fd openat(FdRef dir, const std::string& path, int flags, mode_t mode) {
  auto [fd, code] = try_openat(dir, path, flags, mode);
  if (code != 0) throw Error::system(in_words("open", path) + " (" + open_flags_in_words(flags) + ")", code);
  return std::move(fd);
}

TriedFd try_openat2(FdRef dir, const char* path, int flags, std::uint64_t resolve, mode_t mode) noexcept {
  open_how how{};
  how.flags = static_cast<std::uint64_t>(flags | O_CLOEXEC);
  how.mode = mode;
  how.resolve = resolve;
  for (;;) {
    const long fd = ::syscall(SYS_openat2, dir.get(), path, &how, sizeof how);
    if (fd >= 0) return {Fd(static_cast<int>(fd)), 0};
    if (errno != EAGAIN && errno != EINTR) return {Fd(), errno};
    if (errno == EAGAIN)
      ::sched_yield();  // openat2(2): a rename or mount raced with the lookup; it cannot be told where ".." led
  }
}

struct stat fstat(FdRef file) {
  struct stat result {};
  if (::fstat(file.get(), &result) < 0) throw Error::system("stat descriptor " + std::to_string(file.get()));
  return result;
}

std::optional<struct stat> try_fstatat(FdRef dir, const std::string& path, int flags) {
  struct stat result {};
  if (::fstatat(dir.get(), path.c_str(), &result, flags) == 0) return result;
  if (errno == ENOENT || errno == ENOTDIR) return std::nullopt;
  throw Error::system(in_words("stat", path));
}

unsigned long filesystem_magic(FdRef file) {
  struct statfs result {};
  if (::fstatfs(file.get(), &result) < 0) throw Error::system("statfs descriptor " + std::to_string(file.get()));
  return static_cast<unsigned long>(result.f_type);
}

bool is_same_file(const struct stat& one, const struct stat& other) noexcept {
  return one.st_dev == other.st_dev && one.st_ino == other.st_ino;
}

bool is_proc_root(FdRef directory) {
  static constexpr ino_t root_inode = 1;
  return filesystem_magic(directory) == PROC_SUPER_MAGIC && fstat(directory).st_ino == root_inode;
}

bool is_null_device(const struct stat& status) noexcept {
  return S_ISCHR(status.st_mode) && status.st_rdev == makedev(1, 3);
}

void mkdirat(FdRef dir, const std::string& path, mode_t mode) {
  if (::mkdirat(dir.get(), path.c_str(), mode) < 0) throw Error::system(in_words("mkdir", path));
}

void unlinkat(FdRef dir, const std::string& path, int flags) {
  if (::unlinkat(dir.get(), path.c_str(), flags) < 0)
    throw Error::system(in_words((flags & AT_REMOVEDIR) != 0 ? "rmdir" : "unlink", path));
}

void fchownat(FdRef dir, const std::string& path, uid_t uid, gid_t gid, int flags) {
  if (::fchownat(dir.get(), path.c_str(), uid, gid, flags) < 0)
    throw Error::system("chown " + (path.empty() ? "descriptor " + std::to_string(dir.get()) : path) + " to " +
                        std::to_string(uid) + ":" + std::to_string(gid));
}

std::string readlinkat(FdRef dir, const std::string& path) {
  std::string target(4096, '\0');
  const auto size = ::readlinkat(dir.get(), path.c_str(), target.data(), target.size());
  if (size < 0) throw Error::system(in_words("readlink", path));
  target.resize(static_cast<std::size_t>(size));
  return target;
}

Fd duplicate(FdRef file, int lowest) {
  const int fd = ::fcntl(file.get(), F_DUPFD_CLOEXEC, lowest);
  if (fd < 0) throw Error::system("duplicate descriptor " + std::to_string(file.get()));
  return Fd(fd);
}

void cloexec_from(unsigned first) {
  static constexpr unsigned close_range_cloexec = 1U << 2U;
  close_range(first, close_range_cloexec);
}

void close_from(unsigned first) {
  close_range(first, 0);
}

Fd fsopen(const std::string& type) {
  const int fd = ::fsopen(type.c_str(), FSOPEN_CLOEXEC);
  if (fd < 0) throw Error::system("fsopen " + type);
  return Fd(fd);
}

MountFd open_tree(FdRef dir, const std::string& path, unsigned flags) {
  const int fd = ::open_tree(dir.get(), path.c_str(), flags | OPEN_TREE_CLOEXEC);
  if (fd < 0)
    throw Error::system("open_tree " + path +
                        ((flags & AT_RECURSIVE) != 0 ? " (OPEN_TREE_CLONE|AT_RECURSIVE)" : " (OPEN_TREE_CLONE)"));
  return MountFd(fd);
}

void move_mount(const MountFd& mount, FdRef target, std::string_view what) {
  if (::move_mount(mount.get(), "", target.get(), "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0)
    throw Error::system(in_words("move_mount", what));
}

Pidfd pidfd_open(pid_t pid) {
  const int fd = ::pidfd_open(pid, 0);
  if (fd < 0) throw Error::system("pidfd_open " + std::to_string(pid));
  return Pidfd(fd);
}

std::optional<Pidfd> try_pidfd_open(pid_t pid) {
  const int fd = ::pidfd_open(pid, 0);
  if (fd >= 0) return Pidfd(fd);
  if (errno == ESRCH || errno == EINVAL) return std::nullopt;  // EINVAL: a thread's id, or no valid pid at all
  throw Error::system("pidfd_open " + std::to_string(pid));
}

bool pidfd_send_signal(const Pidfd& process, int signal) {
  if (::pidfd_send_signal(process.get(), signal, nullptr, 0) == 0) return true;
  if (errno == ESRCH) return false;
  throw Error::system("send signal " + std::to_string(signal));
}

bool has_ended(const Pidfd& process, int timeout_ms) {
  pollfd poll{process.get(), POLLIN, 0};
  int ready = 0;
  do {
    ready = ::poll(&poll, 1, timeout_ms);
  } while (ready < 0 && errno == EINTR);
  if (ready < 0) throw Error::system("poll a pidfd");
  return ready > 0;
}

int wait_status(const Pidfd& child) {
  siginfo_t info{};
  while (::waitid(P_PIDFD, static_cast<id_t>(child.get()), &info, WEXITED) < 0)
    if (errno != EINTR) throw Error::system("wait for the process");
  static constexpr int killed_by_signal = 128;  // sh(1), "Exit Status"
  return info.si_code == CLD_EXITED ? info.si_status : killed_by_signal + info.si_status;
}

}  // namespace oci::sys

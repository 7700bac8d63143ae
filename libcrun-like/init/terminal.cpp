// SPDX-License-Identifier: Apache-2.0
// The container's end of its terminal. Nothing here is opened by a path that an image or a volume could have replaced:
// the devpts is recognised by its file system, the slave comes from the master, /dev/console is mounted by descriptors.
#include <linux/magic.h>
#include <linux/openat2.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/sysmacros.h>

#include <array>

#include "base/syscalls.hpp"
#include "init/perform_terminal.hpp"

namespace oci::init {
namespace {

struct Terminal {
  Fd master, slave;
  std::string name;  ///< "/dev/pts/0"
};

/// A directory of the container. A process that has entered one has its root as its own.
Fd open_directory(const Scene& scene, const std::string& path) {
  const Fd root = scene.root ? Fd() : sys::openat(working_directory, "/", O_PATH | O_DIRECTORY);
  auto [directory, code] = sys::try_openat2(scene.root ? scene.root : root, path.c_str(), O_PATH | O_DIRECTORY,
                                            RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);
  if (code != 0) throw Error::system("open " + path + " in the container (O_PATH|O_DIRECTORY)", code);
  return std::move(directory);
}

/// CVE-2025-52565: a directory in place of devpts may hold a real ptmx, and slaves that are links to elsewhere.
Fd open_master(const Scene& scene, const std::string& devpts) {
  const Fd directory = open_directory(scene, devpts);
  if (sys::filesystem_magic(directory) != DEVPTS_SUPER_MAGIC) throw Error(devpts + " in the container is not a devpts");
  auto [master, code] =
      sys::try_openat2(directory, "ptmx", O_RDWR | O_NOCTTY, RESOLVE_BENEATH | RESOLVE_NO_XDEV | RESOLVE_NO_SYMLINKS);
  if (code != 0) throw Error::system("open " + devpts + "/ptmx in the container (O_RDWR|O_NOCTTY)", code);
  const dev_t ptmx = makedev(5, 2);  // Documentation/admin-guide/devices.txt
  const auto status = sys::fstat(master);
  if (!S_ISCHR(status.st_mode) || status.st_rdev != ptmx)
    throw Error(devpts + "/ptmx in the container is not a terminal multiplexer");
  return std::move(master);
}

Terminal make_terminal(const Scene& scene, const std::string& devpts) {
  Terminal terminal;
  terminal.master = open_master(scene, devpts);
  const int unlocked = 0;
  if (::ioctl(terminal.master.get(), TIOCSPTLCK, &unlocked) != 0)
    throw Error::system("unlock the terminal (TIOCSPTLCK)");
  unsigned number = 0;
  if (::ioctl(terminal.master.get(), TIOCGPTN, &number) != 0) throw Error::system("number the terminal (TIOCGPTN)");
  terminal.name = devpts + "/" + std::to_string(number);
  // ioctl_tty(2): opens the slave without a path, whatever is mounted where.
  terminal.slave = Fd(::ioctl(terminal.master.get(), TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC));
  if (!terminal.slave) throw Error::system("open the terminal's slave (TIOCGPTPEER)");
  if (terminal.slave.get() <= STDERR_FILENO) terminal.slave = sys::duplicate(terminal.slave);
  return terminal;
}

/// Gives `file` to `uid`, its group left alone. Where that is not permitted (the owner is no id of this user namespace)
/// or not possible (a read-only mount, a file system without owners), the container has to do without: it is open
/// already.
void give_to(FdRef file, uid_t uid) {
  static constexpr auto same_group = static_cast<gid_t>(-1);
  if (::fchown(file.get(), uid, same_group) == 0 || errno == EPERM || errno == EROFS || errno == EINVAL) return;
  throw Error::system("chown descriptor " + std::to_string(file.get()) + " to " + std::to_string(uid));
}

/// The caller's /dev/null is the host's node, whose mode and owner the container's root could change through the
/// descriptor. The container's own takes its place, if that is what its name says (CVE-2026-88265).
void replace_null(int stream) {
  const auto open = [](int flags) { return sys::try_openat(working_directory, "/dev/null", flags | O_NOFOLLOW); };
  const auto found = [](const sys::TriedFd& tried) {
    return tried.code == 0 && sys::is_null_device(sys::fstat(tried.fd));
  };
  // For some devices being opened is enough, so it is looked at before; and behind, because it can be exchanged.
  if (!found(open(O_PATH))) return;
  const int flags = ::fcntl(stream, F_GETFL);
  const auto null = open((flags & O_ACCMODE) | O_NONBLOCK | O_NOCTTY);
  if (!found(null)) return;
  if (::dup2(null.fd.get(), stream) < 0)
    throw Error::system("connect a standard stream with the container's /dev/null");
}

/// The file that the terminal is mounted on. An image's link there would have it made, or covered, elsewhere
/// (CVE-2026-88264).
Fd console_target(const Scene& scene) {
  static constexpr mode_t mode_of_terminals = 0620;
  const Fd dev = open_directory(scene, "/dev");
  for (;;) {
    auto [existing, missing] = sys::try_openat(dev, "console", O_PATH | O_NOFOLLOW);
    if (missing == 0) {
      if (S_ISLNK(sys::fstat(existing).st_mode)) throw Error("/dev/console in the container is a symbolic link", ELOOP);
      return std::move(existing);
    }
    if (missing != ENOENT) throw Error::system("open /dev/console in the container (O_PATH|O_NOFOLLOW)", missing);
    auto [made, code] = sys::try_openat(dev, "console", O_RDONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode_of_terminals);
    if (code == 0) return std::move(made);
    if (code != EEXIST) throw Error::system("create /dev/console in the container (O_CREAT|O_EXCL|O_NOFOLLOW)", code);
  }
}

void bind_console(const Scene& scene, const Fd& slave) {
  const Fd target = console_target(scene);
  in_context([] { return "bind the terminal"; },
             [&] {
               sys::move_mount(sys::open_tree(slave, "", OPEN_TREE_CLONE | AT_EMPTY_PATH), target,
                               "to /dev/console in the container");
             });
}

}  // namespace

void perform(const OpenTerminal& open, Scene& scene) {
  const auto terminal = make_terminal(scene, open.devpts);
  if (open.rows != 0 && open.columns != 0) {
    const winsize size{open.rows, open.columns, 0, 0};
    if (::ioctl(terminal.slave.get(), TIOCSWINSZ, &size) != 0)
      throw Error::system("set the terminal's size (TIOCSWINSZ)");
  }
  // devpts gave it the group of its gid= option, which is tty's: chown(2) must not take it away.
  if (sys::fstat(terminal.slave).st_uid != open.owner) give_to(terminal.slave, open.owner);
  if (open.bind_console) bind_console(scene, terminal.slave);
  if (!send(scene.parent, {Word::terminal, scene.step, 0, terminal.name, {}}, terminal.master))
    throw Error::system("send the terminal's master to the runtime");
  for (int stream = STDIN_FILENO; stream <= STDERR_FILENO; ++stream)
    if (::dup2(terminal.slave.get(), stream) < 0) throw Error::system("connect the standard streams with the terminal");
  scene.has_terminal = true;
}

void perform(const OwnStandardStreams& own, Scene& /*scene*/) {
  for (int stream = STDIN_FILENO; stream <= STDERR_FILENO; ++stream) {
    struct stat status {};
    if (::fstat(stream, &status) != 0) continue;  // closed by the caller
    // Never a device: /dev/null and the caller's terminal are the host's (CVE-2026-88265), and by the descriptor, never
    // by a name that the container could have given to something else.
    const auto mode = status.st_mode;
    if (sys::is_null_device(status)) replace_null(stream);
    if (!S_ISFIFO(mode) && !S_ISREG(mode) && !S_ISSOCK(mode)) continue;
    if (status.st_uid != own.uid) give_to(FdRef(stream), own.uid);
  }
}

void perform(const NewSession& /*session*/, Scene& scene) {
  if (::setsid() < 0) throw Error::system("setsid");
  // EIO when whoever received the master has closed it already.
  if (scene.has_terminal && ::ioctl(STDIN_FILENO, TIOCSCTTY, 0) != 0)
    throw Error::system("make the terminal the controlling one (TIOCSCTTY)");
}

}  // namespace oci::init

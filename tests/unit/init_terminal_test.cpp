// SPDX-License-Identifier: Apache-2.0
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <termios.h>

#include <array>
#include <string>

#include "base/files.hpp"
#include "base/syscalls.hpp"
#include "init/perform_network.hpp"
#include "init/perform_terminal.hpp"
#include "support/catch.hpp"

using namespace oci;

namespace {

/// A container's root on a tmpfs of its own, in a child that may fail, in a mount namespace that nobody else sees.
struct ChangedRoot {
  std::string path = "/tmp";

  ChangedRoot() {
    if (::unshare(CLONE_NEWNS) != 0) throw Error::system("unshare");
    mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE);
    mount("tmpfs", path, "tmpfs", 0, "mode=755");
    sys::mkdirat(working_directory, path + "/dev", 0755);
    sys::mkdirat(working_directory, path + "/dev/pts", 0755);
  }
  static void mount(const char* source, const std::string& target, const char* type, unsigned long flags,
                    const char* options = nullptr) {
    if (::mount(source, target.c_str(), type, flags, options) != 0) throw Error::system("mount " + target);
  }
  void mount_devpts(const std::string& where = "/dev/pts") const {
    mount("devpts", path + where, "devpts", MS_NOSUID | MS_NOEXEC, "newinstance,ptmxmode=0666,mode=0620,gid=5");
  }
};

struct Result {
  std::string text;  ///< what the child returned, or "error: …"
  std::optional<Message> message;
};

/// Runs `body` as the container's process would run its steps. It gets a scene, and returns a text.
template <class Body>
Result in_child(const Body& body) {
  if (::geteuid() != 0) test::skip("needs root");
  auto [ours, theirs] = make_channel();
  std::array<int, 2> ends{};
  REQUIRE(::pipe2(ends.data(), O_CLOEXEC) == 0);
  const pid_t child = ::fork();
  if (child == 0) {
    ours.reset();
    std::string text;
    try {
      init::Scene scene;
      scene.parent = std::move(theirs);
      text = body(scene);
    } catch (const std::exception& error) {
      text = std::string("error: ") + error.what();
    }
    ::_exit(::write(ends[1], text.data(), text.size()) < 0 ? 1 : 0);
  }
  theirs.reset();
  ::close(ends[1]);
  Result result;
  result.text = read_all(Fd(ends[0]), "pipe", 1 << 20U);
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(status == 0);
  result.message = receive(ours);
  return result;
}

std::string describe(const std::string& path) {
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0) return path + " missing";
  return (S_ISCHR(status.st_mode)   ? "char "
          : S_ISREG(status.st_mode) ? "file "
          : S_ISLNK(status.st_mode) ? "link "
                                    : "other ") +
         std::to_string(major(status.st_rdev)) + ":" + std::to_string(minor(status.st_rdev)) + " " +
         std::to_string(status.st_uid) + ":" + std::to_string(status.st_gid);
}

void open_root(init::Scene& scene, const ChangedRoot& root) {
  scene.root = sys::openat(working_directory, root.path, O_PATH | O_DIRECTORY);
}

}  // namespace

TEST_CASE("the terminal is the container's, and its master the runtime's") {
  auto [text, message] = in_child([](init::Scene& scene) {
    const ChangedRoot root;
    root.mount_devpts();
    open_root(scene, root);
    perform(OpenTerminal{.rows = 30, .columns = 90, .owner = 1000, .bind_console = true}, scene);
    init::perform(NewSession{}, scene);
    winsize size{};
    ::ioctl(0, TIOCGWINSZ, &size);
    std::string seen = describe(root.path + "/dev/console") + ", " + describe(root.path + "/dev/pts/0") + ", " +
                       std::to_string(size.ws_row) + "x" + std::to_string(size.ws_col);
    for (int fd = 0; fd < 3; ++fd) seen += ", " + std::to_string(sys::fstat(FdRef(fd)).st_rdev == makedev(136, 0));
    for (int fd = 0; fd < 3; ++fd) seen += (::fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0 ? " closed" : " kept";
    seen += ::tcgetsid(0) == ::getpid() && ::tcgetpgrp(0) == ::getpid() ? ", controlling" : ", not controlling";
    const Fd controlling = sys::openat(working_directory, "/dev/tty", O_RDWR);
    write_all(controlling, "hello", "tty");
    return seen + (scene.has_terminal ? "" : ", none");
  });
  CHECK(text == "char 136:0 1000:5, char 136:0 1000:5, 30x90, 1, 1, 1 kept kept kept, controlling");
  REQUIRE(message);
  CHECK(message->word == Word::terminal);
  CHECK(message->text == "/dev/pts/0");
  REQUIRE(message->fd);
  CHECK(sys::fstat(message->fd).st_rdev == makedev(5, 2));
  std::array<char, 8> seen{};
  CHECK(::read(message->fd.get(), seen.data(), seen.size()) == 5);
}

TEST_CASE("a size with a nought in it is no size, and exec binds no console") {
  const auto [text, message] = in_child([](init::Scene& scene) {
    const ChangedRoot root;
    root.mount_devpts();
    open_root(scene, root);
    perform(OpenTerminal{.rows = 30, .columns = 0}, scene);
    winsize size{};
    ::ioctl(0, TIOCGWINSZ, &size);
    return describe(root.path + "/dev/console") + ", " + std::to_string(size.ws_row);
  });
  CHECK(text == "/tmp/dev/console missing, 0");
}

TEST_CASE("a process that has entered a container finds its devpts from its own root") {
  const auto [text, message] = in_child([](init::Scene& scene) {
    const ChangedRoot root;
    root.mount_devpts();
    if (::chroot(root.path.c_str()) != 0) throw Error::system("chroot");
    perform(OpenTerminal{.owner = 0}, scene);
    return describe("/dev/pts/0");
  });
  CHECK(text == "char 136:0 0:5");
}

TEST_CASE("what is not a devpts is not used, whatever it holds") {
  const auto attempt = [](auto&& prepare) {
    return in_child([&](init::Scene& scene) {
             const ChangedRoot root;
             prepare(root);
             open_root(scene, root);
             perform(OpenTerminal{.owner = 0, .bind_console = true}, scene);
             return std::string("done");
           })
        .text;
  };
  CHECK(attempt([](const ChangedRoot&) {}) == "error: /dev/pts in the container is not a devpts");
  CHECK(attempt([](const ChangedRoot& root) {
          ::mknod((root.path + "/dev/pts/ptmx").c_str(), S_IFCHR | 0666, makedev(5, 2));
          ::symlink("/etc/passwd", (root.path + "/dev/pts/0").c_str());
        }) == "error: /dev/pts in the container is not a devpts");
  // Another file mounted over the multiplexer of a true devpts.
  CHECK(attempt([](const ChangedRoot& root) {
          root.mount_devpts();
          write_all(sys::openat(working_directory, root.path + "/node", O_WRONLY | O_CREAT, 0666), "x", "node");
          ChangedRoot::mount((root.path + "/node").c_str(), root.path + "/dev/pts/ptmx", nullptr, MS_BIND);
        }) == "error: open /dev/pts/ptmx in the container (O_RDWR|O_NOCTTY): Invalid cross-device link");
  CHECK(attempt([](const ChangedRoot& root) { ::rmdir((root.path + "/dev/pts").c_str()); }) ==
        "error: open /dev/pts in the container (O_PATH|O_DIRECTORY): No such file or directory");
}

TEST_CASE("links of the image lead no further than its root") {
  const auto [text, message] = in_child([](init::Scene& scene) {
    const ChangedRoot root;
    sys::mkdirat(working_directory, root.path + "/elsewhere", 0755);
    root.mount_devpts("/elsewhere");
    ::rmdir((root.path + "/dev/pts").c_str());
    ::symlink("/../../elsewhere", (root.path + "/dev/pts").c_str());
    open_root(scene, root);
    perform(OpenTerminal{.owner = 0}, scene);
    return describe(root.path + "/elsewhere/0");
  });
  CHECK(text == "char 136:0 0:5");
}

TEST_CASE("a console that is a link is refused, and nothing is made where it leads") {
  const auto attempt = [](const char* target) {
    return in_child([&](init::Scene& scene) {
             const ChangedRoot root;
             root.mount_devpts();
             ::symlink(target, (root.path + "/dev/console").c_str());
             open_root(scene, root);
             std::string result = "done";
             try {
               perform(OpenTerminal{.owner = 0, .bind_console = true}, scene);
             } catch (const Error& error) {
               result = error.what();
             }
             return result + ", " + describe(root.path + "/made") + ", " + describe(root.path + "/dev/pts/1");
           })
        .text;
  };
  const std::string refused =
      "/dev/console in the container is a symbolic link, /tmp/made missing, /tmp/dev/pts/1 missing";
  CHECK(attempt("/tmp/made") == refused);
  CHECK(attempt("../made") == refused);
  CHECK(attempt("pts/0") == refused);
}

TEST_CASE("a console that is there already is covered, not changed") {
  const auto [text, message] = in_child([](init::Scene& scene) {
    const ChangedRoot root;
    root.mount_devpts();
    ::mknod((root.path + "/dev/console").c_str(), S_IFCHR | 0600, makedev(5, 1));
    open_root(scene, root);
    perform(OpenTerminal{.owner = 0, .bind_console = true}, scene);
    auto seen = describe(root.path + "/dev/console");
    ::umount2((root.path + "/dev/console").c_str(), MNT_DETACH);
    return seen + ", " + describe(root.path + "/dev/console");
  });
  CHECK(text == "char 136:0 0:5, char 5:1 0:0");
}

TEST_CASE("a read-only root without a console says so") {
  const auto [text, message] = in_child([](init::Scene& scene) {
    const ChangedRoot root;
    root.mount_devpts();
    ChangedRoot::mount(nullptr, root.path, nullptr, MS_REMOUNT | MS_BIND | MS_RDONLY);
    open_root(scene, root);
    perform(OpenTerminal{.owner = 0, .bind_console = true}, scene);
    return std::string("done");
  });
  CHECK(text == "error: create /dev/console in the container (O_CREAT|O_EXCL|O_NOFOLLOW): Read-only file system");
}

TEST_CASE("a runtime that has gone is noticed") {
  const auto [text, message] = in_child([](init::Scene& scene) {
    const ChangedRoot root;
    root.mount_devpts();
    open_root(scene, root);
    scene.parent = make_channel().first;
    perform(OpenTerminal{.owner = 0}, scene);
    return std::string("done");
  });
  CHECK(text == "error: send the terminal's master to the runtime: Broken pipe");
}

TEST_CASE("a session without a terminal has no controlling one") {
  const auto [text, message] = in_child([](init::Scene& scene) {
    init::perform(NewSession{}, scene);
    return std::string(::getsid(0) == ::getpid() ? "leader" : "follower") +
           (sys::try_openat(working_directory, "/dev/tty", O_RDWR).code == ENXIO ? ", none" : ", some");
  });
  CHECK(text == "leader, none");
}

TEST_CASE("pipes, files and sockets on the standard streams become the user's, their groups stay") {
  const auto [text, message] = in_child([](init::Scene& scene) {
    std::array<int, 2> pipe{}, sockets{};
    if (::pipe(pipe.data()) != 0 || ::socketpair(AF_UNIX, SOCK_STREAM, 0, sockets.data()) != 0)
      throw Error::system("pipe");
    const Fd file(::open("/tmp", O_TMPFILE | O_RDWR, 0600));
    if (::fchown(file.get(), 0, 7) != 0) throw Error::system("chown");
    ::dup2(pipe[0], 0);
    ::dup2(sockets[0], 1);
    ::dup2(file.get(), 2);
    init::perform(OwnStandardStreams{1234}, scene);
    std::string owners;
    for (int fd = 0; fd < 3; ++fd) {
      const auto status = sys::fstat(FdRef(fd));
      owners += std::to_string(status.st_uid) + ":" + std::to_string(status.st_gid) + " ";
    }
    return owners;
  });
  CHECK(text == "1234:0 1234:0 1234:7 ");
}

TEST_CASE("no device on a standard stream changes hands") {
  const auto [text, message] = in_child([](init::Scene& scene) {
    const ChangedRoot root;
    const auto null = root.path + "/null";  // not the machine's own: the test could fail
    ::mknod(null.c_str(), S_IFCHR | 0666, makedev(1, 3));
    root.mount_devpts();
    open_root(scene, root);
    ::dup2(::open(null.c_str(), O_RDWR), 0);
    const Fd multiplexer = sys::openat(working_directory, root.path + "/dev/pts/ptmx", O_RDWR | O_NOCTTY);
    const int unlocked = 0;
    ::ioctl(multiplexer.get(), TIOCSPTLCK, &unlocked);
    ::dup2(::open((root.path + "/dev/pts/0").c_str(), O_RDWR | O_NOCTTY), 1);
    ::close(2);
    init::perform(OwnStandardStreams{1234}, scene);
    return describe(null) + ", " + describe(root.path + "/dev/pts/0");
  });
  CHECK(text == "char 1:3 0:0, char 136:0 0:5");
}

TEST_CASE("streams that may not change hands are no error") {
  const auto [text, message] = in_child([](init::Scene& scene) {
    const ChangedRoot root;
    sys::openat(working_directory, root.path + "/file", O_WRONLY | O_CREAT, 0600).reset();
    ChangedRoot::mount(nullptr, root.path, nullptr, MS_REMOUNT | MS_RDONLY | MS_BIND);
    ::dup2(sys::openat(working_directory, root.path + "/file", O_RDONLY).get(), 0);  // EROFS
    std::array<int, 2> pipe{};
    if (::pipe(pipe.data()) != 0) throw Error::system("pipe");
    ::dup2(pipe[1], 1);
    ::dup2(pipe[1], 2);
    if (::unshare(CLONE_NEWUSER) != 0) throw Error::system("unshare");
    init::perform(OwnStandardStreams{0}, scene);  // EINVAL: no id is mapped
    return std::string("done");
  });
  CHECK(text == "done");
}

TEST_CASE("the loopback of a new network namespace goes up, and may be raised twice") {
  const auto [text, message] = in_child([](init::Scene& scene) {
    if (::unshare(CLONE_NEWNET) != 0) throw Error::system("unshare");
    const Fd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    const auto flags = [&] {
      ifreq request{};
      std::string("lo").copy(request.ifr_name, IFNAMSIZ - 1);
      ::ioctl(socket.get(), SIOCGIFFLAGS, &request);
      return std::string((request.ifr_flags & IFF_UP) != 0 ? "up" : "down") +
             ((request.ifr_flags & IFF_LOOPBACK) != 0 ? " loop" : "");
    };
    std::string seen = flags();
    perform(RaiseLoopback{}, scene);
    seen += ", " + flags();
    perform(RaiseLoopback{}, scene);
    return seen + ", " + flags();
  });
  CHECK(text == "down loop, up loop, up loop");
}

TEST_CASE("who may not configure the network learns what was attempted") {
  const auto [text, message] = in_child([](init::Scene& scene) {
    if (::unshare(CLONE_NEWNET) != 0 || ::setresuid(65534, 65534, 65534) != 0) throw Error::system("unshare");
    perform(RaiseLoopback{}, scene);
    return std::string("done");
  });
  CHECK(text == "error: set lo up (SIOCSIFFLAGS): Operation not permitted");
}

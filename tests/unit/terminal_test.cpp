// SPDX-License-Identifier: Apache-2.0
#include "kernel/terminal.hpp"

#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <array>
#include <cstring>
#include <functional>
#include <vector>

#include "base/files.hpp"
#include "base/syscalls.hpp"
#include "pty.hpp"
#include "support/catch.hpp"

using namespace oci;
using test::Pty;

namespace {

termios settings_of(FdRef terminal) {
  termios settings{};
  REQUIRE(::tcgetattr(terminal.get(), &settings) == 0);
  return settings;
}

/// A listening socket in a new directory, `depth` long names below /tmp.
struct Listener {
  std::vector<std::string> directories;
  std::string path;
  Fd socket;

  explicit Listener(std::size_t depth) {
    std::array<char, 32> name{"/tmp/terminal_test_XXXXXX"};
    REQUIRE(::mkdtemp(name.data()));
    directories.emplace_back(name.data());
    for (std::size_t i = 0; i < depth; ++i) {
      directories.push_back(directories.back() + "/" + std::string(60, 'd'));
      REQUIRE(::mkdir(directories.back().c_str(), 0700) == 0);
    }
    path = directories.back() + "/socket";
    socket = Fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const Fd directory = sys::openat(working_directory, directories.back(), O_PATH);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    ("/proc/self/fd/" + std::to_string(directory.get()) + "/socket")
        .copy(address.sun_path, sizeof address.sun_path - 1);
    REQUIRE(::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
    REQUIRE(::listen(socket.get(), 1) == 0);
  }
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;
  ~Listener() {
    ::unlink(path.c_str());
    for (auto it = directories.rbegin(); it != directories.rend(); ++it) ::rmdir(it->c_str());
  }

  /// As conmon and containerd receive: one recvmsg with room for one descriptor.
  std::pair<std::string, Fd> accept_one() const {
    const Fd connection(::accept4(socket.get(), nullptr, nullptr, SOCK_CLOEXEC));
    REQUIRE(connection);
    std::array<char, 4096> text{};
    iovec part{text.data(), text.size()};
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> room{};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = room.data();
    message.msg_controllen = room.size();
    const auto got = ::recvmsg(connection.get(), &message, MSG_CMSG_CLOEXEC);
    REQUIRE(got > 0);
    CHECK((message.msg_flags & (MSG_CTRUNC | MSG_TRUNC)) == 0);
    const auto* rights = CMSG_FIRSTHDR(&message);
    REQUIRE(rights);
    CHECK(rights->cmsg_len == CMSG_LEN(sizeof(int)));
    int fd = -1;
    std::memcpy(&fd, CMSG_DATA(rights), sizeof fd);
    char more{};
    CHECK(::read(connection.get(), &more, 1) == 0);  // closed, and nothing behind it
    return {std::string(text.data(), static_cast<std::size_t>(got)), Fd(fd)};
  }
};

std::string failure(const std::function<void()>& body) {
  try {
    body();
  } catch (const Error& error) {
    return error.what();
  }
  return "none";
}

/// Runs `body` in a child without a controlling terminal, its standard streams as given; what it returns is the status.
template <class Body>
int in_session(int in, int out, int err, const Body& body) {
  const pid_t child = ::fork();
  if (child == 0) {
    ::setsid();
    ::dup2(in, 0);
    ::dup2(out, 1);
    ::dup2(err, 2);
    int status = 99;
    try {
      status = body();
    } catch (...) {
    }
    ::_exit(status);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WEXITSTATUS(status);
}

}  // namespace

TEST_CASE("a terminal's master arrives in one message with its name") {
  const auto depth = GENERATE(std::size_t{0}, std::size_t{3});
  const Listener listener(depth);
  if (depth != 0) REQUIRE(listener.path.size() > 107);
  const Pty pty;
  send_descriptor(listener.path, pty.master, "/dev/pts/0");
  const auto [text, received] = listener.accept_one();
  CHECK(text == "/dev/pts/0");
  CHECK(sys::fstat(received).st_rdev == sys::fstat(pty.master).st_rdev);
  REQUIRE(::write(pty.slave.get(), "hello", 5) == 5);
  std::array<char, 16> seen{};
  CHECK(::read(received.get(), seen.data(), seen.size()) == 5);
}

TEST_CASE("a message with a descriptor has between 1 and 4095 bytes") {
  const Listener listener(0);
  const Pty pty;
  CHECK(failure([&] { send_descriptor(listener.path, pty.master, ""); }) ==
        listener.path + ": send a descriptor: 0 bytes with it, not 1 to 4095");
  CHECK(failure([&] { send_descriptor(listener.path, pty.master, std::string(4096, 'x')); }) != "none");
  const Listener other(0);
  send_descriptor(other.path, pty.master, std::string(4095, 'x'));
  CHECK(other.accept_one().first.size() == 4095);
}

TEST_CASE("a socket that nobody listens on is an error that names it") {
  CHECK(failure([] { connect_socket("/nonexistent/socket"); }) ==
        "connect to /nonexistent/socket: No such file or directory");
  CHECK(failure([] { connect_socket("/nonexistent/" + std::string(120, 'x')); }) ==
        "open /nonexistent/" + std::string(120, 'x') + " (O_RDONLY|O_PATH): No such file or directory");
  const Listener listener(0);
  const_cast<Listener&>(listener).socket.reset();
  CHECK(failure([&] { connect_socket(listener.path); }) == "connect to " + listener.path + ": Connection refused");
}

TEST_CASE("a path of exactly the longest length that fits is connected to") {
  for (const std::size_t length : {std::size_t{106}, std::size_t{107}, std::size_t{108}}) {
    const Listener listener(0);
    const auto longer = listener.directories[0] + "/" + std::string(length - listener.directories[0].size() - 1, 's');
    REQUIRE(::rename(listener.path.c_str(), longer.c_str()) == 0);
    CHECK(longer.size() == length);
    CHECK(connect_socket(longer));
    REQUIRE(::rename(longer.c_str(), listener.path.c_str()) == 0);
  }
}

TEST_CASE("a receiver that has gone is an error and not the end of the runtime") {
  std::array<int, 2> ends{};
  REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends.data()) == 0);
  const Fd ours(ends[0]);
  ::close(ends[1]);
  CHECK(failure([&] { send_descriptor(ours, ours, "x"); }) == "send a descriptor: Broken pipe");
}

TEST_CASE("newlines are left alone where the runtime copies") {
  const Pty pty;
  CHECK((settings_of(pty.slave).c_oflag & ONLCR) != 0);
  leave_newlines_alone(pty.master);
  const auto after = settings_of(pty.slave);
  CHECK((after.c_oflag & ONLCR) == 0);
  CHECK((after.c_oflag & OPOST) != 0);
  REQUIRE(::write(pty.slave.get(), "a\n", 2) == 2);
  std::array<char, 8> seen{};
  CHECK(::read(pty.master.get(), seen.data(), seen.size()) == 2);
}

TEST_CASE("the window's size is copied, and a missing terminal is no error") {
  const Pty from, to;
  const winsize size{33, 77, 0, 0};
  REQUIRE(::ioctl(from.master.get(), TIOCSWINSZ, &size) == 0);
  CHECK(copy_window_size(from.slave, to.master));
  winsize seen{};
  REQUIRE(::ioctl(to.slave.get(), TIOCGWINSZ, &seen) == 0);
  CHECK(seen.ws_row == 33);
  CHECK(seen.ws_col == 77);
  CHECK_FALSE(copy_window_size(sys::openat(working_directory, "/dev/null", O_RDWR), to.master));
}

TEST_CASE("the caller's terminal is looked for on stderr, stdout, stdin, then as the controlling one") {
  const Pty first, second;
  const Fd null = sys::openat(working_directory, "/dev/null", O_RDWR);
  const auto found = [](const Pty& expected) {
    return [&] { return sys::fstat(HostTerminal::find().fd()).st_rdev == sys::fstat(expected.slave).st_rdev ? 7 : 8; };
  };
  CHECK(in_session(null.get(), first.slave.get(), second.slave.get(), found(second)) == 7);
  CHECK(in_session(second.slave.get(), first.slave.get(), null.get(), found(first)) == 7);
  CHECK(in_session(second.slave.get(), null.get(), null.get(), found(second)) == 7);
  CHECK(in_session(null.get(), null.get(), null.get(), [&] {
          ::ioctl(second.slave.get(), TIOCSCTTY, 0);
          return ::isatty(HostTerminal::find().fd().get()) == 1 ? 7 : 8;
        }) == 7);
  CHECK(in_session(null.get(), null.get(), null.get(), [] {
          return failure([] { HostTerminal::find(); }) == "open /dev/tty: no such device or address" ? 7 : 8;
        }) == 7);
}

TEST_CASE("a raw terminal is restored when its object goes, and once only") {
  const Pty pty;
  const Fd null = sys::openat(working_directory, "/dev/null", O_RDWR);
  const auto before = settings_of(pty.slave);
  const auto same = [](const termios& a, const termios& b) {
    return a.c_iflag == b.c_iflag && a.c_oflag == b.c_oflag && a.c_lflag == b.c_lflag && a.c_cflag == b.c_cflag;
  };
  CHECK(in_session(pty.slave.get(), null.get(), null.get(), [&] {
          auto terminal = HostTerminal::find();
          terminal.make_raw();
          const auto raw = settings_of(pty.slave);
          if ((raw.c_lflag & (ICANON | ECHO | ISIG)) != 0 || (raw.c_oflag & OPOST) != 0) return 1;
          terminal.make_raw();  // does not remember the raw settings as the ones to go back to
          auto moved = std::move(terminal);
          return 7;
        }) == 7);
  CHECK(same(settings_of(pty.slave), before));
}

TEST_CASE("a terminal that another job has is left alone") {
  const Pty pty;
  const Fd null = sys::openat(working_directory, "/dev/null", O_RDWR);
  CHECK(in_session(pty.slave.get(), null.get(), null.get(), [&] {
          ::ioctl(0, TIOCSCTTY, 0);
          const pid_t job = ::fork();
          if (job == 0) {
            ::setpgid(0, 0);
            auto terminal = HostTerminal::find();
            terminal.make_raw();
            ::_exit((settings_of(pty.slave).c_lflag & ICANON) != 0 ? 7 : 8);
          }
          int status = 0;
          ::waitpid(job, &status, 0);
          return WEXITSTATUS(status);
        }) == 7);
}

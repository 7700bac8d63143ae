// SPDX-License-Identifier: Apache-2.0
#include "kernel/terminal.hpp"

#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cstring>

#include "base/datagram.hpp"
#include "base/syscalls.hpp"

namespace oci {
Fd connect_socket(const std::string& path) {
  Fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!socket) throw Error::system("socket");
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  // unix(7): 108 bytes. A longer path is opened first, and connected to by its descriptor.
  Fd opened;
  std::string name = path;
  if (name.size() >= sizeof address.sun_path) {
    opened = sys::openat(working_directory, path, O_PATH);
    name = "/proc/self/fd/" + std::to_string(opened.get());
  }
  name.copy(static_cast<char*>(address.sun_path), sizeof address.sun_path - 1);
  int result = 0;
  do {
    result = ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address);
  } while (result != 0 && errno == EINTR);
  if (result != 0) throw Error::system("connect to " + path);
  return socket;
}

void send_descriptor(FdRef socket, FdRef attached, std::string_view payload, std::size_t longest) {
  if (payload.empty() || payload.size() > longest)
    throw Error(
        "send a descriptor: " + std::to_string(payload.size()) + " bytes with it, not 1 to " + std::to_string(longest),
        EINVAL);
  iovec text{const_cast<char*>(payload.data()), payload.size()};
  const auto sent = send_datagram(socket, {&text, 1}, attached);
  if (sent < 0) throw Error::system("send a descriptor");
  if (static_cast<std::size_t>(sent) != payload.size())
    throw Error("send a descriptor: only part of the message went out");
}

void send_descriptor(const std::string& socket_path, FdRef attached, std::string_view payload) {
  in_context([&] { return socket_path; }, [&] { send_descriptor(connect_socket(socket_path), attached, payload); });
}

void leave_newlines_alone(FdRef terminal) {
  termios settings{};
  if (::tcgetattr(terminal.get(), &settings) != 0) throw Error::system("read the terminal's settings");
  settings.c_oflag &= ~static_cast<tcflag_t>(ONLCR);
  if (::tcsetattr(terminal.get(), TCSANOW, &settings) != 0) throw Error::system("clear the terminal's ONLCR");
}

bool copy_window_size(FdRef from, FdRef to) noexcept {
  winsize size{};
  return ::ioctl(from.get(), TIOCGWINSZ, &size) == 0 && ::ioctl(to.get(), TIOCSWINSZ, &size) == 0;
}

HostTerminal HostTerminal::find() {
  for (const int fd : {STDERR_FILENO, STDOUT_FILENO, STDIN_FILENO})
    if (::isatty(fd) == 1) return HostTerminal(sys::duplicate(FdRef(fd)));
  auto [terminal, code] = sys::try_openat(working_directory, "/dev/tty", O_RDWR | O_NOCTTY);
  // The text is one that callers know, letter by letter.
  if (code == ENXIO) throw Error("open /dev/tty: no such device or address", code);
  if (code != 0) throw Error::system("open /dev/tty", code);
  return HostTerminal(std::move(terminal));
}

void HostTerminal::make_raw() {
  const pid_t foreground = ::tcgetpgrp(fd_.get());  // fails on a terminal that is not our session's
  if (foreground >= 0 && foreground != ::getpgrp()) return;
  termios settings{};
  if (::tcgetattr(fd_.get(), &settings) != 0) throw Error::system("read the terminal's settings");
  if (!before_) before_ = settings;
  ::cfmakeraw(&settings);
  if (::tcsetattr(fd_.get(), TCSADRAIN, &settings) != 0) throw Error::system("make the terminal raw");
}

void HostTerminal::restore() noexcept {
  if (before_) ::tcsetattr(fd_.get(), TCSADRAIN, &*before_);
  before_.reset();
}

}  // namespace oci

// SPDX-License-Identifier: Apache-2.0
#include "container/notify.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <array>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include "base/log.hpp"
#include "base/syscalls.hpp"
#include "base/text.hpp"
#include "kernel/terminal.hpp"
#include "oci/error.hpp"

namespace oci {
namespace {

constexpr const char* directory_name = "notify";
constexpr const char* socket_name = "notify.sock";
constexpr const char* container_directory = "/run/notify";
constexpr int barrier_patience_ms = 30'000;  // sd_notify_barrier(3) has no end; runc and crun wait as long

const char* manager() noexcept {
  const char* const path = std::getenv("NOTIFY_SOCKET");
  return path && *path != '\0' ? path : nullptr;
}

Fd make_socket() {
  Fd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!socket) throw Error::system("socket");
  return socket;
}

struct Address {
  sockaddr_un name{};
  socklen_t size = 0;
  const sockaddr* get() const noexcept { return reinterpret_cast<const sockaddr*>(&name); }
};

/// sd_notify(3): an absolute path, or "@" and an abstract name (unix(7)).
Address address_of(std::string_view path) {
  Address address;
  address.name.sun_family = AF_UNIX;
  const bool usable = path.size() > 1 && (path[0] == '/' || path[0] == '@');
  if (!usable || path.size() >= sizeof address.name.sun_path)
    throw Error("NOTIFY_SOCKET: \"" + std::string(path) + "\" is no address of a socket", EINVAL);
  path.copy(static_cast<char*>(address.name.sun_path), path.size());
  if (path[0] == '@') address.name.sun_path[0] = '\0';
  address.size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size() + (path[0] == '/' ? 1 : 0));
  return address;
}

/// "READY=1" of the lines of a message; empty when it says something else.
std::string_view ready_line(std::string_view message) {
  while (!message.empty()) {
    const auto line = cut(message, "\n");
    if (line.starts_with("READY=")) return line;
  }
  return {};
}

void say(FdRef socket, std::string_view message) {
  if (::send(socket.get(), message.data(), message.size(), MSG_NOSIGNAL) < 0)
    throw Error::system("send " + std::string(message) + " to NOTIFY_SOCKET");
}

/// Until the manager has taken what was said before: it closes the pipe that comes along (sd_notify_barrier(3)). It
/// looks up who spoke, and this process may end right behind.
void wait_for_barrier(FdRef socket) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) < 0) throw Error::system("pipe");
  const Fd mine(ends[0]);
  Fd theirs(ends[1]);
  send_descriptor(socket, theirs, "BARRIER=1");
  theirs.reset();
  pollfd closed{mine.get(), 0, 0};
  if (::poll(&closed, 1, barrier_patience_ms) == 0)
    log::warning("NOTIFY_SOCKET: the service manager takes no messages");
}

}  // namespace

std::vector<std::string> offer_notify_socket(Spec& spec, const StateDirectory& state) {
  static constexpr mode_t searchable = 0755;
  if (!manager()) return {};
  address_of(manager());
  if (!spec.linux.find(NamespaceType::mount)) {
    log::warning("NOTIFY_SOCKET has no effect: a socket is handed on by a mount, and there is no mount namespace");
    return {};
  }
  if (::mkdirat(state.fd().get(), directory_name, searchable) < 0 ||
      ::fchmodat(state.fd().get(), directory_name, searchable, 0) < 0)  // whatever the umask is
    throw Error::system("mkdir " + state.path(directory_name));
  spec.mounts.push_back({.destination = container_directory,
                         .type = "bind",
                         .source = state.path(directory_name),
                         .options = {"bind", "nosuid", "noexec", "nodev", "ro"},
                         .uid_mappings = {},
                         .gid_mappings = {}});
  return {std::string("NOTIFY_SOCKET=") + container_directory + "/" + socket_name};
}

std::optional<NotifySocket> NotifySocket::bind(const StateDirectory& state) {
  static constexpr mode_t for_everybody = 0777;  // the container's users are others than the runtime's
  if (!manager()) return std::nullopt;
  const auto directory = sys::try_openat(state.fd(), directory_name, O_PATH | O_DIRECTORY | O_NOFOLLOW);
  if (directory.code == ENOENT) return std::nullopt;
  if (directory.code != 0) throw Error::system("open " + state.path(directory_name), directory.code);
  // The path may be longer than a socket's address can be.
  const auto address = address_of("/proc/self/fd/" + std::to_string(directory.fd.get()) + "/" + socket_name);
  auto socket = make_socket();
  if (::bind(socket.get(), address.get(), address.size) < 0 ||
      ::fchmodat(directory.fd.get(), socket_name, for_everybody, 0) < 0)
    throw Error::system("bind " + state.path(directory_name) + "/" + socket_name);
  return NotifySocket(std::move(socket), manager());
}

bool NotifySocket::forward(pid_t main) {
  std::array<char, 4096> message{};
  const auto size = ::recv(socket_.get(), message.data(), message.size(), MSG_DONTWAIT);
  if (size <= 0) return false;
  const auto ready = ready_line({message.data(), static_cast<std::size_t>(size)});
  if (ready.empty()) return false;
  const auto address = address_of(manager_);
  const auto socket = make_socket();
  if (::connect(socket.get(), address.get(), address.size) < 0)
    throw Error::system("connect to NOTIFY_SOCKET " + manager_);
  say(socket, ready);
  say(socket, "MAINPID=" + std::to_string(main));
  wait_for_barrier(socket);
  return true;
}

void NotifySocket::wait(const Pidfd& process, pid_t main) {
  for (;;) {
    std::array<pollfd, 2> ready{{{socket_.get(), POLLIN, 0}, {process.get(), POLLIN, 0}}};
    if (::poll(ready.data(), ready.size(), -1) < 0 && errno != EINTR) throw Error::system("poll");
    if (ready[0].revents != 0 && forward(main)) return;
    if (ready[0].revents == 0 && ready[1].revents != 0) return;
  }
}

}  // namespace oci

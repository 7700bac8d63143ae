// SPDX-License-Identifier: Apache-2.0
// sd_notify(3): what a service manager hears of a container's READY=1.
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstdlib>

#include "base/handle.hpp"
#include "support/bundle.hpp"
#include "support/catch.hpp"

using test::Bundle;
using namespace Catch::Matchers;

namespace {

sockaddr_un address_of(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(static_cast<char*>(address.sun_path), sizeof address.sun_path - 1);
  return address;
}

oci::Fd make_socket() {
  return oci::Fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
}

/// The service manager's end.
class Manager {
 public:
  explicit Manager(const std::string& path) : socket_(make_socket()) {
    const auto address = address_of(path);
    REQUIRE(::bind(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  }

  /// The next message; a descriptor that comes along is closed, as systemd does with that of BARRIER=1.
  std::string hear() const {
    pollfd ready{socket_.get(), POLLIN, 0};
    if (::poll(&ready, 1, 5000) != 1) return "silence";
    std::array<char, 256> text{};
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> room{};
    iovec whole{text.data(), text.size()};
    msghdr message{};
    message.msg_iov = &whole;
    message.msg_iovlen = 1;
    message.msg_control = room.data();
    message.msg_controllen = room.size();
    const auto size = ::recvmsg(socket_.get(), &message, MSG_CMSG_CLOEXEC);
    if (const auto* rights = CMSG_FIRSTHDR(&message)) {
      int fd = -1;
      std::copy_n(CMSG_DATA(rights), sizeof fd, reinterpret_cast<unsigned char*>(&fd));
      ::close(fd);
    }
    return {text.data(), size > 0 ? static_cast<std::size_t>(size) : 0};
  }

  bool is_quiet() const {
    pollfd ready{socket_.get(), POLLIN, 0};
    return ::poll(&ready, 1, 300) == 0;
  }

 private:
  oci::Fd socket_;
};

/// What the container would say to its socket, which is in the state directory as well.
bool say(const Bundle& b, const std::string& message) {
  const auto address = address_of(b.root() + "/" + b.id() + "/notify/notify.sock");
  const auto socket = make_socket();
  for (int attempt = 0; attempt < 200; ++attempt, ::usleep(25'000))
    if (::sendto(socket.get(), message.data(), message.size(), 0, reinterpret_cast<const sockaddr*>(&address),
                 sizeof address) > 0)
      return true;
  return false;
}

}  // namespace

TEST_CASE("with NOTIFY_SOCKET a container gets a socket of its own at /run/notify, and the variable for it") {
  Bundle b;
  b.environment = {"NOTIFY_SOCKET=" + b.path("host.sock"), "PATH=/usr/bin:/bin"};
  const auto r = b.args({"do", "env", "--", "cat", "/proc/self/mountinfo"}).run();
  REQUIRE(r.status == 0);
  CHECK(test::line_with(r.out, "NOTIFY_SOCKET") == "NOTIFY_SOCKET=/run/notify/notify.sock");
  CHECK_THAT(test::line_with(r.out, " /run/notify "), Contains("ro,nosuid,nodev,noexec"));
}

TEST_CASE("start stays until the container is ready, and says so with the container's pid and a barrier") {
  Bundle b;
  const Manager manager(b.path("host.sock"));
  b.environment = {"NOTIFY_SOCKET=" + b.path("host.sock"), "PATH=/usr/bin:/bin"};
  REQUIRE(b.args({"pause"}).create().status == 0);
  auto start = b.begin({"start", "ID"});
  REQUIRE(say(b, "STATUS=not yet"));
  REQUIRE(say(b, "MAINPID=1\nFDSTORE=1"));
  CHECK(manager.is_quiet());
  REQUIRE(say(b, "STATUS=up\nREADY=1\nMAINPID=1"));
  CHECK(manager.hear() == "READY=1");
  CHECK(manager.hear() == "MAINPID=" + std::to_string(b.pid()));
  CHECK(manager.hear() == "BARRIER=1");
  CHECK(start.finish().status == 0);
  CHECK(manager.is_quiet());
}

TEST_CASE("start does not wait for a container that has ended without being ready") {
  Bundle b;
  const Manager manager(b.path("host.sock"));
  b.environment = {"NOTIFY_SOCKET=" + b.path("host.sock"), "PATH=/usr/bin:/bin"};
  REQUIRE(b.args({"exit", "3"}).create().status == 0);
  CHECK(b.start().status == 0);
  CHECK(manager.is_quiet());
}

TEST_CASE("run in the foreground names itself as the main process, because it passes the end on") {
  Bundle b;
  const Manager manager(b.path("host.sock"));
  b.environment = {"NOTIFY_SOCKET=" + b.path("host.sock"), "PATH=/usr/bin:/bin"};
  auto running = b.args({"pause"}).begin_run();
  REQUIRE(say(b, "READY=1"));
  CHECK(manager.hear() == "READY=1");
  CHECK(manager.hear() == "MAINPID=" + std::to_string(running.pid()));
  CHECK(manager.hear() == "BARRIER=1");
  REQUIRE(b.kill("KILL").status == 0);
  CHECK(running.finish().status == 128 + 9);
}

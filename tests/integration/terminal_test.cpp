// SPDX-License-Identifier: Apache-2.0
// process.terminal and process.consoleSize: the console socket of engines, and a terminal of one's own.
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support/bundle.hpp"
#include "support/catch.hpp"

using test::Bundle;
using test::Receiver;
using test::Running;
using namespace Catch::Matchers;

namespace {

/// What the container writes to its terminal, as far as `text`.
std::string read_terminal(const oci::Fd& master, const std::string& text) {
  std::string seen;
  test::read_until(master, seen, text, test::Seconds(10));
  return seen;
}

}  // namespace

TEST_CASE("create sends the terminal's master to the console socket") {
  Bundle b;
  Receiver receiver(b.path("console.sock"));
  b.set("process.terminal", "true").args({"do", "isatty", "--", "pause"});
  b.launch({"--console-socket", b.path("console.sock")});
  const oci::Fd master = receiver.receive();
  REQUIRE(master);
  CHECK(::isatty(master.get()) == 1);
  CHECK(!receiver.payload().empty());
  CHECK_THAT(read_terminal(master, "1 1 1"), Contains("1 1 1"));
}

TEST_CASE("the program's three streams are the container's own terminal, which is also /dev/console") {
  Bundle b;
  Receiver receiver(b.path("console.sock"));
  b.set("process.terminal", "true")
      .args({"do", "fds", "--", "stat", "/dev/console", "/dev/pts/0", "--", "say", "done"});
  b.launch({"--console-socket", b.path("console.sock")});
  const oci::Fd master = receiver.receive();
  REQUIRE(master);
  const std::string seen = read_terminal(master, "done");
  CHECK_THAT(seen, Contains("0 /dev/pts/0") && Contains("1 /dev/pts/0") && Contains("2 /dev/pts/0"));
  CHECK_THAT(seen, Contains("/dev/console char") && Contains("rdev=136:0"));
}

TEST_CASE("the terminal is the program's controlling one: an interrupt reaches it") {
  Bundle b;
  Receiver receiver(b.path("console.sock"));
  b.set("process.terminal", "true").args({"trap", "2"});
  b.launch({"--console-socket", b.path("console.sock")});
  const oci::Fd master = receiver.receive();
  REQUIRE(master);
  std::string seen = read_terminal(master, "ready");
  REQUIRE(::write(master.get(), "\x03", 1) == 1);
  CHECK_THAT(read_terminal(master, "signal 2"), Contains("signal 2"));
}

TEST_CASE("the terminal has the configured size and belongs to the user") {
  Bundle b;
  Receiver receiver(b.path("console.sock"));
  b.set("process.terminal", "true").set("process.consoleSize", R"({"height": 33, "width": 111})");
  b.set("process.user", R"({"uid": 1000, "gid": 1000})")
      .args({"do", "winsize", "--", "stat", "/dev/pts/0", "--", "say", "done"});
  b.launch({"--console-socket", b.path("console.sock")});
  const oci::Fd master = receiver.receive();
  REQUIRE(master);
  const std::string seen = read_terminal(master, "done");
  CHECK_THAT(seen, Contains("33x111"));
  CHECK_THAT(seen, Contains("uid=1000 gid=5"));
}

TEST_CASE("a detached terminal without a console socket is refused") {
  Bundle b;
  const auto r = b.set("process.terminal", "true").args({"exit", "0"}).create();
  CHECK(r.status == 1);
  CHECK_THAT(r.err, Contains("cannot allocate tty if") && Contains("will detach without setting console socket"));
  CHECK(b.leftovers().empty());
}

TEST_CASE("a console socket without a terminal is refused") {
  Bundle b;
  Receiver receiver(b.path("console.sock"));
  const auto r = b.args({"exit", "0"}).create({"--console-socket", b.path("console.sock")});
  CHECK(r.status == 1);
  CHECK_THAT(r.err, Contains("cannot use console socket if") && Contains("will not detach or allocate tty"));
}

TEST_CASE("a console socket that nobody listens on fails create") {
  Bundle b;
  CHECK(b.set("process.terminal", "true").args({"exit", "0"}).create({"--console-socket", b.path("nobody")}).status ==
        1);
  CHECK(b.leftovers().empty());
}

TEST_CASE("run on a terminal connects it with the container's, raw") {
  Bundle b;
  auto running =
      b.set("process.terminal", "true").args({"do", "isatty", "--", "echo"}).begin_run({}, Running::Streams::terminal);
  CHECK_THAT(running.read_until("1 1 1"), Contains("1 1 1"));
  running.write("typed\r");
  CHECK_THAT(running.read_until("typed\r\ntyped"), Contains("typed"));
  running.write("\x04");
  CHECK(running.finish().status == 0);
}

TEST_CASE("run on a terminal gives the container the terminal's size, and follows it") {
  Bundle b;
  b.set("process.terminal", "true").args({"do", "winsize", "--", "waitsize", "44"});
  auto running = b.begin_run({}, Running::Streams::terminal);
  CHECK_THAT(running.read_until("24x80"), Contains("24x80"));
  const winsize size{44, 99, 0, 0};
  REQUIRE(::ioctl(running.terminal().get(), TIOCSWINSZ, &size) == 0);
  CHECK_THAT(running.read_until("44x99"), Contains("44x99"));
  running.finish();
}

TEST_CASE("run on a terminal returns the program's exit status") {
  Bundle b;
  CHECK(
      b.set("process.terminal", "true").args({"exit", "5"}).begin_run({}, Running::Streams::terminal).finish().status ==
      5);
}

TEST_CASE("exec --tty gives the process a terminal of the container") {
  Bundle b;
  b.args({"pause"}).launch();
  auto running = b.begin({"exec", "--tty", "ID", "/inside", "do", "isatty", "--", "session", "--", "exit", "6"},
                         Running::Streams::terminal);
  const auto r = running.finish();
  CHECK(r.status == 6);
  CHECK_THAT(r.out, Contains("1 1 1"));
}

TEST_CASE("exec --tty --detach sends the terminal to a console socket") {
  Bundle b;
  b.args({"pause"}).launch();
  Receiver receiver(b.path("console.sock"));
  const auto r =
      b.exec({"do", "isatty", "--", "pause"}, {"--tty", "--detach", "--console-socket", b.path("console.sock")});
  CHECK(r.status == 0);
  const oci::Fd master = receiver.receive();
  REQUIRE(master);
  CHECK_THAT(read_terminal(master, "1 1 1"), Contains("1 1 1"));
}

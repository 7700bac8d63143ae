// SPDX-License-Identifier: Apache-2.0
#include "container/attend.hpp"

#include <poll.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <array>
#include <ctime>
#include <functional>
#include <string>

#include "base/files.hpp"
#include "base/syscalls.hpp"
#include "pty.hpp"
#include "support/catch.hpp"

using namespace oci;
using test::Pty;

namespace {

std::pair<Fd, Fd> make_pipe() {
  std::array<int, 2> ends{};
  REQUIRE(::pipe2(ends.data(), O_CLOEXEC) == 0);
  return {Fd(ends[0]), Fd(ends[1])};
}

/// What the container's process would be: a shell with default signals, on `terminal` or with the caller's streams.
Pidfd start(const std::string& script, FdRef terminal = FdRef(-1)) {
  const pid_t child = ::fork();
  if (child == 0) {
    sigset_t none;
    ::sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    ::setsid();
    if (terminal.get() >= 0) {
      ::ioctl(terminal.get(), TIOCSCTTY, 0);
      for (int fd = 0; fd < 3; ++fd) ::dup2(terminal.get(), fd);
    }
    ::execl("/bin/sh", "sh", "-c", script.c_str(), nullptr);
    ::_exit(127);
  }
  return sys::pidfd_open(child);
}

/// The runtime: a process of its own, which may be signalled, on the streams given.
struct Runtime {
  pid_t pid;
  template <class Body>
  Runtime(int in, int out, int err, const Body& body) : pid(::fork()) {
    if (pid != 0) return;
    ::setsid();
    if (::isatty(err) == 1) ::ioctl(err, TIOCSCTTY, 0);
    ::dup2(in, 0);
    ::dup2(out, 1);
    ::dup2(err, 2);
    int status = 99;
    try {
      status = body();
    } catch (const Error& error) {
      write_all(FdRef(1), error.what(), "stdout");
    }
    ::_exit(status);
  }
  /// Its exit status; 128+n when signal n killed it.
  int wait() const {
    int status = 0;
    ::waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }
};

/// Attends a shell on a terminal of its own.
int attend_shell(const std::string& script) {
  Attendance attendance;
  Pty inner;
  const auto shell = start(script, inner.slave);
  inner.slave.reset();
  attendance.connect(std::move(inner.master));
  return attendance.attend(shell);
}

/// Reads until `end` has come by or nothing comes for ten seconds.
std::string read_until(FdRef file, const std::string& end) {
  std::string text;
  while (text.find(end) == text.npos) {
    pollfd ready{file.get(), POLLIN, 0};
    if (::poll(&ready, 1, 10'000) <= 0) break;
    std::array<char, 4096> block{};
    const auto got = ::read(file.get(), block.data(), block.size());
    if (got <= 0) break;
    text.append(block.data(), static_cast<std::size_t>(got));
  }
  return text;
}

std::string read_to_end(FdRef file) {
  return read_until(file, "never written by anybody");
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != text.npos;
}

}  // namespace

TEST_CASE("the exit status is handed on, and a signal as 128 and its number") {
  Attendance attendance;
  CHECK(attendance.attend(start("exit 0")) == 0);
  CHECK(attendance.attend(start("exit 7")) == 7);
  CHECK(attendance.attend(start("exit 255")) == 255);
  CHECK(attendance.attend(start("kill -KILL $$")) == 137);
}

TEST_CASE("signals reach the process, also those from before it was attended") {
  const auto signal =
      GENERATE(SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGALRM, SIGCONT, SIGTSTP, SIGRTMIN + 3);
  const auto early = GENERATE(true, false);
  auto [read, write] = make_pipe();
  const Runtime runtime(0, write.get(), 2, [&] {
    Attendance attendance;
    const auto number = std::to_string(signal);
    const auto shell = start("trap 'exit 42' " + number + "; echo trapped; while :; do sleep 0.05; done");
    if (early) {
      ::raise(signal);
      // The shell needs its trap before it is attended.
      ::usleep(600'000);
    }
    return attendance.attend(shell);
  });
  write.reset();
  CHECK(read_until(read, "trapped") == "trapped\n");
  if (!early) ::kill(runtime.pid, signal);
  CHECK(runtime.wait() == 42);
}

TEST_CASE("SIGCHLD, SIGURG and SIGWINCH are not handed on") {
  auto [read, write] = make_pipe();
  const Runtime runtime(0, write.get(), 2, [] {
    Attendance attendance;
    return attendance.attend(
        start("trap 'exit 1' URG WINCH; trap 'exit 42' TERM; echo trapped; while :; do sleep 0.05; done"));
  });
  write.reset();
  read_until(read, "trapped");
  for (const int signal : {SIGURG, SIGWINCH, SIGCHLD}) ::kill(runtime.pid, signal);
  ::usleep(100'000);
  CHECK(::waitpid(runtime.pid, nullptr, WNOHANG) == 0);
  ::kill(runtime.pid, SIGTERM);
  CHECK(runtime.wait() == 42);
}

TEST_CASE("blocked signals are as before when the attendance has ended, and late ones are dropped") {
  sigset_t before, after;
  ::sigprocmask(SIG_SETMASK, nullptr, &before);
  {
    Attendance attendance;
    ::raise(SIGTERM);
  }
  ::sigprocmask(SIG_SETMASK, nullptr, &after);
  CHECK(::sigismember(&before, SIGTERM) == ::sigismember(&after, SIGTERM));
  CHECK(::sigismember(&after, SIGTERM) == 0);
}

TEST_CASE("strays are reaped by whoever says so, and by nobody else") {
  for (const auto orphans : {Orphans::reaped, Orphans::left}) {
    auto [read, write] = make_pipe();
    const Runtime runtime(0, write.get(), 2, [&] {
      Attendance attendance(orphans);
      // The inner shell leaves a process behind that ends before the outer one does.
      const int status = attendance.attend(start("sh -c 'sleep 0.1 & echo $!'; sleep 1.5; exit 5"));
      int reaper = 0;
      ::prctl(PR_GET_CHILD_SUBREAPER, &reaper);
      const bool none_left = ::waitpid(-1, nullptr, WNOHANG) < 0 && errno == ECHILD;
      return status == 5 && none_left && (reaper == 1) == (orphans == Orphans::reaped) ? 7 : 8;
    });
    write.reset();
    const auto stray = read_until(read, "\n");
    ::usleep(250'000);
    if (orphans == Orphans::reaped) CHECK(::access(("/proc/" + stray.substr(0, stray.size() - 1)).c_str(), F_OK) != 0);
    CHECK(runtime.wait() == 7);
  }
}

TEST_CASE("an attendance that reaps strays leaves the attended one's status to itself") {
  for (int i = 0; i < 30; ++i) {
    const Runtime runtime(0, 1, 2, [] {
      Attendance attendance(Orphans::reaped);
      return attendance.attend(start("(sh -c 'exit 1' & sh -c 'exit 2' &); exit 3"));
    });
    REQUIRE(runtime.wait() == 3);
  }
}

TEST_CASE("signals from before the end cost nothing of the terminal's last output") {
  static constexpr std::size_t size = 9'000;  // more than the pipe takes at once, and less than a terminal holds
  const Pty outer;
  const Fd null = sys::openat(working_directory, "/dev/null", O_RDONLY);
  auto [read, write] = make_pipe();
  REQUIRE(::fcntl(write.get(), F_SETPIPE_SZ, 4096) == 4096);
  const Runtime runtime(null.get(), write.get(), outer.slave.get(), [] {
    Attendance attendance;
    Pty inner;
    const auto shell = start("head -c " + std::to_string(size) + " /dev/zero | tr '\\0' x; exit 9", inner.slave);
    inner.slave.reset();
    attendance.connect(std::move(inner.master));
    siginfo_t ended{};
    ::waitid(P_PIDFD, static_cast<id_t>(shell.get()), &ended, WEXITED | WNOWAIT);
    for (const int signal : {SIGTERM, SIGCONT, SIGUSR1, SIGUSR2}) ::raise(signal);
    return attendance.attend(shell);
  });
  write.reset();
  ::usleep(500'000);  // by then the runtime waits for the pipe
  CHECK(read_to_end(read).size() == size);
  CHECK(runtime.wait() == 9);
}

TEST_CASE("a terminal needs one that the caller sits at") {
  const Fd null = sys::openat(working_directory, "/dev/null", O_RDWR);
  auto [read, write] = make_pipe();
  const Runtime runtime(null.get(), write.get(), null.get(), [] { return attend_shell("exit 0"); });
  write.reset();
  CHECK(read_to_end(read) == "open /dev/tty: no such device or address");
  runtime.wait();
}

TEST_CASE("what is typed arrives, what is written comes back, without carriage returns of its own") {
  Pty outer;
  const Runtime runtime(outer.slave.get(), outer.slave.get(), outer.slave.get(),
                        [] { return attend_shell("stty -echo; echo ready; read line; echo \"<$line>\"; exit 9"); });
  CHECK(contains(read_until(outer.master, "ready"), "ready"));
  REQUIRE(::write(outer.master.get(), "typed\n", 6) == 6);
  const auto answer = read_until(outer.master, ">\n");
  CHECK(contains(answer, "<typed>\n"));
  CHECK_FALSE(contains(answer, "\r"));
  CHECK(runtime.wait() == 9);
  termios after{};
  ::tcgetattr(outer.slave.get(), &after);
  CHECK((after.c_lflag & ICANON) != 0);  // no longer raw
}

TEST_CASE("the interrupt character is the container's") {
  Pty outer;
  const Runtime runtime(outer.slave.get(), outer.slave.get(), outer.slave.get(),
                        [] { return attend_shell("trap 'exit 33' INT; echo ready; while :; do sleep 0.05; done"); });
  read_until(outer.master, "ready");
  REQUIRE(::write(outer.master.get(), "\003", 1) == 1);
  CHECK(runtime.wait() == 33);
}

TEST_CASE("nothing of the last output is lost when the process ends") {
  const Fd null = sys::openat(working_directory, "/dev/null", O_RDWR);
  const Pty outer;  // only to be found as the caller's terminal
  for (int i = 0; i < 20; ++i) {
    auto [read, write] = make_pipe();
    const Runtime runtime(null.get(), write.get(), outer.slave.get(),
                          [] { return attend_shell("seq 1 20000; echo -n the end"); });
    write.reset();
    const auto text = read_to_end(read);
    CHECK(runtime.wait() == 0);
    REQUIRE(text.size() == 108894 + 7);
    REQUIRE(text.substr(text.size() - 13) == "20000\nthe end");
  }
}

TEST_CASE("a process that keeps the terminal open is not waited for") {
  const Fd null = sys::openat(working_directory, "/dev/null", O_RDWR);
  const Pty outer;
  auto [read, write] = make_pipe();
  const Runtime runtime(null.get(), write.get(), outer.slave.get(),
                        [] { return attend_shell("trap '' HUP; sleep 5 & echo $!; exit 4"); });
  write.reset();
  const auto sleeper = read_to_end(read);
  CHECK(runtime.wait() == 4);
  CHECK(::kill(std::stoi(sleeper), SIGKILL) == 0);
}

TEST_CASE("more input than the terminal holds waits for its reader") {
  Pty outer;
  auto [input, feeder] = make_pipe();
  auto [read, write] = make_pipe();
  const Runtime runtime(input.get(), write.get(), outer.slave.get(), [] {
    return attend_shell("stty raw -echo; echo ready; sleep 0.3; head -c 300000 | cksum; exit 6");
  });
  write.reset();
  input.reset();
  read_until(read, "ready");
  const pid_t writer = ::fork();
  if (writer == 0) {
    write_all(feeder, std::string(300000, 'y'), "pipe");
    ::_exit(0);
  }
  feeder.reset();
  CHECK(contains(read_to_end(read), " 300000"));
  CHECK(runtime.wait() == 6);
  ::waitpid(writer, nullptr, 0);
}

TEST_CASE("the end of the input ends nothing else") {
  const Fd null = sys::openat(working_directory, "/dev/null", O_RDWR);
  const Pty outer;
  auto [read, write] = make_pipe();
  const Runtime runtime(null.get(), write.get(), outer.slave.get(),
                        [] { return attend_shell("sleep 0.3; echo still here; exit 3"); });
  write.reset();
  CHECK(read_to_end(read) == "still here\n");
  CHECK(runtime.wait() == 3);
}

TEST_CASE("output that nobody reads any more harms neither side") {
  const Fd null = sys::openat(working_directory, "/dev/null", O_RDWR);
  const Pty outer;
  auto [read, write] = make_pipe();
  const Runtime runtime(null.get(), write.get(), outer.slave.get(), [&] {
    read.reset();
    return attend_shell("trap 'exit 1' PIPE; seq 1 100000; exit 8");
  });
  write.reset();
  read.reset();
  CHECK(runtime.wait() == 8);
}

TEST_CASE("a slow reader of the output does not keep signals from the process") {
  const Fd null = sys::openat(working_directory, "/dev/null", O_RDWR);
  const Pty outer;
  auto [read, write] = make_pipe();
  auto [marker, mark] = make_pipe();
  const int marked = mark.get();
  const Runtime runtime(null.get(), write.get(), outer.slave.get(), [&] {
    read.reset();
    Attendance attendance;
    Pty inner;
    ::fcntl(marked, F_SETFD, 0);
    const auto shell = start("exec 9>&" + std::to_string(marked) +
                                 "; trap 'echo got it >&9; exit 44' TERM; echo up >&9; "
                                 "yes & while :; do sleep 0.05; done",
                             inner.slave);
    inner.slave.reset();
    ::fcntl(marked, F_SETFD, FD_CLOEXEC);
    attendance.connect(std::move(inner.master));
    return attendance.attend(shell);
  });
  write.reset();
  mark.reset();
  read_until(marker, "up");
  ::usleep(600'000);  // the pipe is full by now, and nobody reads it
  ::kill(runtime.pid, SIGTERM);
  CHECK(contains(read_until(marker, "got it"), "got it"));
  read.reset();
  CHECK(runtime.wait() == 44);
}

TEST_CASE("a process that has ended is not held up by output that nobody reads, once a signal comes") {
  const Fd null = sys::openat(working_directory, "/dev/null", O_RDWR);
  const Pty outer;
  auto [read, write] = make_pipe();
  const Runtime runtime(null.get(), write.get(), outer.slave.get(),
                        [] { return attend_shell("seq 1 40000 & sleep 0.2; exit 8"); });
  write.reset();
  ::usleep(500'000);
  CHECK(::waitpid(runtime.pid, nullptr, WNOHANG) == 0);  // somebody might read it yet
  ::kill(runtime.pid, SIGTERM);
  CHECK(runtime.wait() == 8);
}

TEST_CASE("the window's size is the caller's, and follows it") {
  Pty outer;
  winsize size{31, 71, 0, 0};
  REQUIRE(::ioctl(outer.master.get(), TIOCSWINSZ, &size) == 0);
  const Runtime runtime(outer.slave.get(), outer.slave.get(), outer.slave.get(), [] {
    return attend_shell(
        "trap 'stty size; exit 5' WINCH; sleep 0.2; stty size; echo ready; while :; do sleep 0.05; done");
  });
  CHECK(contains(read_until(outer.master, "ready"), "31 71\n"));
  size = {40, 100, 0, 0};
  REQUIRE(::ioctl(outer.master.get(), TIOCSWINSZ, &size) == 0);
  CHECK(contains(read_until(outer.master, "40 100"), "40 100"));
  CHECK(runtime.wait() == 5);
}

TEST_CASE("after a stop the terminal becomes raw again") {
  Pty outer;
  const Runtime runtime(outer.slave.get(), outer.slave.get(), outer.slave.get(),
                        [] { return attend_shell("echo ready; read line; exit 5"); });
  read_until(outer.master, "ready");
  const auto is_raw = [&] {
    termios now{};
    ::tcgetattr(outer.slave.get(), &now);
    return (now.c_lflag & ICANON) == 0;
  };
  CHECK(is_raw());
  ::kill(runtime.pid, SIGSTOP);
  termios cooked{};
  ::tcgetattr(outer.slave.get(), &cooked);
  cooked.c_lflag |= ICANON | ECHO;
  ::tcsetattr(outer.slave.get(), TCSANOW, &cooked);
  ::kill(runtime.pid, SIGCONT);
  for (int i = 0; i < 100 && !is_raw(); ++i) ::usleep(10'000);
  CHECK(is_raw());
  REQUIRE(::write(outer.master.get(), "\n", 1) == 1);
  CHECK(runtime.wait() == 5);
}

TEST_CASE("an attended terminal costs no processor time while nothing happens") {
  const Fd null = sys::openat(working_directory, "/dev/null", O_RDWR);
  Pty outer;
  auto [read, write] = make_pipe();
  // Closing the terminal leaves poll(2) with a hang-up that must not be asked for again and again.
  const Runtime runtime(null.get(), write.get(), outer.slave.get(), [] {
    Attendance attendance;
    Pty inner;
    const auto shell = start("exec sleep 0.5 >/dev/null 2>&1 </dev/null", inner.slave);
    inner.slave.reset();
    attendance.connect(std::move(inner.master));
    attendance.attend(shell);
    timespec used{};
    ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    return used.tv_sec == 0 && used.tv_nsec < 100'000'000 ? 7 : 8;
  });
  CHECK(runtime.wait() == 7);
}

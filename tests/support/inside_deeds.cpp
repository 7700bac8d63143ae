// SPDX-License-Identifier: Apache-2.0
// What a container's process does: to its terminal, to itself, to the kernel.
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>

#include "support/inside.hpp"

namespace inside {
namespace {

// Terminals -----------------------------------------------------------------------------------------------------------

int is_terminal(Words /*words*/) {
  std::printf("%d %d %d\n", ::isatty(0), ::isatty(1), ::isatty(2));
  return 0;
}

int window_size(Words /*words*/) {
  winsize size{};
  if (::ioctl(0, TIOCGWINSZ, &size) != 0) return failed("TIOCGWINSZ");
  std::printf("%ux%u\n", size.ws_row, size.ws_col);
  return 0;
}

/// Waits for the size to change.
int wait_for_size(Words words) {
  for (int tries = 0; tries < 1000; ++tries, ::usleep(10'000)) {
    winsize size{};
    if (::ioctl(0, TIOCGWINSZ, &size) == 0 && size.ws_row == number(words[0])) return window_size(words);
  }
  return window_size(words);
}

/// Copies lines until the end of the file.
int echo_input(Words /*words*/) {
  std::array<char, 4096> buffer{};
  for (ssize_t got = 0; (got = ::read(0, buffer.data(), buffer.size())) > 0;) {
    std::fwrite(buffer.data(), 1, static_cast<std::size_t>(got), stdout);
    std::fflush(stdout);
  }
  return 0;
}

// What it does --------------------------------------------------------------------------------------------------------

int say(Words words) {
  for (; *words != nullptr; ++words) std::printf("%s%s", *words, words[1] != nullptr ? " " : "\n");
  return 0;
}
int complain(Words words) {
  std::fprintf(stderr, "%s\n", words[0]);
  return 0;
}

int sleep_for(Words words) {
  ::sleep(static_cast<unsigned>(number(words[0])));
  return 0;
}

/// As long as somebody lets it live. A first process has no default action for signals, so this one dies of SIGTERM.
int pause_for_ever(Words /*words*/) {
  std::signal(SIGTERM, [](int) { ::_exit(128 + SIGTERM); });
  while (true) ::pause();
}

int exit_with(Words words) {
  std::fflush(stdout);
  ::_exit(static_cast<int>(number(words[0])));
}

/// Dies of a signal: from a child, because the first process of a pid namespace cannot kill itself.
int signal_self(Words words) {
  std::fflush(stdout);
  ::raise(static_cast<int>(number(words[0])));
  return 0;
}

volatile std::sig_atomic_t arrived = 0;  // NOLINT(cppcoreguidelines-avoid-non-const-global-variables): of a handler

int trap(Words words) {
  for (Words word = words; *word != nullptr; ++word)
    std::signal(static_cast<int>(number(*word)), [](int s) { arrived = s; });
  std::puts("ready");
  std::fflush(stdout);
  while (arrived == 0) ::usleep(1000);
  std::printf("signal %d\n", static_cast<int>(arrived));
  return 0;
}

/// A child that stays, in a session of its own, then goes on.
int fork_sleepers(Words words) {
  std::fflush(stdout);
  for (long i = 0; i < number(words[0]); ++i) {
    const pid_t pid = ::fork();
    if (pid < 0) return failed("fork");
    if (pid == 0) {
      ::setsid();
      while (true) ::pause();
    }
  }
  return 0;
}

int call(Words words) {
  errno = 0;
  const long argument = words[1] != nullptr ? number(words[1]) : 0;
  const long result = ::syscall(number(words[0]), argument, 0, 0, 0, 0, 0);
  std::printf("%s\n", result < 0 ? strerrorname_np(errno) : "done");
  return 0;
}

int unshare_user(Words /*words*/) {
  return ::unshare(CLONE_NEWUSER) != 0 ? failed("unshare") : 0;
}

/// To where it has every right over its mounts, for which no privilege is needed.
int unshare_mounts(Words /*words*/) {
  return ::unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0 ? failed("unshare") : 0;
}

int bind_port(Words words) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return failed("socket");
  ::close(fd);
  (void)words;
  return 0;
}

constexpr std::array table{
    Command{"complain", 1, complain},
    Command{"echo", 0, echo_input},
    Command{"exit", 1, exit_with},
    Command{"fork", 1, fork_sleepers},
    Command{"isatty", 0, is_terminal},
    Command{"pause", 0, pause_for_ever},
    Command{"say", 0, say},
    Command{"signal", 1, signal_self},
    Command{"sleep", 1, sleep_for},
    Command{"socket", 0, bind_port},
    Command{"syscall", 1, call},
    Command{"trap", 1, trap},
    Command{"unsharemounts", 0, unshare_mounts},
    Command{"unshareuser", 0, unshare_user},
    Command{"waitsize", 1, wait_for_size},
    Command{"winsize", 0, window_size},
};

}  // namespace

std::span<const Command> commands_that_act() {
  return table;
}

}  // namespace inside

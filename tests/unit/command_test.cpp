// SPDX-License-Identifier: Apache-2.0
#include "base/command.hpp"

#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <chrono>
#include <csignal>
#include <ctime>
#include <optional>

#include "base/files.hpp"
#include "base/syscalls.hpp"
#include "support/catch.hpp"
#include "support/descriptors.hpp"

using namespace oci;

namespace {

Command shell(const std::string& script) {
  Command command;
  command.path = "/bin/sh";
  command.args = {"sh", "-c", script};
  return command;
}

double seconds() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}

std::string failure(const Command& command) {
  try {
    run_successfully(command);
  } catch (const Error& error) {
    return error.what();
  }
  return "none";
}

}  // namespace

TEST_CASE("a command's arguments, environment, directory and input arrive as given") {
  auto command = shell("echo \"$0|$1|$X|$(pwd)|$(cat)\"; env | wc -l");
  command.args.insert(command.args.end(), {"odd name", "second"});
  command.env = {{"X=from the list", "PATH=/usr/bin:/bin"}};
  command.cwd = "/usr";
  command.input = "the input";
  // sh itself adds PWD.
  CHECK(run(command).output == "odd name|second|from the list|/usr|the input\n3\n");
}

TEST_CASE("the first argument need not be the path") {
  Command command;
  command.path = "/bin/cat";
  command.args = {"anything", "/proc/self/cmdline"};
  CHECK(run(command).output == std::string("anything\0/proc/self/cmdline\0", 28));
  command.args.clear();
  command.input = "copied";
  CHECK(run(command).output == "copied");
}

TEST_CASE("without a list the environment is inherited") {
  ::setenv("COMMAND_TEST", "seen", 1);
  CHECK(run(shell("echo $COMMAND_TEST")).output == "seen\n");
}

TEST_CASE("a failure tells the status and both outputs") {
  CHECK(failure(shell("echo out; echo err >&2; exit 3")) == "exit status 3, stdout: out, stderr: err");
  CHECK(failure(shell("kill -SYS $$")) == "killed by signal 31 (bad system call), stdout: , stderr: ");
  CHECK(failure(shell("exit 0")) == "none");
  const auto outcome = run(shell("exit 255"));
  CHECK(outcome.status == 255);
  CHECK_FALSE(outcome.killed);
}

TEST_CASE("only the end of a long output is kept") {
  const auto outcome = run(shell("i=0; while [ $i -lt 3000 ]; do echo line $i; echo error $i >&2; i=$((i+1)); done"));
  CHECK(outcome.output.size() == 4096);
  CHECK(outcome.errors.size() == 4096);
  CHECK(outcome.output.substr(4096 - 10) == "line 2999\n");
  CHECK(outcome.errors.substr(4096 - 11) == "error 2999\n");
}

TEST_CASE("a program that cannot be executed is an error that names it") {
  Command command;
  command.path = "/nonexistent/hook";
  CHECK(failure(command) == "execute /nonexistent/hook: No such file or directory");
  command.path = "/etc/passwd";
  CHECK(failure(command) == "execute /etc/passwd: Permission denied");
  command.path = "relative";
  CHECK(failure(command) == "execute \"relative\": not an absolute path");
  command = shell(":");
  command.cwd = "/nonexistent";
  CHECK(failure(command) == "change the directory to /nonexistent: No such file or directory");
  CHECK(::waitpid(-1, nullptr, WNOHANG) < 0);  // nothing was left to reap
}

TEST_CASE("a command that does not read its input harms nobody") {
  auto command = shell("exec <&-; exit 0");
  command.input.assign(1 << 20U, 'x');
  CHECK(run(command).succeeded());
  CHECK(run({.path = "/bin/true", .args = {}, .input = command.input}).succeeded());
  sigset_t pending;
  ::sigpending(&pending);
  CHECK(::sigismember(&pending, SIGPIPE) == 0);
  command = shell("wc -c");
  command.input.assign(1 << 20U, 'x');
  CHECK(run(command).output == "1048576\n");
}

TEST_CASE("a command that takes too long is killed with its group") {
  auto command = shell("echo started; sleep 60 & sleep 61");
  command.timeout_s = 1;
  command.noun = "hook";
  const double before = seconds();
  CHECK(failure(command) == "hook ran past specified timeout of 1.0s, stdout: started, stderr: ");
  const double took = seconds() - before;
  CHECK(took > 0.95);
  CHECK(took < 1.5);
}

TEST_CASE("the timeout reaches a command that has left its group") {
  auto command = shell("exec perl -e 'setpgrp(0, getpgrp(getppid())); sleep 60'");
  command.timeout_s = 1;
  const double before = seconds();
  CHECK(run(command).too_slow);
  CHECK(seconds() - before < 1.5);
}

TEST_CASE("a descendant that keeps the output open is not waited for") {
  const double before = seconds();
  const auto outcome = run(shell("echo first; (sleep 30) & echo $!"));
  CHECK(seconds() - before < 5);
  REQUIRE(outcome.succeeded());
  REQUIRE(outcome.output.substr(0, 6) == "first\n");
  CHECK(::kill(std::stoi(outcome.output.substr(6)), SIGKILL) == 0);
}

TEST_CASE("a descendant that never stops writing is not waited for") {
  const double before = seconds();
  const auto outcome = run(shell("yes & echo $! >&2"));
  CHECK(seconds() - before < 5);
  ::kill(std::stoi(outcome.errors), SIGKILL);
}

TEST_CASE("a command gets default signals, no blocked ones, and only three descriptors") {
  sigset_t all, before;
  ::sigfillset(&all);
  ::sigprocmask(SIG_SETMASK, &all, &before);
  ::signal(SIGHUP, SIG_IGN);
  const int stray = ::open("/", O_RDONLY);  // not close-on-exec
  const auto output = run({.path = "/bin/sh",
                           .args = {"sh", "-c", "grep -E '^Sig(Blk|Ign)' /proc/self/status; ls /proc/self/fd | wc -l"},
                           .env = {}})
                          .output;
  ::close(stray);
  ::signal(SIGHUP, SIG_DFL);
  ::sigprocmask(SIG_SETMASK, &before, nullptr);
  // The fourth is ls's own.
  CHECK(output == "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n4\n");
}

TEST_CASE("no descriptor is left behind") {
  const auto before = test::open_descriptors();
  auto command = shell("exit 1");
  command.input = "not read";
  for (int i = 0; i < 5; ++i) failure(command);
  command.path = "/nonexistent/hook";
  failure(command);
  CHECK(test::open_descriptors() == before);
}

TEST_CASE("a caller without standard streams may run commands") {
  std::array<int, 2> ends{};
  REQUIRE(::pipe(ends.data()) == 0);
  const pid_t child = ::fork();
  if (child == 0) {
    for (int fd = 0; fd < 3; ++fd) ::close(fd);
    auto command = shell("cat; echo err >&2");
    command.input = "in";
    const auto outcome = run(command);
    const auto text = outcome.output + outcome.errors;
    ::_exit(::write(ends[1], text.data(), text.size()) > 0 ? 0 : 1);
  }
  ::close(ends[1]);
  CHECK(read_all(Fd(ends[0]), "pipe", 100) == "inerr\n");
  ::waitpid(child, nullptr, 0);
}

TEST_CASE("a dialogue ends at once, whoever else holds its partner's input") {
  Command command;
  command.path = "/bin/sh";
  command.args = {"sh", "-c", "echo ready; exec cat"};
  command.timeout_s = 10;
  std::optional<Dialogue> dialogue(command);
  REQUIRE(dialogue->next_line() == "ready");
  const pid_t heir = ::fork();
  if (heir == 0) ::pause();
  const auto before = std::chrono::steady_clock::now();
  dialogue.reset();
  CHECK(std::chrono::steady_clock::now() - before < std::chrono::milliseconds(500));
  ::kill(heir, SIGKILL);
  ::waitpid(heir, nullptr, 0);
}

TEST_CASE("a command dies with its caller") {
  std::array<int, 2> ends{};
  REQUIRE(::pipe(ends.data()) == 0);
  const pid_t child = ::fork();
  if (child == 0) {
    ::close(ends[0]);
    auto command = shell("echo $$ >/proc/$PPID/fd/" + std::to_string(ends[1]) + "; exec sleep 60");
    run(command);
    ::_exit(0);
  }
  ::close(ends[1]);
  std::array<char, 32> text{};
  REQUIRE(::read(ends[0], text.data(), text.size()) > 0);
  const auto sleeper = sys::pidfd_open(std::stoi(text.data()));
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  CHECK(sys::has_ended(sleeper, 2000));
}

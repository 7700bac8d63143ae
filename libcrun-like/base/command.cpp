// SPDX-License-Identifier: Apache-2.0
#include "base/command.hpp"

#include <poll.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <climits>
#include <csignal>
#include <cstring>
#include <ctime>
#include <memory>

#include "base/held_signals.hpp"
#include "base/syscalls.hpp"

namespace oci {
namespace {

constexpr std::size_t kept_output = 4096;
constexpr std::int64_t longest_timeout_s = std::int64_t{1} << 40U;

struct Pipe {
  Fd read, write;
};

Pipe make_pipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) throw Error::system("pipe");
  Pipe result{Fd(ends[0]), Fd(ends[1])};
  // A caller without standard streams must not have its pipes overwritten by dup2.
  if (result.read.get() < 3) result.read = sys::duplicate(result.read);
  if (result.write.get() < 3) result.write = sys::duplicate(result.write);
  return result;
}

std::vector<char*> pointers(const std::vector<std::string>& texts) {
  std::vector<char*> result;
  result.reserve(texts.size() + 1);
  for (const auto& text : texts) result.push_back(const_cast<char*>(text.c_str()));
  result.push_back(nullptr);
  return result;
}

/// What the new process finds in the memory that it shares with the old one until execve, and what it leaves there.
struct Birth {
  const char* path = nullptr;
  char* const* argv = nullptr;
  char* const* envp = nullptr;
  const char* cwd = nullptr;
  std::array<int, 3> streams{};
  pid_t parent = 0;
  const char* failed = nullptr;  ///< what was attempted
  int code = 0;
};

/// As execve(2) wants them.
struct Arguments {
  explicit Arguments(const Command& command)
      : path_alone{command.path},
        argv(pointers(command.args.empty() ? path_alone : command.args)),
        env(command.env ? pointers(*command.env) : std::vector<char*>{}) {}
  Arguments(const Arguments&) = delete;
  Arguments& operator=(const Arguments&) = delete;
  ~Arguments() = default;

  std::vector<std::string> path_alone;
  std::vector<char*> argv, env;
};

Birth birth_of(const Command& command, const Arguments& arguments, std::array<int, 3> streams) {
  return {.path = command.path.c_str(),
          .argv = arguments.argv.data(),
          .envp = command.env ? arguments.env.data() : environ,
          .cwd = command.cwd.c_str(),
          .streams = streams,
          .parent = ::getpid()};
}

void reset_signals() noexcept {
  // execve keeps what is ignored. Handlers are the old program's, and it has none.
  struct sigaction fresh {};
  fresh.sa_handler = SIG_DFL;
  for (int signal = 1; signal < _NSIG; ++signal) ::sigaction(signal, &fresh, nullptr);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
}

/// Everything between clone and execve. Only system calls: memory is the parent's (vfork(2)).
const char* become_program(const Birth& birth) noexcept {
  ::setpgid(0, 0);
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) return "set the parent death signal";
  // 0: born into a pid namespace in which the parent has no number.
  if (const pid_t parent = ::getppid(); parent != birth.parent && parent != 0) return "find the parent alive";
  for (int stream = 0; stream < 3; ++stream)
    if (::dup2(birth.streams[static_cast<std::size_t>(stream)], stream) < 0) return "connect the standard streams";
  // Ours are close-on-exec from birth; this is for what our caller left open. A seccomp filter may refuse it.
  static constexpr unsigned close_on_exec = 1U << 2U;
  if (::syscall(SYS_close_range, 3U, ~0U, close_on_exec) != 0 && errno != ENOSYS && errno != EPERM)
    return "close descriptors";
  if (*birth.cwd != '\0' && ::chdir(birth.cwd) != 0) return "change the directory to";
  reset_signals();
  ::execve(birth.path, birth.argv, birth.envp);
  return "execute";
}

/// AddressSanitizer knows nothing of the stack that this runs on, and must not clean it up before the end.
[[gnu::no_sanitize_address]] int enter(void* argument) {
  auto& birth = *static_cast<Birth*>(argument);
  birth.failed = become_program(birth);
  birth.code = errno;
  ::_exit(127);
}

/// A child that cannot outlive an exception.
class Child {
 public:
  explicit Child(Birth& birth) {
    // CLONE_VFORK: the stack may be given back and `birth` read as soon as clone returns.
    static constexpr std::size_t stack_size = std::size_t{32} * 1024;
    const auto stack = std::make_unique<std::array<char, stack_size>>();
    int pidfd = -1;
    // No handler of ours may run on the child's side of the common memory.
    sigset_t all, before;
    ::sigfillset(&all);
    ::sigprocmask(SIG_SETMASK, &all, &before);
    pid_ = ::clone(enter, stack->data() + stack_size, CLONE_VM | CLONE_VFORK | CLONE_PIDFD | SIGCHLD, &birth, &pidfd);
    const int code = errno;
    ::sigprocmask(SIG_SETMASK, &before, nullptr);
    if (pid_ < 0) throw Error::system("clone", code);
    process_ = Pidfd(pidfd);
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child() {
    if (!process_) return;
    kill();
    ::waitid(P_PIDFD, static_cast<id_t>(process_.get()), nullptr, WEXITED);
  }

  const Pidfd& process() const noexcept { return process_; }

  /// Its whole group. The number cannot be another's: the process is not reaped yet.
  void kill() const noexcept {
    ::kill(-pid_, SIGKILL);
    ::kill(pid_, SIGKILL);  // it may have left the group
  }

  void reap(Outcome& outcome) {
    siginfo_t end{};
    while (::waitid(P_PIDFD, static_cast<id_t>(process_.get()), &end, WEXITED) != 0)
      if (errno != EINTR) throw Error::system("wait for the process");
    outcome.status = end.si_status;
    outcome.killed = end.si_code != CLD_EXITED;
    process_.reset();
  }

 private:
  pid_t pid_ = -1;
  Pidfd process_;
};

/// SIGPIPE neither kills the caller nor stays behind when the program does not read its input.
class PipeSignalHeld {
 public:
  PipeSignalHeld() noexcept = default;
  PipeSignalHeld(const PipeSignalHeld&) = delete;
  PipeSignalHeld& operator=(const PipeSignalHeld&) = delete;
  ~PipeSignalHeld() {
    const timespec now{};
    if (broken_) ::sigtimedwait(&signal_.held(), nullptr, &now);
  }
  void broke() noexcept { broken_ = true; }

 private:
  HeldSignals signal_{SIGPIPE};
  bool broken_ = false;
};

std::int64_t now_ms() noexcept {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return std::int64_t{now.tv_sec} * 1000 + now.tv_nsec / 1'000'000;
}

/// One poll(2) loop over the process's end and its three streams.
class Conversation {
 public:
  Conversation(const Child& child, const Command& command, Fd input, Fd output, Fd errors)
      : child_(child),
        rest_(command.input),
        input_(std::move(input)),
        output_(std::move(output)),
        errors_(std::move(errors)) {
    if (command.timeout_s > 0) deadline_ = now_ms() + std::min(command.timeout_s, longest_timeout_s) * 1000;
    if (rest_.empty()) input_.reset();
  }

  void hold(Outcome& outcome) {
    bool ended = false;
    while (!ended) {
      ended = wait(outcome);
      write_input();
      read_output(output_, watched_[2].revents, outcome.output);
      read_output(errors_, watched_[3].revents, outcome.errors);
    }
    drain(output_, outcome.output);
    drain(errors_, outcome.errors);
  }

 private:
  /// True when the process has ended.
  bool wait(Outcome& outcome) {
    watched_ = {{{child_.process().get(), POLLIN, 0},
                 {input_.get(), POLLOUT, 0},
                 {output_.get(), POLLIN, 0},
                 {errors_.get(), POLLIN, 0}}};
    const auto left = deadline_ < 0 ? -1 : std::max<std::int64_t>(deadline_ - now_ms(), 0);
    const int wait_ms = static_cast<int>(std::min<std::int64_t>(left, 1'000'000'000));
    const int ready = ::poll(watched_.data(), watched_.size(), wait_ms);
    if (ready < 0 && errno != EINTR) throw Error::system("poll");
    if (ready < 0) watched_ = {};
    if (ready == 0 && deadline_ >= 0 && now_ms() >= deadline_) {
      child_.kill();
      outcome.too_slow = true;
      deadline_ = -1;
    }
    return watched_[0].revents != 0;
  }

  void write_input() {
    if (watched_[1].revents == 0) return;
    // pipe(7): when poll says POLLOUT, this much does not block.
    const auto written = ::write(input_.get(), rest_.data(), std::min<std::size_t>(rest_.size(), PIPE_BUF));
    if (written < 0 && errno == EINTR) return;
    if (written < 0) signals_.broke();
    rest_.remove_prefix(written < 0 ? rest_.size() : static_cast<std::size_t>(written));
    if (rest_.empty()) input_.reset();
  }

  static void read_output(Fd& stream, int events, std::string& kept) {
    if (events == 0) return;
    std::array<char, kept_output> block{};
    const auto got = ::read(stream.get(), block.data(), block.size());
    if (got < 0 && errno == EINTR) return;
    if (got <= 0) return stream.reset();
    kept.append(block.data(), static_cast<std::size_t>(got));
    if (kept.size() > kept_output) kept.erase(0, kept.size() - kept_output);
  }

  /// What was written before the end. A descendant may go on for ever, so no more than a pipe holds.
  static void drain(Fd& stream, std::string& kept) {
    static constexpr int most_blocks = 256;
    for (int i = 0; i < most_blocks && stream; ++i) {
      pollfd ready{stream.get(), POLLIN, 0};
      if (::poll(&ready, 1, 0) <= 0) return;
      read_output(stream, ready.revents, kept);
    }
  }

  const Child& child_;
  std::string_view rest_;  ///< of the input
  Fd input_, output_, errors_;
  PipeSignalHeld signals_;
  std::int64_t deadline_ = -1;
  std::array<pollfd, 4> watched_{};
};

std::string lower(std::string text) {
  for (auto& letter : text)
    if (letter >= 'A' && letter <= 'Z') letter = static_cast<char>(letter - 'A' + 'a');
  return text;
}

std::string without_last_newline(const std::string& text) {
  return text.substr(0, text.find_last_not_of('\n') + 1);
}

}  // namespace

Outcome run(const Command& command) {
  if (command.path.empty() || command.path.front() != '/')
    throw Error("execute \"" + command.path + "\": not an absolute path", EINVAL);
  auto input = make_pipe();
  auto output = make_pipe();
  auto errors = make_pipe();
  const Arguments arguments(command);
  auto birth = birth_of(command, arguments,
                        {input.read.get(), command.output.get() >= 0 ? command.output.get() : output.write.get(),
                         command.errors.get() >= 0 ? command.errors.get() : errors.write.get()});
  Child child(birth);
  if (birth.failed) {
    const bool about_directory = std::string_view(birth.failed).starts_with("change");
    throw Error::system(std::string(birth.failed) + " " + (about_directory ? command.cwd : command.path), birth.code);
  }
  input.read.reset();
  output.write.reset();
  errors.write.reset();
  Outcome outcome;
  Conversation(child, command, std::move(input.write), std::move(output.read), std::move(errors.read)).hold(outcome);
  child.reap(outcome);
  return outcome;
}

std::string describe_failure(const Command& command, const Outcome& outcome) {
  std::string text;
  if (outcome.too_slow) {
    text = command.noun + " ran past specified timeout of " + std::to_string(command.timeout_s) + ".0s";
  } else if (outcome.killed) {
    const char* name = ::sigdescr_np(outcome.status);
    text = "killed by signal " + std::to_string(outcome.status) + (name ? " (" + lower(name) + ")" : "");
  } else {
    text = "exit status " + std::to_string(outcome.status);
  }
  return text + ", stdout: " + without_last_newline(outcome.output) +
         ", stderr: " + without_last_newline(outcome.errors);
}

class Dialogue::Partner {
 public:
  Partner(Pipe input, Pipe output, Birth& birth, const Command& command)
      : child_(birth),
        input_(std::move(input.write)),
        output_(std::move(output.read)),
        deadline_(now_ms() + command.timeout_s * 1000) {
    if (birth.failed) throw Error::system(std::string(birth.failed) + " " + command.path, birth.code);
    ::fcntl(input_.get(), F_SETFL, O_NONBLOCK);
    // What a pipe does not hold is written while waiting for the answer.
    rest_ = command.input;
    write_input();
  }

  std::optional<std::string> next_line() {
    for (;;) {
      if (const auto end = seen_.find('\n'); end != std::string::npos) {
        auto line = seen_.substr(0, end);
        seen_.erase(0, end + 1);
        return line;
      }
      if (!read_more()) return std::nullopt;
    }
  }

 private:
  void write_input() {
    if (rest_.empty()) return;
    PipeSignalHeld signals;
    const auto written = ::write(input_.get(), rest_.data(), rest_.size());
    if (written > 0) rest_.erase(0, static_cast<std::size_t>(written));
    if (written >= 0 || errno == EAGAIN || errno == EINTR) return;
    signals.broke();
    rest_.clear();
  }

  /// False at the end of its output.
  bool read_more() {
    std::array<pollfd, 2> ready{{{output_.get(), POLLIN, 0}, {rest_.empty() ? -1 : input_.get(), POLLOUT, 0}}};
    const auto left = deadline_ - now_ms();
    if (left <= 0) throw Error("timed out", ETIMEDOUT);
    if (::poll(ready.data(), ready.size(), static_cast<int>(left)) < 0) {
      if (errno == EINTR) return true;
      throw Error::system("poll");
    }
    if (ready[1].revents != 0) write_input();
    if (ready[0].revents == 0) return true;
    std::array<char, kept_output> block{};
    const auto got = ::read(output_.get(), block.data(), block.size());
    if (got > 0) seen_.append(block.data(), static_cast<std::size_t>(got));
    return got > 0 || (got < 0 && errno == EINTR);
  }

  Child child_;
  Fd input_, output_;
  std::int64_t deadline_;
  std::string rest_;  ///< of the input
  std::string seen_;  ///< of the output, and not asked for yet
};

Dialogue::Dialogue(const Command& command) {
  auto input = make_pipe();
  auto output = make_pipe();
  const Arguments arguments(command);
  auto birth = birth_of(command, arguments, {input.read.get(), output.write.get(), STDERR_FILENO});
  partner_ = std::make_unique<Partner>(std::move(input), std::move(output), birth, command);
}

Dialogue::Dialogue(Dialogue&&) noexcept = default;
Dialogue::~Dialogue() = default;

std::optional<std::string> Dialogue::next_line() {
  return partner_->next_line();
}

std::string run_successfully(const Command& command) {
  auto outcome = run(command);
  if (!outcome.succeeded()) throw Error(describe_failure(command, outcome));
  return std::move(outcome.output);
}

}  // namespace oci

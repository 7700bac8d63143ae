// SPDX-License-Identifier: Apache-2.0
#include "container/attend.hpp"

#include <poll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <array>
#include <optional>
#include <string>

#include "base/log.hpp"
#include "base/syscalls.hpp"
#include "base/timing.hpp"
#include "kernel/terminal.hpp"

namespace oci {
namespace {

/// A descriptor of the same terminal or pipe on which write(2) does not wait. O_NONBLOCK on the original would be seen
/// by everyone who shares it, the caller's shell among them. Files, which never make anybody wait, and sockets, which
/// cannot be opened, are used as they are.
Fd unwaiting(int fd) {
  struct stat status {};
  if (::fstat(fd, &status) == 0 && (S_ISCHR(status.st_mode) || S_ISFIFO(status.st_mode))) {
    auto [again, code] =
        sys::try_openat(working_directory, "/proc/self/fd/" + std::to_string(fd), O_WRONLY | O_NONBLOCK | O_NOCTTY);
    if (code == 0) return std::move(again);
  }
  return {};
}

/// Bytes on their way from one descriptor to another.
class Flow {
 public:
  bool empty() const noexcept { return from_ == to_; }

  /// What read(2) returned; -1 with errno.
  ssize_t fill(int source) noexcept {
    from_ = to_ = 0;
    ssize_t got = 0;
    do {
      got = ::read(source, bytes_.data(), bytes_.size());
    } while (got < 0 && errno == EINTR);
    if (got > 0) to_ = static_cast<std::size_t>(got);
    return got;
  }

  /// Writes what goes. False when nobody will ever take the rest, which is dropped.
  bool pour(int target) noexcept {
    while (!empty()) {
      const auto written = ::write(target, bytes_.data() + from_, to_ - from_);
      if (written < 0 && errno == EINTR) continue;
      if (written < 0 && errno == EAGAIN) return true;
      if (written < 0) {
        from_ = to_;
        return false;
      }
      from_ += static_cast<std::size_t>(written);
    }
    return true;
  }

 private:
  std::array<char, std::size_t{16} * 1024> bytes_{};
  std::size_t from_ = 0, to_ = 0;
};

bool is_forwarded(const signalfd_siginfo& signal) noexcept {
  switch (signal.ssi_signo) {
    case SIGCHLD:
    case SIGWINCH:
    case SIGURG:
      return false;
    case SIGPIPE:
      return signal.ssi_pid != static_cast<std::uint32_t>(::getpid());  // our own: nobody reads our output any more
    default:
      return true;
  }
}

pid_t ended_child(idtype_t which, id_t id) noexcept {
  siginfo_t end{};
  return ::waitid(which, id, &end, WEXITED | WNOHANG | WNOWAIT) == 0 ? end.si_pid : 0;
}

/// Every child that has ended but the attended one. That one's number need not be known: looking at it after the stray
/// tells the two apart, because a stray was found while it had not ended yet.
void reap_strays(const Pidfd& attended) noexcept {
  while (const pid_t stray = ended_child(P_ALL, 0)) {
    if (ended_child(P_PIDFD, static_cast<id_t>(attended.get())) == stray) return;
    ::waitpid(stray, nullptr, 0);
  }
}

/// A process that has gone, or become somebody else's (a set-user-ID program), is no reason to leave it.
void forward(const signalfd_siginfo& signal, const Pidfd& process) noexcept {
  ::syscall(SYS_pidfd_send_signal, process.get(), static_cast<int>(signal.ssi_signo), nullptr, 0);
}

}  // namespace

/// Both directions between standard input, standard output and the container's terminal.
class Attendance::Conversation {
 public:
  explicit Conversation(Fd master)
      : master_(std::move(master)), host_(HostTerminal::find()), own_output_(unwaiting(STDOUT_FILENO)) {
    if (::fcntl(master_.get(), F_SETFL, O_RDWR | O_NONBLOCK) != 0)
      throw Error::system("make the terminal non-blocking");
    leave_newlines_alone(master_);
    copy_window_size(host_.fd(), master_);
    host_.make_raw();
  }

  void resize() noexcept { copy_window_size(host_.fd(), master_); }

  /// After SIGCONT: the shell has had the terminal, and may have given it back.
  void resume() {
    host_.make_raw();
    resize();
    reads_input_ = !input_ended_;
  }

  /// What to wait for now. A direction with bytes in hand waits for its taker, otherwise for its giver.
  void watch(pollfd& input, pollfd& master, pollfd& output) const noexcept {
    input = {reads_input_ && to_container_.empty() ? STDIN_FILENO : -1, POLLIN, 0};
    const int wanted = (to_host_.empty() ? POLLIN : 0) | (to_container_.empty() ? 0 : POLLOUT);
    master = {open_ && wanted != 0 ? master_.get() : -1, static_cast<short>(wanted), 0};
    output = {to_host_.empty() ? -1 : host_output(), POLLOUT, 0};
  }

  void move(const pollfd& input, const pollfd& master, const pollfd& output) {
    if (input.revents != 0) read_input();
    if ((master.revents & (POLLIN | POLLHUP | POLLERR)) != 0 && to_host_.empty()) read_master();
    if (!to_container_.empty() && !to_container_.pour(master_.get())) reads_input_ = false;
    if (output.revents != 0) to_host_.pour(host_output());
  }

  /// What the container wrote before its end. poll(2) on a master first delivers what is still on its way from the
  /// slave (n_tty_poll), so nothing ready means nothing left. If others still write, it is not us they write for.
  void drain(FdRef signals) {
    static constexpr int most_blocks = 1024;
    for (int i = 0; i < most_blocks && pour_all(signals); ++i) {
      pollfd master{open_ ? master_.get() : -1, POLLIN, 0};
      if (::poll(&master, 1, 0) <= 0) return;
      read_master();
    }
  }

 private:
  int host_output() const noexcept { return own_output_ ? own_output_.get() : STDOUT_FILENO; }

  void read_input() {
    const auto got = to_container_.fill(STDIN_FILENO);
    if (got > 0) return;
    // EIO: another job has the terminal (SIGTTIN is blocked); resume() tries again. The container is not told of an
    // end: a terminal has none.
    if (got == 0 || (errno != EIO && errno != EAGAIN)) input_ended_ = true;
    if (got == 0 || errno != EAGAIN) reads_input_ = false;
  }

  void read_master() {
    const auto got = to_host_.fill(master_.get());
    if (got < 0 && errno == EAGAIN) return;
    // EIO: nobody has the slave open any more.
    if (got <= 0)
      open_ = false;
    else
      to_host_.pour(host_output());
  }

  /// False when whoever reads takes his time, and a signal says that there is none left.
  bool pour_all(FdRef signals) {
    while (!to_host_.empty()) {
      std::array<pollfd, 2> ready{{{host_output(), POLLOUT, 0}, {signals.get(), POLLIN, 0}}};
      if (::poll(ready.data(), ready.size(), -1) < 0 && errno != EINTR) return false;
      if (ready[0].revents != 0) to_host_.pour(host_output());
      signalfd_siginfo signal{};
      if (ready[1].revents != 0 && ::read(signals.get(), &signal, sizeof signal) > 0 && is_forwarded(signal))
        return false;
    }
    return true;
  }

  Fd master_;
  HostTerminal host_;
  Fd own_output_;
  Flow to_host_, to_container_;
  bool open_ = true;
  bool reads_input_ = true;
  bool input_ended_ = false;
};

Attendance::Attendance(Orphans orphans) : orphans_(orphans) {
  sigset_t all;
  ::sigfillset(&all);
  signals_ = Fd(::signalfd(-1, &all, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!signals_) throw Error::system("signalfd");
  if (orphans == Orphans::reaped && ::prctl(PR_SET_CHILD_SUBREAPER, 1) != 0)
    throw Error::system("prctl PR_SET_CHILD_SUBREAPER");
  ::sigprocmask(SIG_SETMASK, &all, &before_);
}

Attendance::~Attendance() {
  signalfd_siginfo late{};
  while (::read(signals_.get(), &late, sizeof late) == sizeof late) continue;
  ::sigprocmask(SIG_SETMASK, &before_, nullptr);
  if (orphans_ == Orphans::reaped) ::prctl(PR_SET_CHILD_SUBREAPER, 0);
}

void Attendance::connect(Fd master) {
  conversation_ = std::make_unique<Conversation>(std::move(master));
}

void Attendance::watch(FdRef fd, std::function<bool()> on_ready) {
  watched_ = fd;
  on_ready_ = std::move(on_ready);
}

void Attendance::look() noexcept {
  try {
    if (!on_ready_()) return;
  } catch (const Error& error) {
    log::warning(error.what());
  }
  watched_ = FdRef(-1);
}

/// All of them: one that is left would end the drain at the end, which only a new one may.
void Attendance::take_signals(const Pidfd& process) {
  signalfd_siginfo signal{};
  while (::read(signals_.get(), &signal, sizeof signal) == sizeof signal) {
    if (signal.ssi_signo == SIGCHLD && orphans_ == Orphans::reaped) reap_strays(process);
    if (signal.ssi_signo == SIGWINCH && conversation_) conversation_->resize();
    if (signal.ssi_signo == SIGCONT && conversation_) conversation_->resume();
    if (is_forwarded(signal)) forward(signal, process);
  }
}

/// Waits for anything, and does what it asks for. False when the process has ended.
bool Attendance::turn(const Pidfd& process) {
  std::array<pollfd, 6> ready{{{process.get(), POLLIN, 0},
                               {signals_.get(), POLLIN, 0},
                               {watched_.get(), POLLIN, 0},
                               {-1, 0, 0},
                               {-1, 0, 0},
                               {-1, 0, 0}}};
  auto& [ended, signals, watched, input, master, output] = ready;
  if (conversation_) conversation_->watch(input, master, output);
  if (::poll(ready.data(), ready.size(), -1) < 0 && errno != EINTR) throw Error::system("poll");
  if (signals.revents != 0) take_signals(process);
  if (watched.revents != 0) look();
  if (conversation_) conversation_->move(input, master, output);
  return ended.revents == 0;
}

int Attendance::attend(const Pidfd& process) {
  timing::phase("attend");
  while (turn(process)) continue;
  if (conversation_) conversation_->drain(signals_);
  return sys::wait_status(process);
}

}  // namespace oci

// SPDX-License-Identifier: Apache-2.0
// Staying with a process until it ends, as `run` and `exec` in the foreground do.
#pragma once
#include <csignal>
#include <functional>
#include <memory>

#include "base/handle.hpp"

namespace oci {

/// What becomes of processes whose parents in the container have gone.
enum class Orphans : bool {
  left,    ///< to whoever reaps the caller's
  reaped,  ///< by this process (PR_SET_CHILD_SUBREAPER)
};

/// Collects every signal that reaches this process, from its construction on, for the process that it attends. Must
/// exist before that one is born, or a signal could fall between the two; should live until everything has been cleaned
/// up, because what comes too late is dropped with it. Children start with everything blocked.
class Attendance {
 public:
  explicit Attendance(Orphans orphans = Orphans::left);
  Attendance(const Attendance&) = delete;
  Attendance& operator=(const Attendance&) = delete;
  ~Attendance();

  /// Makes `master`, of the terminal that the process is about to get, like the caller's own, whose size it has from
  /// now on and which is raw until the end: before the program starts, or it could see another size. @throws Error when
  /// the caller sits at no terminal
  void connect(Fd master);

  /// While attending: calls `on_ready` whenever there is something to read, until it returns true or throws, which is
  /// a warning only.
  void watch(FdRef fd, std::function<bool()> on_ready);

  /// Forwards signals until the child `process` ends; reaps it, and returns its exit status, 128+n for signal n.
  /// Standard input and output are copied from and to the connected terminal, if there is one.
  int attend(const Pidfd& process);

 private:
  class Conversation;
  void look() noexcept;
  void take_signals(const Pidfd& process);
  bool turn(const Pidfd& process);

  sigset_t before_{};
  Fd signals_;
  Orphans orphans_;
  std::unique_ptr<Conversation> conversation_;
  FdRef watched_{-1};
  std::function<bool()> on_ready_;
};

}  // namespace oci

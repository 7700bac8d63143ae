// SPDX-License-Identifier: Apache-2.0
// Staying with a process until it ends, as `run` and `exec` in the foreground do.
#pragma once
#include <signal.h>

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

  /// Forwards signals until the child `process` ends; reaps it, and returns its exit status, 128+n for signal n. With
  /// `terminal`, the master of its terminal, standard input and output are copied from and to it, and the caller's
  /// terminal is raw meanwhile. @throws Error also when there is a terminal, and the caller sits at none
  int attend(const Pidfd& process, Fd terminal = {});

 private:
  sigset_t before_{};
  Fd signals_;
  Orphans orphans_;
};

}  // namespace oci

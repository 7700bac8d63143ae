// SPDX-License-Identifier: Apache-2.0
// The descriptor that tells an agent of system calls with SCMP_ACT_NOTIFY (seccomp_unotify(2)), before the agent has
// it.
#pragma once
#include "base/handle.hpp"

namespace oci {

/// Takes the seccomp listener that is descriptor `number` of `process` (pidfd_getfd(2), Linux 5.6). Needs the right to
/// trace it: the process is undumpable, so CAP_SYS_PTRACE in the user namespace that the runtime was executed in.
/// @throws Error also when that descriptor is something else
Fd take_listener(const Pidfd& process, int number);

/// Answers the notification that waits there by letting the kernel perform the call. Only for processes that run the
/// runtime's own code: for others it is no decision (seccomp_unotify(2), "SECCOMP_USER_NOTIF_FLAG_CONTINUE").
/// @throws Error
void let_call_continue(FdRef listener);

}  // namespace oci

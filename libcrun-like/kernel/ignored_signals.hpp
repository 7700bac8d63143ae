// SPDX-License-Identifier: Apache-2.0
// What execve(2) keeps of the caller's handling of signals.
#pragma once
#include <cstdint>

namespace oci {

/// The signals that this process ignores, as SigIgn in /proc/self/status has them (proc_pid_status(5)): bit n - 1
/// stands for signal n. Every one where that cannot be read. A seventh of the time that asking for each takes.
std::uint64_t ignored_signals();

}  // namespace oci

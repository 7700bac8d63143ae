// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace oci {

/// What the caller has in its environment (passwords of proxies, keys) is none of the container's business, but whoever
/// may trace a process can read it in /proc/PID/environ until execve(2): others in a pid namespace that is joined, and
/// in one that waits for `start`. So the texts move to memory that a process made by fork(2) finds empty, and where
/// they were is wiped. This process and what it executes have the environment as before. To be called before a child is
/// made that may be looked at; again is nothing.
///
/// In the runtime rather than in the child, which would have to copy two pages to do the same.
///
/// @throws Error mmap(2), or madvise(2) before Linux 4.14
void withhold_environment();

}  // namespace oci

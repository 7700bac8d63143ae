// SPDX-License-Identifier: Apache-2.0
// What create, run and exec have in common: how a process that enters a container is connected to the caller.
#pragma once
#include <string>
#include <vector>

#include "base/handle.hpp"
#include "oci/container.hpp"

namespace oci {

/// The caller's descriptors and environment, as far as the container gets them.
struct Inheritance {
  unsigned preserve_fds = 0;           ///< from 3 on, socket activation's among them
  std::vector<std::string> extra_env;  ///< LISTEN_FDS and LISTEN_PID (sd_listen_fds(3))
};

/// Checks that the descriptors to preserve are there, and marks all others close-on-exec: neither hooks nor helpers get
/// them. `takes_sockets`: whether LISTEN_FDS counts. Also makes this process, and so the one it will clone, undumpable.
Inheritance prepare_entry(const EntryOptions& options, bool takes_sockets);

/// @throws Error where the terminal that the process wants has nowhere to go, or a socket waits for none
void check_terminal(const EntryOptions& options, bool wants_terminal);

/// To the sockets that options name, if they do: the master with the slave's name, the process with `kind`, "standard"
/// or "setns".
void hand_over_terminal(const EntryOptions& options, FdRef master, const std::string& name);
void hand_over_pidfd(const EntryOptions& options, const Pidfd& process, const char* kind);

/// Digits and nothing else, there all at once (ENGINE-CONTRACT rule 1).
/// True when a file has been put at `path`, false when something that was there has been written to.
bool write_pid_file(const std::string& path, pid_t pid);

/// The last deed of a call that was given `options`: says so to a caller that wants to end here. Returns `status`.
int succeed(const EntryOptions& options, int status);

}  // namespace oci

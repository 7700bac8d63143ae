// SPDX-License-Identifier: Apache-2.0
#include "container/entry.hpp"

#include <sys/prctl.h>
#include <sys/stat.h>

#include <charconv>
#include <cstdlib>
#include <cstring>

#include "base/files.hpp"
#include "base/syscalls.hpp"
#include "kernel/terminal.hpp"

namespace oci {
namespace {

constexpr unsigned first_preserved = 3;

unsigned number_in_environment(const char* name) {
  const char* text = std::getenv(name);
  unsigned number = 0;
  if (text) std::from_chars(text, text + std::strlen(text), number);
  return number;
}

/// sd_listen_fds(3): the sockets are meant for us only when LISTEN_PID says so.
unsigned sockets_passed() {
  if (number_in_environment("LISTEN_PID") != static_cast<unsigned>(::getpid())) return 0;
  return number_in_environment("LISTEN_FDS");
}

}  // namespace

Inheritance prepare_entry(const EntryOptions& options, bool takes_sockets) {
  Inheritance inheritance{options.preserve_fds, {}};
  if (const unsigned sockets = takes_sockets ? sockets_passed() : 0; sockets != 0) {
    inheritance.preserve_fds += sockets;
    inheritance.extra_env = {"LISTEN_FDS=" + std::to_string(sockets), "LISTEN_PID=1"};
  }
  for (unsigned i = 0; i < inheritance.preserve_fds; ++i) {
    // What we have opened ourselves is close-on-exec, which nothing that a caller hands on can be.
    const int flags = ::fcntl(static_cast<int>(first_preserved + i), F_GETFD);
    if (flags >= 0 && (flags & FD_CLOEXEC) != 0) errno = EBADF;
    if (flags < 0 || (flags & FD_CLOEXEC) != 0)
      throw Error::system("unable to stat preserved-fd " + std::to_string(first_preserved + i) + " (of " +
                          std::to_string(inheritance.preserve_fds) + ")");
  }
  sys::cloexec_from(first_preserved + inheritance.preserve_fds);
  // CVE-2016-9962: nobody inside may look into this process, or into the one that it clones, before it has become the
  // program. Where the caller is not root the child does it, once its ids have been mapped (init/namespaces.cpp).
  if (::geteuid() == 0 && ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0) throw Error::system("prctl PR_SET_DUMPABLE");
  return inheritance;
}

void check_terminal(const EntryOptions& options, bool wants_terminal) {
  const bool detached = options.attachment == Attachment::detached;
  // Both texts are runc's, name included: callers know them.
  if (wants_terminal && detached && options.console_socket.empty())
    throw Error("cannot allocate tty if runc will detach without setting console socket");
  if (!options.console_socket.empty() && !(wants_terminal && detached))
    throw Error("cannot use console socket if runc will not detach or allocate tty");
}

void hand_over_terminal(const EntryOptions& options, FdRef master, const std::string& name) {
  if (!options.console_socket.empty()) send_descriptor(options.console_socket, master, name);
}

void hand_over_pidfd(const EntryOptions& options, const Pidfd& process, const char* kind) {
  if (!options.pidfd_socket.empty()) send_descriptor(options.pidfd_socket, process, kind);
}

bool write_pid_file(const std::string& path, pid_t pid) {
  if (path.empty()) return false;
  const auto text = std::to_string(pid);
  static constexpr mode_t readable = 0644;
  // A device or a pipe is written to: renaming would put a file in its place.
  const auto existing = sys::try_fstatat(working_directory, path, 0);
  if (existing && !S_ISREG(existing->st_mode)) return write_file(working_directory, path, text), false;
  replace_file(working_directory, path, text, readable);
  return true;
}

int succeed(const EntryOptions& options, int status) {
  if (options.on_success) options.on_success(status);
  return status;
}

}  // namespace oci

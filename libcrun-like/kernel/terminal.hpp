// SPDX-License-Identifier: Apache-2.0
// The runtime's side of terminals: who receives a container's, and the one that the caller sits at.
#pragma once
#include <termios.h>

#include <optional>
#include <string>
#include <string_view>

#include "base/handle.hpp"

namespace oci {

/// Connects to the SOCK_STREAM socket at `path`, which may be longer than a sockaddr_un holds. @throws Error
Fd connect_socket(const std::string& path);

/// Sends `attached` and `payload` (1 to 4095 bytes) in one message: receivers call recvmsg once (conmon, containerd,
/// podman).
/// Other receivers may take more.
void send_descriptor(FdRef socket, FdRef attached, std::string_view payload, std::size_t longest = 4095);
/// The same over a connection of its own, closed afterwards: a terminal's master with its name to a console socket, a
/// pidfd with "standard" or "setns" to a pidfd socket.
void send_descriptor(const std::string& socket_path, FdRef attached, std::string_view payload);

/// Output ends lines in \n alone: the caller's terminal adds its own \r. For terminals that this process copies;
/// whoever got one over a socket decides for itself.
void leave_newlines_alone(FdRef terminal);

/// Gives `to` the size of `from`. False when either is no terminal, or has gone.
bool copy_window_size(FdRef from, FdRef to) noexcept;

/// The terminal that the caller sits at. Restored to what it was when the object goes.
class HostTerminal {
 public:
  /// stderr, stdout, stdin, the controlling terminal: the first that is one.
  /// @throws Error "open /dev/tty: no such device or address" when none is
  static HostTerminal find();

  HostTerminal(HostTerminal&& other) noexcept : fd_(std::move(other.fd_)), before_(std::exchange(other.before_, {})) {}
  HostTerminal& operator=(HostTerminal&&) = delete;
  HostTerminal(const HostTerminal&) = delete;
  HostTerminal& operator=(const HostTerminal&) = delete;
  ~HostTerminal() { restore(); }

  /// Every byte passes in both directions as it is; ^C is one of them. Does nothing while another job has the terminal,
  /// which is none of ours then: call again after SIGCONT.
  void make_raw();
  void restore() noexcept;

  const Fd& fd() const noexcept { return fd_; }

 private:
  explicit HostTerminal(Fd fd) noexcept : fd_(std::move(fd)) {}

  Fd fd_;
  std::optional<termios> before_;  ///< while it is raw
};

}  // namespace oci

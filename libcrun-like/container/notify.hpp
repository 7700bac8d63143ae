// SPDX-License-Identifier: Apache-2.0
// sd_notify(3) through the runtime: a service manager that started the runtime (Type=notify) hears when the container
// is ready. The container gets a socket of its own in place of the manager's, as with runc.
#pragma once
#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "base/handle.hpp"
#include "container/state.hpp"
#include "oci/spec.hpp"

namespace oci {

/// For create: where $NOTIFY_SOCKET is set, makes a directory in the container's state for the socket, and adds its
/// mount at /run/notify to `spec`. Returns what to add to the environment. @throws Error
std::vector<std::string> offer_notify_socket(Spec& spec, const StateDirectory& state);

class NotifySocket {
 public:
  /// Binds the container's socket. Nothing without a $NOTIFY_SOCKET, or when create had none. @throws Error
  static std::optional<NotifySocket> bind(const StateDirectory& state);

  FdRef fd() const noexcept { return socket_; }

  /// Takes one message. When it is "READY=…" the manager is told so, and that `main` is the process to watch.
  /// Returns true then: no more is to come. What else a container says is not the manager's business.
  bool forward(pid_t main);

  /// Forwards until the container is ready, or `process` has ended. `main` is its number.
  void wait(const Pidfd& process, pid_t main);

 private:
  NotifySocket(Fd socket, std::string manager) : socket_(std::move(socket)), manager_(std::move(manager)) {}

  Fd socket_;
  std::string manager_;  ///< $NOTIFY_SOCKET
};

}  // namespace oci

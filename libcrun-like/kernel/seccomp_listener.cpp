// SPDX-License-Identifier: Apache-2.0
#include "kernel/seccomp_listener.hpp"

#include <linux/seccomp.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <string>

#include "oci/error.hpp"

namespace oci {

Fd take_listener(const Pidfd& process, int number) {
  Fd listener(static_cast<int>(::syscall(SYS_pidfd_getfd, process.get(), number, 0)));
  if (!listener)
    throw Error::system("take the seccomp listener, descriptor " + std::to_string(number) +
                        " of the container's process (pidfd_getfd)");
  // Others in a shared pid namespace may have seized the process, and the agent is not to get what they name. Of the
  // descriptors only a listener knows this request, and that it has no notification 0.
  std::uint64_t none = 0;
  if (::ioctl(listener.get(), SECCOMP_IOCTL_NOTIF_ID_VALID, &none) == 0 || errno != ENOENT)
    throw Error("descriptor " + std::to_string(number) + " of the container's process is no seccomp listener");
  return listener;
}

void let_call_continue(FdRef listener) {
  seccomp_notif call{};
  // ENOENT: the process was killed in the meantime.
  if (::ioctl(listener.get(), SECCOMP_IOCTL_NOTIF_RECV, &call) < 0) {
    if (errno == ENOENT || errno == EINTR) return;
    throw Error::system("receive a seccomp notification");
  }
  seccomp_notif_resp answer{};
  answer.id = call.id;
  answer.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
  if (::ioctl(listener.get(), SECCOMP_IOCTL_NOTIF_SEND, &answer) < 0 && errno != ENOENT)
    throw Error::system("answer a seccomp notification");
}

}  // namespace oci

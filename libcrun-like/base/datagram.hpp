// SPDX-License-Identifier: Apache-2.0
// One message of a unix socket, with at most one descriptor (unix(7), SCM_RIGHTS).
#pragma once
#include <sys/types.h>
#include <sys/uio.h>

#include <span>

#include "base/handle.hpp"

namespace oci {

/// sendmsg(2); what it gives.
ssize_t send_datagram(FdRef socket, std::span<iovec> parts, FdRef attached) noexcept;

struct Datagram {
  ssize_t size = -1;    ///< what recvmsg(2) gives; below 0: errno says why
  bool is_cut = false;  ///< it was longer than there was room for
  Fd attached;
};

/// recvmsg(2). @throws Error when more than one descriptor came: the kernel has closed the others
Datagram receive_datagram(FdRef socket, std::span<iovec> parts);

}  // namespace oci

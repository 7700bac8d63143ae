// SPDX-License-Identifier: Apache-2.0
#include "base/datagram.hpp"

#include <sys/socket.h>

#include <array>
#include <cstring>

#include "oci/error.hpp"

namespace oci {
namespace {

/// Room for one SCM_RIGHTS message with one descriptor, aligned as cmsg(3) wants it.
union AttachedFd {
  cmsghdr header;
  std::array<char, CMSG_SPACE(sizeof(int))> bytes;
};

msghdr message_of(std::span<iovec> parts) noexcept {
  msghdr message{};
  message.msg_iov = parts.data();
  message.msg_iovlen = parts.size();
  return message;
}

}  // namespace

ssize_t send_datagram(FdRef socket, std::span<iovec> parts, FdRef attached) noexcept {
  auto message = message_of(parts);
  AttachedFd room{};
  if (attached.get() >= 0) {
    message.msg_control = room.bytes.data();
    message.msg_controllen = room.bytes.size();
    auto* rights = CMSG_FIRSTHDR(&message);
    *rights = {.cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
    const int fd = attached.get();
    std::memcpy(CMSG_DATA(rights), &fd, sizeof fd);
  }
  ssize_t sent = 0;
  do {
    sent = ::sendmsg(socket.get(), &message, MSG_NOSIGNAL);
  } while (sent < 0 && errno == EINTR);
  return sent;
}

Datagram receive_datagram(FdRef socket, std::span<iovec> parts) {
  auto message = message_of(parts);
  AttachedFd room{};
  message.msg_control = room.bytes.data();
  // Not CMSG_SPACE, whose padding has room for a second descriptor on 64-bit machines: the sender may have been seized.
  message.msg_controllen = CMSG_LEN(sizeof(int));
  Datagram result;
  do {
    result.size = ::recvmsg(socket.get(), &message, MSG_CMSG_CLOEXEC);
  } while (result.size < 0 && errno == EINTR);
  if (result.size < 0) return result;
  if (const auto* rights = CMSG_FIRSTHDR(&message); rights && rights->cmsg_level == SOL_SOCKET &&
                                                    rights->cmsg_type == SCM_RIGHTS &&
                                                    rights->cmsg_len >= CMSG_LEN(sizeof(int))) {
    int fd = -1;
    std::memcpy(&fd, CMSG_DATA(rights), sizeof fd);
    result.attached = Fd(fd);
  }
  if ((message.msg_flags & MSG_CTRUNC) != 0)
    throw Error("a message from the other process has more than one descriptor", EBADMSG);
  result.is_cut = (message.msg_flags & MSG_TRUNC) != 0;
  return result;
}

}  // namespace oci

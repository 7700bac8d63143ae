// SPDX-License-Identifier: Apache-2.0
#include "base/channel.hpp"

#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <memory>
#include <type_traits>

#include "oci/error.hpp"

namespace oci {
namespace {

struct Header {
  Word word{};
  std::array<std::uint8_t, 3> unused{};
  std::uint32_t step = 0;
  std::int32_t code = 0;
};
/// Padding would tell the other side what has been on the stack here.
static_assert(std::has_unique_object_representations_v<Header>);

/// Enough for any message of ours; the two ends are of one build, so the number is no protocol.
constexpr std::size_t longest_text = std::size_t{32} * 1024;

/// Room for one SCM_RIGHTS message with one descriptor, aligned as cmsg(3) wants it.
union AttachedFd {
  cmsghdr header;
  std::array<char, CMSG_SPACE(sizeof(int))> bytes;
};

}  // namespace

std::pair<Fd, Fd> make_channel() {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) < 0) throw Error::system("socketpair");
  return {Fd(ends[0]), Fd(ends[1])};
}

bool send(FdRef channel, const Message& message, FdRef attached) noexcept {
  Header header{.word = message.word, .step = message.step, .code = message.code};
  std::array<iovec, 2> parts{{{&header, sizeof header},
                              {const_cast<char*>(message.text.data()), std::min(message.text.size(), longest_text)}}};
  msghdr out{};
  out.msg_iov = parts.data();
  out.msg_iovlen = parts.size();
  AttachedFd room{};
  if (attached.get() >= 0) {
    out.msg_control = room.bytes.data();
    out.msg_controllen = room.bytes.size();
    auto* rights = CMSG_FIRSTHDR(&out);
    *rights = {.cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
    const int fd = attached.get();
    std::memcpy(CMSG_DATA(rights), &fd, sizeof fd);
  }
  ssize_t sent = 0;
  do {
    sent = ::sendmsg(channel.get(), &out, MSG_NOSIGNAL);
  } while (sent < 0 && errno == EINTR);
  return sent >= 0;
}

std::optional<Message> receive(FdRef channel) {
  Header header{};
  Message message;
  // Not filled with zeros: the pages of room that nothing is written to are never there.
  const auto text = std::make_unique_for_overwrite<char[]>(longest_text);
  std::array<iovec, 2> parts{{{&header, sizeof header}, {text.get(), longest_text}}};
  AttachedFd room{};
  msghdr in{};
  in.msg_iov = parts.data();
  in.msg_iovlen = parts.size();
  in.msg_control = room.bytes.data();
  // Not CMSG_SPACE, whose padding has room for a second descriptor on 64-bit machines: the sender may have been seized.
  in.msg_controllen = CMSG_LEN(sizeof(int));
  ssize_t got = 0;
  do {
    got = ::recvmsg(channel.get(), &in, MSG_CMSG_CLOEXEC);
  } while (got < 0 && errno == EINTR);
  if (got == 0 || (got < 0 && errno == ECONNRESET)) return std::nullopt;
  if (got < 0) throw Error::system("receive a message from the other process");
  if (const auto* rights = CMSG_FIRSTHDR(&in);
      rights && rights->cmsg_level == SOL_SOCKET && rights->cmsg_type == SCM_RIGHTS) {
    int fd = -1;
    std::memcpy(&fd, CMSG_DATA(rights), sizeof fd);
    message.fd = Fd(fd);
  }
  if (static_cast<std::size_t>(got) < sizeof header) throw Error("a message from the other process is cut short");
  if ((in.msg_flags & MSG_CTRUNC) != 0) throw Error("a message from the other process has more than one descriptor");
  message.word = header.word;
  message.step = header.step;
  message.code = header.code;
  message.text.assign(text.get(), static_cast<std::size_t>(got) - sizeof header);
  return message;
}

bool say(FdRef channel, Word word, std::uint32_t step, int code) noexcept {
  const Header header{.word = word, .step = step, .code = code};
  ssize_t written = 0;
  do {
    written = ::write(channel.get(), &header, sizeof header);
  } while (written < 0 && errno == EINTR);
  return written == sizeof header;
}

std::optional<Message> hear(FdRef channel) {
  static constexpr std::size_t longest_answer = 4096;
  std::array<char, longest_answer> bytes{};
  ssize_t got = 0;
  do {
    got = ::read(channel.get(), bytes.data(), bytes.size());
  } while (got < 0 && errno == EINTR);
  if (got == 0 || (got < 0 && errno == ECONNRESET)) return std::nullopt;
  if (got < 0) throw Error::system("read the runtime's answer");
  Header header{};
  if (static_cast<std::size_t>(got) < sizeof header) throw Error("a message from the other process is cut short");
  std::memcpy(&header, bytes.data(), sizeof header);
  Message message{header.word, header.step, header.code, {}, {}};
  message.text.assign(bytes.data() + sizeof header, static_cast<std::size_t>(got) - sizeof header);
  return message;
}

}  // namespace oci

// SPDX-License-Identifier: Apache-2.0
#include "base/channel.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <memory>
#include <type_traits>

#include "base/datagram.hpp"
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
  return send_datagram(channel, parts, attached) >= 0;
}

std::optional<Message> receive(FdRef channel, std::size_t room) {
  Header header{};
  Message message;
  // Not filled with zeros: the pages of room that nothing is written to are never there. And not even asked for where
  // there is none, because the first to ask in the container's process gets a copy of malloc's pages.
  const auto text = room == 0 ? nullptr : std::make_unique_for_overwrite<char[]>(room);
  std::array<iovec, 2> parts{{{&header, sizeof header}, {text.get(), room}}};
  auto got = receive_datagram(channel, parts);
  // Closed with words of ours unread: the kernel tells that once, and before what the other one had said.
  if (got.size < 0 && errno == ECONNRESET) got = receive_datagram(channel, parts);
  if (got.size == 0 || (got.size < 0 && errno == ECONNRESET)) return std::nullopt;
  if (got.size < 0) throw Error::system("receive a message from the other process");
  message.fd = std::move(got.attached);
  if (static_cast<std::size_t>(got.size) < sizeof header) throw Error("a message from the other process is cut short");
  message.word = header.word;
  message.step = header.step;
  message.code = header.code;
  message.text.assign(text.get(), static_cast<std::size_t>(got.size) - sizeof header);
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

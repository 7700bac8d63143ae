// SPDX-License-Identifier: Apache-2.0
// What the runtime and the process it launches say to each other, over a SOCK_SEQPACKET pair: one datagram a message,
// with at most one descriptor attached. Closing is the last message: execve does it, because both ends are
// close-on-exec.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/handle.hpp"

namespace oci {

enum class Word : std::uint8_t {
  adopt,     ///< child: I exist, and need what only the runtime may do (id maps, a scope). Answer: go
  network,   ///< child: I am in my network namespace, which devices can be moved to. Answer: go
  hooks,     ///< child: the mounts stand, pivot_root comes next. Answer: go
  source,    ///< child: open the source of step `step` for me. Answer: go with the mount, or failure
  idmap,     ///< child: map the ids of this new file system, as step `step` says. Answer: go, or failure
  procfs,    ///< child: mount a procfs of my pid namespace for me. Answer: go with the mount, or failure
  schedule,  ///< child: I may not do what step `step` (scheduler, I/O priority) says. Answer: go once done, or failure
  terminal,  ///< child: here is the terminal's master. No answer
  listener,  ///< child, with its filter: `code` is the number of its seccomp listener, take it; later: give it to the
             ///< agent now. Answer: go
  ready,     ///< child: all is set up; what follows needs start. Answer: go, once the container is remembered
  start,     ///< child: the same, and I wait here for go
  failure,   ///< either: `code` and `text` say why it ends
  go,        ///< runtime: carry on
  made,  ///< runtime, unasked: here is the sysfs that the plan leaves to me, and I see to the loopback interface; with
         ///< `code`, and no sysfs: do it yourself. No answer
};

struct Message {
  Word word{};
  std::uint32_t step = 0;  ///< index of the sender's step
  int code = 0;            ///< errno, or 0
  std::string text;
  Fd fd;
};

/// Both ends of a new channel.
std::pair<Fd, Fd> make_channel();

/// Sends one message. A text longer than a datagram may be is cut. False, with errno, when it could not be sent; EPIPE
/// or ECONNRESET: nobody listens any more.
bool send(FdRef channel, const Message& message, FdRef attached = FdRef(-1)) noexcept;

/// The longest text of a message, in bytes.
inline constexpr std::size_t longest_text = std::size_t{32} * 1024;

/// The next message; nothing when the other end was closed. `room`: for its text, in bytes; what is longer is cut.
/// @throws Error
std::optional<Message> receive(FdRef channel, std::size_t room = longest_text);

/// The same by write(2) and read(2) alone, for the child: a seccomp filter may be in force that knows nothing of
/// sendmsg(2) and recvmsg(2), or makes them wait for an agent. No descriptor can come along, and SIGPIPE ends a child
/// whose runtime has gone. False, with errno, when it could not be said.
bool say(FdRef channel, Word word, std::uint32_t step, int code = 0) noexcept;
std::optional<Message> hear(FdRef channel);

}  // namespace oci

// SPDX-License-Identifier: Apache-2.0
// rtnetlink(7): a request, and the kernel's answers to it. Every length is checked on its way in and out: the one of an
// attribute has 16 bits, and what does not fit there becomes attributes of somebody else's choice (CVE-2021-43784).
#pragma once
#include <linux/rtnetlink.h>

#include <cstdint>
#include <cstring>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/handle.hpp"

namespace oci {

/// The bytes of a plain struct, as netlink wants them; `value` must outlive the view.
template <class T>
std::string_view bytes_of(const T& value) noexcept {
  return {reinterpret_cast<const char*>(&value), sizeof value};
}

/// A struct out of the front of `bytes`; nothing when there are fewer than it has.
template <class T>
std::optional<T> front_as(std::string_view bytes) noexcept {
  if (bytes.size() < sizeof(T)) return std::nullopt;
  T value{};
  std::memcpy(&value, bytes.data(), sizeof value);
  return value;
}

/// Calls `body` with type and payload of each attribute (struct rtattr) in `bytes`. @throws Error when one of them says
/// that it is longer than what is left, or shorter than its own header
void each_attribute(std::string_view bytes, const std::function<void(unsigned, std::string_view)>& body);

/// One message to the kernel.
class RouteRequest {
 public:
  /// `type`: RTM_…; `header`: the family's own struct, such as ifinfomsg.
  template <class Header>
  RouteRequest(unsigned type, unsigned flags, const Header& header) : RouteRequest(type, flags, bytes_of(header)) {}

  /// @throws Error when the payload does not fit an attribute
  RouteRequest& add(unsigned type, std::string_view payload);
  /// With the NUL at its end. @throws Error also when there is one inside
  RouteRequest& add_text(unsigned type, const std::string& text);
  template <class T>
  RouteRequest& add_number(unsigned type, T number) {
    return add(type, bytes_of(number));
  }

  /// Of the two bits of NLM_F_DUMP one alone is NLM_F_EXCL, or others, in requests that change something.
  bool dumps() const noexcept { return (flags_ & NLM_F_DUMP) == NLM_F_DUMP; }
  /// Header, body and attributes, as they are sent.
  std::string message(std::uint32_t sequence) const;

 private:
  RouteRequest(unsigned type, unsigned flags, std::string_view header);

  unsigned type_ = 0;
  unsigned flags_ = 0;
  std::string body_;
};

/// What the kernel thinks of a request.
struct RouteVerdict {
  int code = 0;      ///< errno, 0 for success
  std::string text;  ///< in the kernel's words, where it has some
  /// Nobody wants an answer of which something changed while it was given (NLM_F_DUMP_INTR).
  bool torn = false;
};

/// Reads one datagram of the kernel's: calls `answer` with type and body of each message, the header behind. The
/// verdict, once the datagram has it; nothing when there is more to come. Answers to others than `sequence` are passed
/// over. @throws Error when the lengths in it do not add up
std::optional<RouteVerdict> read_route_datagram(std::string_view datagram, std::uint32_t sequence,
                                                const std::function<void(unsigned, std::string_view)>& answer);

/// A connection to the network namespace that this process is in when it makes the socket, for as long as that lives.
class RouteSocket {
 public:
  RouteSocket();

  using Answer = std::function<void(unsigned type, std::string_view body)>;
  /// `answer` is called for each message that the kernel sends before its verdict; a dump that was torn may be told
  /// twice.
  RouteVerdict ask(
      const RouteRequest& request, const Answer& answer = [](unsigned, std::string_view) {});
  /// The same. @throws Error "ATTEMPT: REASON (the kernel's words)"
  void demand(const RouteRequest& request, std::string_view attempt);

 private:
  /// The next datagram of the kernel's, in buffer_.
  std::string_view receive();

  Fd socket_;
  std::uint32_t sequence_ = 0;
  std::string buffer_;
};

}  // namespace oci

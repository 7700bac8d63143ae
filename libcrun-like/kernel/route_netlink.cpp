// SPDX-License-Identifier: Apache-2.0
#include "kernel/route_netlink.hpp"

#include <linux/netlink.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <algorithm>
#include <limits>

#include "oci/error.hpp"

namespace oci {
namespace {

/// netlink(7) leaves the size of answers open; what the kernel builds is at most 32 KiB, and one link far less.
constexpr std::size_t largest_datagram = std::size_t{64} << 10U;
/// Nothing this runtime says is longer.
constexpr std::size_t largest_request = 4096;

void pad(std::string& bytes) {
  bytes.resize(NLMSG_ALIGN(bytes.size()), '\0');
}

/// Takes `size` bytes and their padding off the front; the padding of the last element may be missing.
std::string_view take(std::string_view& bytes, std::size_t size) {
  const auto part = bytes.substr(0, size);
  bytes.remove_prefix(std::min<std::size_t>(NLMSG_ALIGN(size), bytes.size()));
  return part;
}

/// The words behind a verdict: NLMSGERR_ATTR_MSG (NETLINK_EXT_ACK).
std::string words_of(const nlmsghdr& header, std::string_view body) {
  if ((header.nlmsg_flags & NLM_F_ACK_TLVS) == 0) return {};
  std::size_t behind = sizeof(nlmsgerr);
  // Unless capped, the request stands between the verdict and its attributes.
  const auto verdict = front_as<nlmsgerr>(body);
  if ((header.nlmsg_flags & NLM_F_CAPPED) == 0 && verdict && verdict->msg.nlmsg_len > sizeof(nlmsghdr))
    behind += NLMSG_ALIGN(verdict->msg.nlmsg_len - sizeof(nlmsghdr));
  std::string words;
  if (behind >= body.size()) return words;
  each_attribute(body.substr(behind), [&](unsigned type, std::string_view payload) {
    if (type == NLMSGERR_ATTR_MSG) words = payload.substr(0, payload.find('\0'));
  });
  return words;
}

std::optional<RouteVerdict> verdict_in(const nlmsghdr& header, std::string_view body) {
  if (header.nlmsg_type == NLMSG_ERROR) {
    const auto verdict = front_as<nlmsgerr>(body);
    if (!verdict) throw Error("rtnetlink: an acknowledgement that is too short");
    return RouteVerdict{-verdict->error, words_of(header, body), false};
  }
  if (header.nlmsg_type == NLMSG_DONE) {
    // A dump that failed half-way says so at its end.
    const auto code = front_as<int>(body).value_or(0);
    return RouteVerdict{code < 0 ? -code : 0, {}, (header.nlmsg_flags & NLM_F_DUMP_INTR) != 0};
  }
  return std::nullopt;
}

}  // namespace

void each_attribute(std::string_view bytes, const std::function<void(unsigned, std::string_view)>& body) {
  while (!bytes.empty()) {
    const auto header = front_as<rtattr>(bytes);
    if (!header || header->rta_len < sizeof(rtattr) || header->rta_len > bytes.size())
      throw Error("rtnetlink: an attribute of a length that cannot be");
    body(header->rta_type & static_cast<unsigned>(NLA_TYPE_MASK), take(bytes, header->rta_len).substr(sizeof(rtattr)));
  }
}

RouteRequest::RouteRequest(unsigned type, unsigned flags, std::string_view header)
    : type_(type), flags_(flags | NLM_F_REQUEST), body_(header) {
  // Every request ends in a verdict, also one that is answered.
  if (!dumps()) flags_ |= NLM_F_ACK;
  pad(body_);
}

RouteRequest& RouteRequest::add(unsigned type, std::string_view payload) {
  const auto length = sizeof(rtattr) + payload.size();
  if (length > std::numeric_limits<decltype(rtattr::rta_len)>::max() || body_.size() + length > largest_request)
    throw Error("rtnetlink: " + std::to_string(payload.size()) + " bytes do not fit into a request");
  const rtattr header{static_cast<unsigned short>(length), static_cast<unsigned short>(type)};
  body_.append(bytes_of(header)).append(payload);
  pad(body_);
  return *this;
}

RouteRequest& RouteRequest::add_text(unsigned type, const std::string& text) {
  if (text.find('\0') != text.npos) throw Error("rtnetlink: a text with a NUL character in it");
  return add(type, {text.c_str(), text.size() + 1});
}

std::string RouteRequest::message(std::uint32_t sequence) const {
  nlmsghdr header{};
  header.nlmsg_len = static_cast<std::uint32_t>(sizeof header + body_.size());
  header.nlmsg_type = static_cast<std::uint16_t>(type_);
  header.nlmsg_flags = static_cast<std::uint16_t>(flags_);
  header.nlmsg_seq = sequence;
  return std::string(bytes_of(header)).append(body_);
}

std::optional<RouteVerdict> read_route_datagram(std::string_view datagram, std::uint32_t sequence,
                                                const std::function<void(unsigned, std::string_view)>& answer) {
  while (!datagram.empty()) {
    const auto header = front_as<nlmsghdr>(datagram);
    if (!header || header->nlmsg_len < sizeof(nlmsghdr) || header->nlmsg_len > datagram.size())
      throw Error("rtnetlink: a message of a length that cannot be");
    const auto body = take(datagram, header->nlmsg_len).substr(sizeof(nlmsghdr));
    if (header->nlmsg_seq != sequence) continue;  // left over from a question that was given up
    if (auto verdict = verdict_in(*header, body)) return verdict;
    if (header->nlmsg_type >= NLMSG_MIN_TYPE) answer(header->nlmsg_type, body);
  }
  return std::nullopt;
}

RouteSocket::RouteSocket() : socket_(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE)) {
  if (!socket_) throw Error::system("socket (AF_NETLINK, NETLINK_ROUTE)");
  // The kernel answers before send(2) returns; should an answer be lost, nobody has to wait for it for ever.
  static constexpr timeval patience{10, 0};
  ::setsockopt(socket_.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  const int on = 1;
  // Both only for better words: a kernel that knows neither answers all the same.
  ::setsockopt(socket_.get(), SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof on);
  ::setsockopt(socket_.get(), SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof on);
}

std::string_view RouteSocket::receive() {
  while (true) {
    sockaddr_nl sender{};
    socklen_t size = sizeof sender;
    // MSG_TRUNC: the true length, also of a datagram that does not fit.
    const auto got = ::recvfrom(socket_.get(), buffer_.data(), buffer_.size(), MSG_TRUNC,
                                reinterpret_cast<sockaddr*>(&sender), &size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw Error::system("receive from rtnetlink");
    if (sender.nl_pid != 0) continue;  // netlink(7): whoever knows the socket's address can send to it
    if (static_cast<std::size_t>(got) > buffer_.size()) throw Error("rtnetlink: an answer of more than 64 KiB");
    return {buffer_.data(), static_cast<std::size_t>(got)};
  }
}

RouteVerdict RouteSocket::ask(const RouteRequest& request, const Answer& answer) {
  static constexpr int most_tries = 5;
  buffer_.resize(largest_datagram);
  for (int tries = 1;; ++tries) {
    const auto message = request.message(++sequence_);
    if (::send(socket_.get(), message.data(), message.size(), 0) < 0) throw Error::system("send to rtnetlink");
    std::optional<RouteVerdict> verdict;
    while (!verdict) verdict = read_route_datagram(receive(), sequence_, answer);
    if (!verdict->torn || tries == most_tries) return std::move(*verdict);
  }
}

void RouteSocket::demand(const RouteRequest& request, std::string_view attempt) {
  const auto verdict = ask(request);
  if (verdict.code == 0) return;
  if (verdict.text.empty()) throw Error::system(attempt, verdict.code);
  const auto error = Error::system(attempt, verdict.code);
  throw Error(std::string(error.what()) + " (" + verdict.text + ")", verdict.code);
}

}  // namespace oci

// SPDX-License-Identifier: Apache-2.0
#include "base/channel.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <string>
#include <vector>

#include "oci/error.hpp"
#include "support/catch.hpp"
#include "support/descriptors.hpp"

using namespace oci;

namespace {

/// Fills what the next call will have for its variables.
[[gnu::noinline]] void soil_stack() {
  volatile unsigned char secrets[4096];
  for (auto& byte : secrets) byte = 0xAA;
}

std::string datagram(FdRef channel) {
  std::array<char, 64> bytes{};
  const auto got = ::recv(channel.get(), bytes.data(), bytes.size(), 0);
  return {bytes.data(), static_cast<std::size_t>(std::max<ssize_t>(got, 0))};
}

/// As our own sender would never do it.
void send_raw(FdRef channel, std::size_t size, const std::vector<int>& descriptors) {
  std::array<char, 64> text{};
  iovec part{text.data(), size};
  alignas(cmsghdr) std::array<char, 64> room{};
  msghdr out{};
  out.msg_iov = &part;
  out.msg_iovlen = 1;
  out.msg_control = room.data();
  out.msg_controllen = CMSG_SPACE(descriptors.size() * sizeof(int));
  auto* rights = CMSG_FIRSTHDR(&out);
  *rights = {.cmsg_len = CMSG_LEN(descriptors.size() * sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
  std::memcpy(CMSG_DATA(rights), descriptors.data(), descriptors.size() * sizeof(int));
  REQUIRE(::sendmsg(channel.get(), &out, 0) >= 0);
}

}  // namespace

TEST_CASE("the last word is heard of who left with words for him unread") {
  auto [ours, theirs] = make_channel();
  REQUIRE(send(ours, {Word::go, 0, 0, {}, {}}));
  REQUIRE(send(theirs, {Word::failure, 7, EACCES, "why", {}}));
  theirs.reset();
  const auto last = receive(ours);
  REQUIRE(last);
  CHECK(last->word == Word::failure);
  CHECK(last->text == "why");
  CHECK_FALSE(receive(ours));
}

TEST_CASE("a message tells the other side nothing but its word, step, and code") {
  const auto [ours, theirs] = make_channel();
  std::string expected(12, '\0');
  expected[0] = static_cast<char>(Word::listener);
  expected[4] = 5;
  expected[8] = 6;
  soil_stack();
  REQUIRE(say(ours, Word::listener, 5, 6));
  CHECK(datagram(theirs) == expected);
  soil_stack();
  REQUIRE(send(ours, {Word::listener, 5, 6, "x", {}}));
  CHECK(datagram(theirs) == expected + "x");
}

TEST_CASE("a message with one descriptor too many leaves none behind") {
  const auto [ours, theirs] = make_channel();
  const auto before = test::open_descriptors();
  send_raw(theirs, 12, {0, 0});
  CHECK_THROWS_WITH(receive(ours), "a message from the other process has more than one descriptor");
  CHECK(test::open_descriptors() == before);
}

TEST_CASE("a message that is cut short leaves no descriptor behind") {
  const auto [ours, theirs] = make_channel();
  const auto before = test::open_descriptors();
  send_raw(theirs, 3, {0});
  CHECK_THROWS_WITH(receive(ours), "a message from the other process is cut short");
  CHECK(test::open_descriptors() == before);
}

// SPDX-License-Identifier: Apache-2.0
#include "base/channel.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstring>

#include "oci/error.hpp"
#include "support/catch.hpp"
#include "support/descriptors.hpp"

using namespace oci;

namespace {

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

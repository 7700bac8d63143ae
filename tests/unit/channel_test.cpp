// SPDX-License-Identifier: Apache-2.0
#include "base/channel.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <string>

#include "support/catch.hpp"

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

}  // namespace

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

// SPDX-License-Identifier: Apache-2.0
#include "quantities.hpp"

#include "oci/error.hpp"
#include "support/catch.hpp"

using namespace oci;
using namespace oci::cli;
using namespace std::chrono_literals;

TEST_CASE("sizes are powers of 1024, however the unit is spelled") {
  CHECK(bytes("0") == 0);
  CHECK(bytes("4096") == 4096);
  CHECK(bytes("4096b") == 4096);
  for (const auto* text : {"50m", "50M", "50mb", "50MB", "50MiB", "50 MiB"}) CHECK(bytes(text) == 52'428'800);
  CHECK(bytes("1k") == 1024);
  CHECK(bytes("3g") == 3'221'225'472);
  CHECK(bytes("2T") == 2'199'023'255'552);
  CHECK(bytes("1pib") == 1'125'899'906'842'624);
  CHECK(bytes("9223372036854775807") == INT64_MAX);
}

TEST_CASE("a part of a unit is rounded down to bytes") {
  CHECK(bytes("1.5k") == 1536);
  CHECK(bytes("0.1k") == 102);
  CHECK(bytes("1.b") == 1);
}

TEST_CASE("what is no size is refused") {
  for (const auto* text :
       {"", "k", "-1", "-5M", "5X", "5kk", "5 k b", "5ki", "5.5.5M", "0x10", "+5", " 5", "5  M", ".5k"})
    CHECK_THROWS_AS(bytes(text), Error);
  CHECK_THROWS_AS(bytes("9223372036854775808"), Error);
  CHECK_THROWS_AS(bytes("8192p"), Error);
  CHECK_THROWS_AS(bytes("99999999999999999999999"), Error);
}

TEST_CASE("durations are Go's") {
  CHECK(duration("1s") == 1s);
  CHECK(duration("100ms") == 100ms);
  CHECK(duration("1m30s") == 90s);
  CHECK(duration("2h0.5m") == 7230s);
  CHECK(duration(".5s") == 500ms);
  CHECK(duration("1.s") == 1s);
  CHECK(duration("3us") == 3us);
  CHECK(duration("3µs") == 3us);
  CHECK(duration("7ns") == 7ns);
  CHECK(duration("0") == 0s);
  CHECK(duration("+1s") == 1s);
  CHECK(duration("-1m") == -60s);
}

TEST_CASE("what is no duration is refused") {
  for (const auto* text : {"", "5", "s", ".s", "-", "1s5", "1d", "1 s", "s1", "1.5.5s", "9999999h", "2562047h59m"})
    CHECK_THROWS_AS(duration(text), Error);
}

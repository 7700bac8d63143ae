// SPDX-License-Identifier: Apache-2.0
#include "spec/number_list.hpp"

#include "oci/error.hpp"
#include "support/catch.hpp"

using namespace oci;
using namespace Catch::Matchers;

TEST_CASE("a list of CPUs is numbers and ranges between commas") {
  CHECK(parse_number_list("") == BitMask{});
  CHECK(parse_number_list("0") == BitMask{1});
  CHECK(parse_number_list("0-3,7") == BitMask{0x8f});
  CHECK(parse_number_list("7,0-3,2") == BitMask{0x8f});
  CHECK(parse_number_list("63-64") == BitMask{std::uint64_t{1} << 63U, 1});
}

TEST_CASE("a list may name more CPUs than a cpu_set_t has") {
  const auto mask = parse_number_list("0-2047");
  CHECK(mask.size() == 32);
  CHECK(count(mask) == 2048);
  CHECK(count(parse_number_list("65535")) == 1);
}

TEST_CASE("what is no list is refused, and quoted") {
  for (const auto* text : {",", "0,", ",1", "a", "1-", "-1", "3-1", "1 ", " 1", "0-3-5", "0x1", "65536", "0-9876543210",
                           "99999999999999999999", "1;2", "0-3:1/2", "+1"}) {
    INFO(text);
    CHECK_THROWS_WITH(parse_number_list(text),
                      StartsWith("\"" + std::string(text) + "\" is not a list of numbers such as \"0-3,7\": "));
  }
}

TEST_CASE("a mask reads as the list that it was made from") {
  for (const auto* text : {"", "0", "0-3,7", "5,64-130,1024"}) CHECK(number_list(parse_number_list(text)) == text);
}

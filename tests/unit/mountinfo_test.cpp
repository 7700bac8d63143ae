// SPDX-License-Identifier: Apache-2.0
#include "kernel/mountinfo.hpp"

#include "support/catch.hpp"

using namespace oci;

TEST_CASE("a mount table has the id, root, point and type of each mount") {
  const auto entries = parse_mountinfo(
      "36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue\n"
      "40 36 0:5 / /with\\040blank\\134slash rw shared:1 master:2 - proc proc rw\n");
  REQUIRE(entries.size() == 2);
  CHECK(entries[0].id == 36);
  CHECK(entries[0].root == "/mnt1");
  CHECK(entries[0].point == "/mnt2");
  CHECK(entries[0].type == "ext3");
  CHECK(entries[1].point == "/with blank\\slash");
  CHECK(entries[1].type == "proc");
}

TEST_CASE("lines of a mount table that make no sense are left out") {
  CHECK(parse_mountinfo("").empty());
  CHECK(parse_mountinfo("\n\nx y z\n36\n36 35 98:0 /a /b rw\n36 35 98:0 /a /b rw -").empty());
  CHECK(parse_mountinfo("1 2 0:1 / /\\04 rw - t").at(0).point == "/\\04");
}

TEST_CASE("a path is below a directory only at a slash") {
  CHECK(is_at_or_below("/a", "/a"));
  CHECK(is_at_or_below("/a/b", "/a"));
  CHECK(is_at_or_below("/a", "/"));
  CHECK_FALSE(is_at_or_below("/ab", "/a"));
  CHECK_FALSE(is_at_or_below("/", "/a"));
}
